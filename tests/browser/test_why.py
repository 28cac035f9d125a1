"""Why two pictures were put side by side, as a person sees it."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from core.search import Query
from core.search.calibrate import calibrate
from core.search.looks import measure
from core.search.why import Reasons

PAINTINGS = "paintings@efficientnet_lite0"


@pytest.fixture(scope="module")
def measured(live: Any) -> Any:
    for gallery in ("paintings", "satellite"):
        measure(live.engine.vectors(gallery).address, live.settings)
    return live


def dialog(page: Page) -> Any:
    return page.get_by_role("dialog", name="Why similar")


def test_the_dialog_says_what_core_finds(measured, page, visit) -> None:
    visit("?id=32&k=12")
    why = Reasons(measured.engine).why(
        PAINTINGS, Query.stored(32), 62, calibration=calibrate(measured.engine.vectors(PAINTINGS).vectors)
    )
    cell = page.locator(".pm-cell:has(.pm-open[data-id='62'])")
    cell.hover()
    cell.get_by_role("button", name="Why similar").click()
    shown = dialog(page)
    expect(shown.get_by_role("heading", level=2)).to_have_text(why.sentence)
    for aspect in why.aspects:
        section = shown.locator(f"[data-aspect={aspect.name}]")
        expect(section).to_contain_text(f"{aspect.score:.2f}".lstrip("0"))
        expect(section).to_contain_text(aspect.sentence)
    for colour in why.colours:
        expect(shown.locator("[data-aspect=colour]")).to_contain_text(f"{colour.name} {round(100 * colour.share)} %")
    assert why.heat
    for side, name in enumerate(("here", "there")):
        picture = shown.locator(".pm-pair-picture").nth(side)
        ground = picture.bounding_box()
        boxes = [box.bounding_box() for box in picture.locator(".pm-frame-match").all()]
        assert ground
        assert len(boxes) == len(why.heat.matches)
        for match, box in zip(why.heat.matches, boxes, strict=True):
            x0, y0, x1, y1 = getattr(match, name)
            assert box["x"] - ground["x"] == pytest.approx(x0 * ground["width"], abs=1)
            assert box["y"] - ground["y"] == pytest.approx(y0 * ground["height"], abs=1)
            assert box["width"] == pytest.approx((x1 - x0) * ground["width"], abs=1)
            assert box["height"] == pytest.approx((y1 - y0) * ground["height"], abs=1)
    expect(shown.locator(".pm-links path")).to_have_count(len(why.heat.matches))
    assert "why=62" in page.url


def test_heat_and_regions_are_switched_off_and_on(measured, page, visit) -> None:
    visit("?id=32&k=12&why=62")
    shown = dialog(page)
    expect(shown.locator(".pm-bright").first).to_be_visible()
    shown.get_by_role("button", name="Heat map").click()
    expect(shown.locator(".pm-bright").first).to_be_hidden()
    expect(shown.get_by_role("button", name="Heat map")).to_have_attribute("aria-pressed", "false")
    shown.get_by_role("button", name="Matching regions").click()
    expect(shown.locator(".pm-frame-match").first).to_be_hidden()


def test_the_keyboard_opens_walks_and_closes_it(measured, page, visit) -> None:
    visit("?id=32&k=12")
    ids = [result.image_id for result in measured.engine.search(PAINTINGS, Query.stored(32), k=12).results]
    page.locator(".pm-open").nth(1).focus()
    page.keyboard.press("w")
    expect(dialog(page)).to_contain_text("2 of 12")
    page.keyboard.press("ArrowRight")
    expect(dialog(page)).to_contain_text("3 of 12")
    assert f"why={ids[2]}" in page.url
    page.keyboard.press("Escape")
    expect(dialog(page)).to_be_hidden()
    page.wait_for_function(f"document.activeElement.dataset.id === '{ids[2]}'")


def test_of_several_query_pictures_another_can_be_compared(measured, page, visit) -> None:
    visit("?id=32&also=5&k=12&why=62")
    shown = dialog(page)
    members = shown.locator(".pm-why-member")
    expect(members).to_have_count(2)
    expect(members.nth(0)).to_have_attribute("aria-pressed", "true")
    members.nth(1).click()
    expect(members.nth(1)).to_have_attribute("aria-pressed", "true")
    wanted = Reasons(measured.engine).why(PAINTINGS, Query.stored(5), 62).aspects[0].score
    expect(shown.locator("[data-aspect=content] h3")).to_contain_text(f"{wanted:.2f}".lstrip("0"))


def test_it_steers_and_leads_to_the_details_and_back(measured, page, visit, expect_ids) -> None:
    visit("?id=32&k=12&why=62")
    dialog(page).get_by_role("button", name="Details").click()
    drawer = page.get_by_role("dialog", name="Details")
    expect(drawer).to_contain_text(re.compile(r"More alike than [\d.]+ % of random pairs in this gallery"))
    drawer.get_by_role("button", name="Why similar").click()
    expect(dialog(page)).to_be_visible()
    dialog(page).get_by_role("button", name="More like this").click()
    wanted = measured.engine.search(PAINTINGS, Query.stored(32).steered(plus=(62,)), k=12).results
    expect_ids(page, [result.image_id for result in wanted])
    expect(dialog(page)).to_be_hidden()


def test_a_region_of_an_upload_is_shown_as_it_was_cut(measured, page, visit) -> None:
    dataset = measured.engine.dataset("satellite")
    visit("?gallery=satellite&k=6")
    page.get_by_label("Choose a picture").set_input_files(dataset.source_path(dataset.catalog.get(200)))
    expect(page.locator(".pm-headline")).to_contain_text("look-alikes")
    page.get_by_role("button", name="Search a region").click()
    page.get_by_label("Right edge in percent").fill("50")
    page.get_by_label("Right edge in percent").blur()
    page.wait_for_function("document.querySelector('.pm-results').ariaBusy === 'false'")
    page.locator(".pm-cell").nth(1).hover()
    page.locator(".pm-why-it").nth(1).click()
    picture = dialog(page).locator(".pm-pair-picture").first
    expect(picture.locator(".pm-bright")).to_be_visible()
    box = picture.bounding_box()
    assert box
    assert box["width"] / box["height"] == pytest.approx(0.5, abs=0.02)


def test_a_similarity_tells_its_percentile_where_one_looks(page, visit) -> None:
    visit("?id=32&k=6")
    for bar in page.locator(".pm-similarity").all():
        assert re.match(r"More alike than [\d.]+ % of random pairs", bar.get_attribute("title") or "")


def test_what_is_not_there_is_explained(page, visit) -> None:
    visit("?id=32&k=6&why=999999")
    expect(dialog(page).get_by_role("alert")).to_contain_text("no picture 999999")
    page.keyboard.press("Escape")
    expect(dialog(page)).to_be_hidden()


def test_on_a_phone_it_fills_the_screen_and_nothing_is_cut_off(measured, make_page) -> None:
    page = make_page(390, 844, has_touch=True, is_mobile=True)
    page.goto(measured.url + "?id=32&k=6&why=62")
    shown = dialog(page)
    expect(shown.locator(".pm-aspect")).to_have_count(3)
    box = shown.bounding_box()
    assert box
    assert (round(box["x"]), round(box["width"])) == (0, 390)
    assert shown.evaluate("(one) => one.scrollWidth") <= 390
    for picture in shown.locator(".pm-pair-picture").all():
        inner = picture.bounding_box()
        assert inner
        assert inner["x"] >= 0
        assert inner["x"] + inner["width"] <= 390
