"""The Compare tab and the X-ray on the live page: columns, misses, links, steps, and n_probe that is moved in place."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from core.search import Query
from core.search.explain import xray

from .conftest import Live, playwright
from .test_look import CONTRAST, UNNAMED

expect = playwright.expect
Page = Any
SLOW_MS = 60_000  # indexes are loaded at the first comparison, on a busy machine for seconds


@pytest.fixture(scope="module")
def missed(live: Live) -> tuple[int, int]:
    """A satellite tile and an n_probe with which ivfpq misses a neighbour that more probes bring back."""
    engine, store = live.engine, live.engine.vectors("satellite")
    index = engine.load_index("satellite", "ivfpq")
    for row in range(len(store)):
        seen = xray(index, store.vectors[row], store.vectors, store.ids, k=10, n_probe=1)
        lost = [one for one in seen.neighbours if one.verdict == "list"]
        if lost and max(one.list_rank for one in lost) <= 4:
            return int(store.ids[row]), max(one.list_rank for one in lost)
    pytest.fail("ivfpq misses nothing in this gallery")


@pytest.fixture
def opened(page: Page, live: Live) -> Callable[[str], Page]:
    """Open the tab and wait for what it shows."""

    def go(path: str) -> Page:
        page.goto(f"{live.url}?tab=compare&{path}")
        expect(page.locator(".pm-compare-cell:visible, .pm-xray-words h2").first).to_be_visible(timeout=SLOW_MS)
        return page

    return go


def column(page: Page, index: str, kind: str) -> list[int]:
    cells = page.locator(f'.pm-compare-cell[data-index="{index}"][data-kind="{kind}"]')
    return [int(one) for one in cells.evaluate_all("(all) => all.map((one) => one.dataset.id)")]


def test_columns_show_what_each_index_finds_and_empty_frames_what_it_misses(opened, live, missed) -> None:
    image_id, _ = missed
    page = opened(f"gallery=satellite&id={image_id}")
    exact = [
        one.image_id for one in live.engine.search("satellite", Query.stored(image_id), k=10, index="flat").results
    ]
    ours = [
        one.image_id for one in live.engine.search("satellite", Query.stored(image_id), k=10, index="ivfpq").results
    ]
    assert column(page, "flat", "found") == exact
    assert column(page, "ivfpq", "found") == [one for one in exact if one in ours]
    assert column(page, "ivfpq", "missed") == [one for one in exact if one not in ours]
    assert sorted(column(page, "ivfpq", "wrong")) == sorted(set(ours) - set(exact))
    names = page.locator(".pm-compare-names b").all_inner_texts()
    assert names == ["flat", "ivfpq", "faiss-flat", "archive-codes"]  # those that this gallery has
    recall = page.locator(".pm-compare-number").first.locator("td").all_inner_texts()
    assert recall[1] == f"{len(set(ours) & set(exact)) / 10:.2f}"


def test_the_same_picture_is_linked_in_all_columns_and_a_miss_says_why(opened, missed) -> None:
    image_id, _ = missed
    page = opened(f"gallery=satellite&id={image_id}&compare=k:20")
    hole = page.locator(".pm-is-missed").first
    hole.click()
    told = page.locator(".pm-compare-told")
    expect(told).to_contain_text("Missed by")
    expect(told).to_contain_text(re.compile(r"its (list|code|16-byte code)"), timeout=SLOW_MS)
    linked = page.locator(".pm-compare-cell.pm-linked")
    ids = set(linked.evaluate_all("(all) => all.map((one) => one.dataset.id)"))
    assert ids == {hole.get_attribute("data-id")}
    expect(page.locator(".pm-compare-links path")).to_have_count(linked.count() - 1)
    expect(page.locator(".pm-compare-links .pm-broken").first).to_be_attached()
    page.keyboard.press("Escape")
    expect(page.locator(".pm-compare-links path")).to_have_count(0)


def test_arrow_keys_walk_and_tell(opened) -> None:
    page = opened("gallery=paintings&id=5")
    first = page.locator(".pm-compare-cell").first
    first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    here = page.locator(".pm-compare-cell:focus")
    expect(here).to_have_attribute("data-index", "ivfpq")
    expect(page.locator(".pm-compare-told")).to_contain_text("true neighbour 2 of 10")
    assert page.locator('.pm-compare-cell[tabindex="0"]').count() == 1


def test_columns_are_chosen_and_sorted_and_kept_in_the_address(opened, page) -> None:
    opened("gallery=satellite&id=12")
    page.get_by_text("All 4 columns").click()
    page.get_by_role("checkbox", name="faiss-flat").uncheck()
    expect(page.locator(".pm-compare-names b")).to_have_text(["flat", "ivfpq", "archive-codes"])
    unbuilt = page.get_by_role("checkbox", name="lopq")
    expect(unbuilt).to_be_disabled()
    expect(page.locator(".pm-compare-pick", has=unbuilt)).to_contain_text("not built")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Sort by memory").or_(
        page.locator(".pm-compare-number button", has_text="memory")
    ).first.click()
    expect(page).to_have_url(re.compile("by:memory"))
    sizes = [float(one) for one in page.locator(".pm-compare-number").nth(2).locator("td").all_inner_texts()]
    assert sizes == sorted(sizes)
    page.get_by_label("Neighbours").select_option("5")
    expect(page.locator(".pm-compare-rank")).to_have_count(5, timeout=SLOW_MS)
    page.reload()
    expect(page.locator(".pm-compare-rank")).to_have_count(5, timeout=SLOW_MS)
    expect(page.locator(".pm-compare-names b")).to_have_count(3)


def test_the_table_is_downloaded_as_it_is_shown(opened, tmp_path: Path) -> None:
    page = opened("gallery=satellite&id=12&compare=cols:flat,ivfpq")
    page.locator(".pm-compare-menu summary", has_text="Save").click()
    with page.expect_download(timeout=SLOW_MS) as download:
        page.get_by_role("button", name="Everything (JSON)").click()
    download.value.save_as(tmp_path / "compared.json")
    found = json.loads((tmp_path / "compared.json").read_text())
    assert [one["index"] for one in found["columns"]] == ["flat", "ivfpq"]
    assert found["truth"] == column(page, "flat", "found")


def test_a_picture_is_brought_by_hand_and_one_that_is_none_is_refused(page, live, tmp_path: Path) -> None:
    page.goto(f"{live.url}?tab=compare&gallery=paintings")
    expect(page.get_by_role("heading", name="One picture, every index at once")).to_be_visible(timeout=SLOW_MS)
    (tmp_path / "bad.png").write_bytes(b"nothing")
    chooser = page.get_by_label("Choose a picture to compare with")
    chooser.set_input_files(tmp_path / "bad.png")
    expect(page.locator(".pm-compare-trouble")).to_contain_text("not a picture", timeout=SLOW_MS)
    Image.effect_mandelbrot((300, 200), (-2, -1, 1, 1), 20).convert("RGB").save(tmp_path / "fractal.png")
    chooser.set_input_files(tmp_path / "fractal.png")
    expect(page.get_by_role("heading", name="fractal.png")).to_be_visible(timeout=SLOW_MS)
    expect(page.locator(".pm-compare-rank")).to_have_count(10, timeout=SLOW_MS)
    expect(page.locator(".pm-compare-trouble")).to_be_hidden()


def test_a_lost_neighbour_is_brought_back_by_probing_what_the_x_ray_says(opened, missed) -> None:
    image_id, enough = missed
    page = opened(f"gallery=satellite&id={image_id}&compare=xray:ivfpq~probe:1~step:6")
    lost = page.locator(".pm-xray-fates .pm-is-lost")
    before = lost.count()
    assert before
    page.get_by_role("button", name=f"Probe {enough} lists instead of 1").click()
    expect(page.locator(".pm-xray-probes")).to_have_text(re.compile(f"^{enough} of"), timeout=SLOW_MS)
    expect(page).to_have_url(re.compile(f"probe:{enough}"))
    page.wait_for_function(f"document.querySelectorAll('.pm-xray-fates .pm-is-lost').length < {before}")
    expect(lost.filter(has_text="n_probe")).to_have_count(0)


def test_every_step_shows_this_search_and_moving_n_probe_changes_it(opened, live, missed) -> None:
    image_id, _ = missed
    page = opened(f"gallery=satellite&id={image_id}&compare=xray:ivfpq~probe:2")
    store, index = live.engine.vectors("satellite"), live.engine.load_index("satellite", "ivfpq")
    query = store.get([image_id])[0]
    seen = xray(index, query, store.vectors, store.ids, k=10, n_probe=2)
    expect(page.locator(".pm-xray-cell")).to_have_count(seen.n_lists)
    expect(page.locator(".pm-xray-cell.pm-lit")).to_have_count(1)
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("heading", name="2. Probing")).to_be_visible()
    expect(page.locator(".pm-xray-cell.pm-lit")).to_have_count(2)
    expect(page.locator(".pm-xray-words")).to_contain_text(f"hold {seen.n_scanned} of {len(store)} codes")
    page.get_by_role("button", name=f"What is in list {seen.probed[0]}", exact=True).focus()
    expect(page.locator(".pm-xray-inside")).to_contain_text(f"List {seen.probed[0]}: the nearest", timeout=SLOW_MS)
    expect(page.locator(".pm-xray-inside img").first).to_be_visible(timeout=SLOW_MS)
    dial = page.get_by_label("n_probe: lists that are opened")
    dial.focus()
    dial.press("ArrowRight")
    more = xray(index, query, store.vectors, store.ids, k=10, n_probe=3)
    expect(page.locator(".pm-xray-words")).to_contain_text(
        f"hold {more.n_scanned} of {len(store)} codes", timeout=SLOW_MS
    )
    expect(page.locator(".pm-xray-cell.pm-lit")).to_have_count(3)
    page.get_by_role("button", name="3 Look-up tables").click()
    expect(page.locator(".pm-xray-sums li")).to_have_count(16, timeout=SLOW_MS)
    parts = [float(one.split()[-1]) for one in page.locator(".pm-xray-sums li").all_inner_texts()]
    total = float(page.locator(".pm-xray-total b").first.inner_text())
    assert abs(sum(parts) - total) < 2e-4  # what is shown is rounded
    page.get_by_role("button", name="4 Scanning codes").click()
    expect(page.locator(".pm-xray-heap li")).to_have_count(10)
    scrub = page.get_by_label("Codes scanned so far")
    scrub.focus()
    scrub.press("Home")
    expect(page.locator(".pm-xray-heap li")).to_have_count(1)
    expect(page.locator(".pm-xray-scan .pm-xray-facts")).to_contain_text("none yet")
    page.get_by_role("button", name="5 Re-ranking").click()
    expect(page.locator(".pm-xray-curve li").first).to_contain_text(f"{round(more.recall * 10)} of 10")


def test_a_filter_holds_for_columns_and_x_ray(opened, live) -> None:
    page = opened("gallery=satellite&id=12")
    page.locator(".pm-compare-filters summary").click()
    page.locator(".pm-compare-filters").get_by_role("checkbox", name=re.compile(r"^land \d")).check()
    expect(page).to_have_url(re.compile("where.surface=land"))
    wanted = live.engine.search("satellite", Query.stored(12), k=10, index="flat", where={"surface": "land"})
    expect(page.locator(".pm-compare-about")).to_contain_text(
        f"{wanted.n_searched} pictures that pass", timeout=SLOW_MS
    )
    assert column(page, "flat", "found") == [one.image_id for one in wanted.results]
    expect(page.locator(".pm-compare-knobs", has_text=f"all {wanted.n_searched} scanned")).to_have_count(1)  # ivfpq
    page.keyboard.press("Escape")
    page.get_by_role("button", name="X-ray", exact=True).click()
    expect(page.locator(".pm-xray-filtered")).to_contain_text(
        f"keep {wanted.n_searched} of 612 pictures, so few that all of their codes are scanned", timeout=SLOW_MS
    )
    expect(page.get_by_label("n_probe: lists that are opened")).to_be_disabled()
    page.get_by_role("button", name="6 What was lost").click()
    shown = page.locator(".pm-xray-fates ol").first.locator("li")
    ids = shown.evaluate_all("(all) => all.map((one) => Number(one.dataset.id))")
    assert ids == [one.image_id for one in wanted.results]
    page.get_by_role("button", name="Remove filter Surface: land").click()
    expect(page.locator(".pm-xray-filtered")).to_be_hidden(timeout=SLOW_MS)
    expect(page.get_by_label("n_probe: lists that are opened")).to_be_enabled()


def test_filters_that_nothing_passes_say_so_in_both_views(page, live) -> None:
    for view in ("", "&compare=xray:ivfpq"):
        page.goto(f"{live.url}?tab=compare&gallery=satellite&id=12&where.surface=nothing{view}")
        expect(page.locator(".pm-compare-nothing")).to_be_visible(timeout=SLOW_MS)
        expect(page.locator(".pm-compare-frame")).to_be_hidden()
        expect(page.locator(".pm-xray")).to_be_hidden()
        assert page.locator(".pm-compare-trouble").is_hidden()


def test_an_index_without_codes_says_what_to_choose(page, live) -> None:
    page.goto(f"{live.url}?tab=compare&gallery=satellite&id=12&compare=xray:flat")
    expect(page.get_by_role("heading", name="Nothing to look into")).to_be_visible(timeout=SLOW_MS)
    expect(page.locator(".pm-xray-cannot .pm-button")).to_have_text(["Look into ivfpq"])  # the only one that is built
    page.get_by_role("button", name="Look into ivfpq").click()
    expect(page.get_by_role("heading", name="1. Coarse assignment")).to_be_visible(timeout=SLOW_MS)


def test_both_views_can_be_read_by_all(opened, page) -> None:
    for view in ("", "xray:ivfpq", "xray:ivfpq~step:3", "xray:ivfpq~step:4", "xray:ivfpq~step:6"):
        opened(f"gallery=satellite&id=12&compare={view}")
        page.wait_for_function(f"({CONTRAST})().length === 0")
        assert page.evaluate(UNNAMED) == []
    page.get_by_role("button", name="Dark colours").click()
    page.wait_for_function("getComputedStyle(document.body).backgroundColor === 'rgb(20, 21, 23)'")
    page.wait_for_function(f"({CONTRAST})().length === 0")
    for filtered in ("", "&where.surface=land", "&where.surface=land&compare=xray:ivfpq~step:2"):
        opened(f"gallery=satellite&id=12{filtered}")
        page.wait_for_function(f"({CONTRAST})().length === 0")


def test_a_phone_swipes_through_the_columns_and_steps_through_the_x_ray(make_page, live) -> None:
    page = make_page(390, 844, has_touch=True, is_mobile=True)
    page.goto(f"{live.url}?tab=compare&gallery=satellite&id=12")
    expect(page.locator(".pm-compare-cell").first).to_be_visible(timeout=SLOW_MS)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator(".pm-compare-filters summary").tap()
    expect(page.locator(".pm-compare-filters .pm-popover")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator(".pm-compare-filters summary").tap()
    frame = page.locator(".pm-compare-frame")
    assert frame.evaluate("(one) => one.scrollWidth > one.clientWidth")
    frame.evaluate("(one) => one.scrollTo(one.scrollWidth, 0)")
    expect(page.locator(".pm-compare-names b").last).to_be_in_viewport()
    expect(page.locator(".pm-compare-rank").first).to_be_in_viewport()  # what is a row of stays
    page.get_by_role("button", name="X-ray", exact=True).tap()
    for step in range(1, 7):
        expect(page.locator(".pm-xray-words h2")).to_contain_text(f"{step}. ", timeout=SLOW_MS)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        if step < 6:
            page.get_by_role("button", name="Next").tap()
