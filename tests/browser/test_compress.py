"""The Compress tab: a picture in, true numbers out, and archives that open."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.archive.reader import Archive

SLOW_MS = 60_000  # loading the model and coding a painting on a busy machine


@pytest.fixture
def compressed(live, page: Page) -> Page:
    """The tab with the gallery's first example in it."""
    page.goto(live.url + "?tab=compress&gallery=paintings")
    page.locator(".pm-compress-examples button").first.click(timeout=SLOW_MS)
    expect(page.locator(".pm-compress-numbers dd").first).to_contain_text("B", timeout=SLOW_MS)
    return page


def shown(page: Page, name: str) -> str:
    return page.locator(".pm-compress-numbers div").filter(has_text=name).first.locator("dd").inner_text()


def test_the_slider_shows_the_bytes_that_the_archive_has(compressed: Page, tmp_path: Path) -> None:
    slider = compressed.get_by_label("Quality")
    slider.focus()
    for _ in range(2):
        before = shown(compressed, "Bytes")
        slider.press("ArrowLeft")
        expect(compressed.locator(".pm-compress-numbers dd").first).not_to_have_text(before, timeout=SLOW_MS)
    n_bytes = int(shown(compressed, "Bytes").replace(",", "").removesuffix(" B"))
    with compressed.expect_download(timeout=SLOW_MS) as download:
        compressed.get_by_role("button", name="Archive, .pent").click()
    download.value.save_as(tmp_path / "one.pent")
    with Archive.open(tmp_path / "one.pent") as archive:
        assert archive.lengths.tolist() == [n_bytes]
        assert archive.faults() == []
    assert re.fullmatch(r"1:\d+", shown(compressed, "Ratio"))


def test_a_move_of_the_slider_is_marked_at_once_and_what_is_known_comes_back_without_waiting(compressed: Page) -> None:
    expect(compressed.get_by_role("radio")).to_have_count(5, timeout=SLOW_MS)  # all is quiet
    before = shown(compressed, "Bytes")
    moved = """(slider, by) => {
        slider.value = String(Number(slider.value) + by);
        slider.dispatchEvent(new Event("input", { bubbles: true }));
        const ticks = [...document.querySelectorAll(".pm-compress-ticks span")];
        const number = document.querySelector(".pm-compress-numbers dd").textContent;
        return { at: ticks.findIndex((one) => one.classList.contains("pm-now")), value: Number(slider.value), number };
    }"""
    slider = compressed.get_by_label("Quality")
    there = slider.evaluate(moved, 1)
    assert there["at"] == there["value"]
    expect(compressed.locator(".pm-cv-name-right")).to_contain_text("Pentimento", timeout=SLOW_MS)
    expect(compressed.locator(".pm-compress-numbers")).not_to_have_class(re.compile("pm-pending"), timeout=SLOW_MS)
    assert shown(compressed, "Bytes") != before
    back = slider.evaluate(moved, -1)
    assert (back["at"], back["number"]) == (there["at"] - 1, before)
    assert compressed.locator(".pm-cv-name-right").inner_text().startswith("Pentimento")


def test_other_formats_and_search_are_shown_beside_ours(compressed: Page) -> None:
    cards = compressed.get_by_role("radio")
    expect(cards).to_have_count(5, timeout=SLOW_MS)
    jpeg = compressed.get_by_role("radio").filter(has_text="JPEG").last
    jpeg.click()
    expect(jpeg).to_have_attribute("aria-checked", "true")
    expect(compressed.locator(".pm-cv-name-right")).to_contain_text("JPEG")
    rows = compressed.locator(".pm-compress-row")
    expect(rows).to_have_count(3, timeout=SLOW_MS)
    expect(rows.nth(1)).to_contain_text(re.compile(r"\d+ of 10 the same"))
    expect(rows.first.locator("img")).to_have_count(10)
    expect(compressed.locator(".pm-compress-chart svg")).to_be_visible(timeout=SLOW_MS)


def test_the_divider_moves_with_the_keyboard_and_the_pictures_zoom_together(compressed: Page) -> None:
    divider = compressed.get_by_role("slider", name="Divider between original and restored")
    divider.focus()
    divider.press("End")
    expect(divider).to_have_attribute("aria-valuenow", "100")
    compressed.get_by_role("button", name="Zoom in").click()
    widths = compressed.locator(".pm-cv-stage img").evaluate_all("(all) => all.map((one) => one.style.width)")
    assert len(set(widths)) == 1
    compressed.get_by_role("button", name="Difference").click()
    expect(compressed.locator(".pm-cv-name-right")).to_contain_text("Difference")


def test_a_dropped_archive_shows_its_pictures_and_can_be_searched(compressed: Page, tmp_path: Path) -> None:
    with compressed.expect_download(timeout=SLOW_MS) as download:
        compressed.get_by_role("button", name="Archive, .pent").click()
    download.value.save_as(tmp_path / "one.pent")
    compressed.get_by_label("Choose a picture or an archive").set_input_files(tmp_path / "one.pent")
    cell = compressed.locator(".pm-compress-cell")
    expect(cell).to_have_count(1, timeout=SLOW_MS)
    expect(cell.locator("img")).to_have_attribute("src", re.compile("picture.webp"), timeout=SLOW_MS)
    cell.click()
    expect(compressed.locator(".pm-compress-archive .pm-quiet")).to_contain_text("searched 1 codes", timeout=SLOW_MS)
    keep = compressed.get_by_role("button", name="Keep as a gallery")
    keep.click()
    command = compressed.locator(".pm-compress-keep pre")
    expect(command).to_contain_text("python -m core data import one.pent --name one-archive")
    keep.click()
    expect(command).to_be_hidden()


def test_a_damaged_record_of_an_archive_is_named_in_its_place(compressed: Page, tmp_path: Path) -> None:
    with compressed.expect_download(timeout=SLOW_MS) as download:
        compressed.get_by_role("button", name="Archive, .pent").click()
    download.value.save_as(tmp_path / "one.pent")
    with Archive.open(tmp_path / "one.pent") as archive:
        stream = archive.record(0).data
    data = bytearray((tmp_path / "one.pent").read_bytes())
    data[data.index(stream) + len(stream) // 2] ^= 1
    (tmp_path / "hurt.pent").write_bytes(data)
    compressed.get_by_label("Choose a picture or an archive").set_input_files(tmp_path / "hurt.pent")
    expect(compressed.locator(".pm-compress-cell.pm-damaged p")).to_contain_text("damaged", timeout=SLOW_MS)


def test_what_is_no_picture_is_said_in_words(live, page: Page, tmp_path: Path) -> None:
    (tmp_path / "bad.pent").write_bytes(b"nothing")
    (tmp_path / "bad.png").write_bytes(b"nothing")
    page.goto(live.url + "?tab=compress&gallery=paintings")
    expect(page.locator(".pm-compress-empty")).to_be_visible(timeout=SLOW_MS)
    for name, words in (("bad.pent", "not a .pent archive"), ("bad.png", "not a picture")):
        page.get_by_label("Choose a picture or an archive").set_input_files(tmp_path / name)
        expect(page.locator(".pm-compress-trouble")).to_contain_text(words, timeout=SLOW_MS)
