"""Steering in the page: pluses, minuses, several pictures, weights, variety; compared with the engine's own answers."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from core.search import Query
from core.search.looks import measure

PAINTINGS = "paintings@efficientnet_lite0"


def found(live: Any, query: Query, k: int = 12, **options: Any) -> list[int]:
    """Return the ids that the engine finds."""
    return [result.image_id for result in live.engine.search(PAINTINGS, query, k=k, **options).results]


def file_of(live: Any, image_id: int) -> Path:
    dataset = live.engine.dataset(PAINTINGS)
    return dataset.source_path(dataset.catalog.get(image_id))


def press(page: Page, image_id: int, name: str) -> None:
    """Press one of the buttons that a result shows under the pointer."""
    cell = page.locator(f".pm-cell:has(.pm-open[data-id='{image_id}'])")
    cell.hover()
    cell.get_by_role("button", name=name).click()


def slide(page: Page, name: str, value: int) -> None:
    page.locator("[data-panel=steer]").evaluate("(panel) => (panel.open = true)")
    page.get_by_role("slider", name=name).fill(str(value))


def test_plus_and_minus_steer_and_the_trail_goes_back_and_forward(live, page, visit, expect_ids) -> None:
    visit("?id=5&k=12")
    start = found(live, Query.stored(5))
    plus, minus = start[4], start[2]
    press(page, plus, "More like this")
    one = found(live, Query.stored(5).steered(plus=(plus,)))
    expect_ids(page, one)
    press(page, minus, "Less like this")
    two = found(live, Query.stored(5).steered(plus=(plus,), minus=(minus,)))
    expect_ids(page, two)
    assert minus not in two
    assert f"steer={plus},-{minus}" in page.url
    trail = page.get_by_role("navigation", name="Steps of steering")
    expect(trail.locator("li img")).to_have_count(3)  # the query, a plus, a minus
    page.get_by_role("button", name="Undo").click()
    expect_ids(page, one)
    page.reload()  # undone steps are in the URL, too
    expect_ids(page, one)
    page.get_by_role("button", name="Redo").click()
    expect_ids(page, two)
    trail.get_by_role("button", name="Start: the query alone").click()
    expect_ids(page, start)
    trail.get_by_role("button", name="Step 1").click()
    expect_ids(page, one)
    page.go_back()
    expect_ids(page, start)
    page.get_by_role("button", name="Clear steps").click()
    expect(trail).to_be_hidden()
    expect_ids(page, start)


def test_the_keyboard_steers_too(live, page, visit, expect_ids) -> None:
    visit("?id=5&k=12")
    start = found(live, Query.stored(5))
    page.locator(".pm-open").nth(3).focus()
    page.keyboard.press("+")
    expect_ids(page, found(live, Query.stored(5).steered(plus=(start[3],))))
    # The focus stays on the picture that was pressed.
    page.wait_for_function(f"document.activeElement.dataset.id === '{start[3]}'")
    page.keyboard.press("Control+z")
    expect_ids(page, start)
    page.keyboard.press("Control+Shift+Z")
    expect_ids(page, found(live, Query.stored(5).steered(plus=(start[3],))))


def test_weights_re_order_the_results_when_colours_have_been_measured(live, page, visit, expect_ids) -> None:
    visit("?id=40&k=12")
    slide(page, "Colour", 60)
    page.wait_for_url("**colour=0.6**")
    address = live.engine.vectors(PAINTINGS).address
    measure(address, live.settings)  # waits for the page's own measuring, if that is under way
    expect_ids(page, found(live, Query.stored(40).steered(colour=0.6)))
    expect(page.locator(".pm-scores").first).to_be_attached()
    slide(page, "What it shows", 0)
    expect_ids(page, found(live, Query.stored(40).steered(colour=0.6, content=0.0)))
    page.get_by_role("button", name="Reset").click()
    expect_ids(page, found(live, Query.stored(40)))


def test_variety_near_duplicates_filters_and_indexes_go_together(live, page, visit, expect_ids) -> None:
    where = {"department": ["European Paintings"]}
    steered = {"plus": (9,), "variety": 0.35, "hide_duplicates": True}
    path = "?id=5&k=12&steer=9&variety=0.35&duplicates=hidden&where.department=European+Paintings"
    for index in ("flat", "ivfpq"):
        visit(f"{path}&index={index}")
        expect_ids(page, found(live, Query.stored(5).steered(**steered), index=index, where=where))
    page.locator("[data-panel=steer]").evaluate("(panel) => (panel.open = true)")
    expect(page.get_by_role("checkbox", name="Hide near-duplicates")).to_be_checked()
    page.get_by_role("checkbox", name="Hide near-duplicates").uncheck()
    slide(page, "More different", 80)
    steered = {"plus": (9,), "variety": 0.8}
    expect_ids(page, found(live, Query.stored(5).steered(**steered), index="ivfpq", where=where))


def test_several_pictures_are_searched_together(live, page, visit, expect_ids) -> None:
    visit("?k=12")
    page.get_by_label("Choose a picture").set_input_files([file_of(live, 40), file_of(live, 3)])
    first, second = (Query.picture(file_of(live, number)) for number in (40, 3))
    expect_ids(page, found(live, first.steered(also=(second,))))
    page.get_by_label("Add a query picture").set_input_files([file_of(live, 77)])
    third = Query.picture(file_of(live, 77))
    expect_ids(page, found(live, first.steered(also=(second, third))))
    page.get_by_role("button", name="Remove query picture 2").click()
    expect_ids(page, found(live, first.steered(also=(third,))))
    page.go_back()
    expect_ids(page, found(live, first.steered(also=(second, third))))


def test_a_picture_dropped_on_the_right_half_is_added(live, page, visit, expect_ids) -> None:
    visit("?id=5&k=12")
    data = list(file_of(live, 40).read_bytes())
    drag = """() => {
      const transfer = new DataTransfer();
      transfer.items.add(new File(["x"], "mine.jpg", {type: "image/jpeg"}));
      for (const [kind, clientX] of [["dragenter", 0], ["dragover", innerWidth - 50]]) {
        document.body.dispatchEvent(new DragEvent(kind, {dataTransfer: transfer, bubbles: true, clientX}));
      }
    }"""
    page.evaluate(drag)
    expect(page.get_by_text("Drop it here to add it to the query")).to_be_visible()
    page.evaluate(
        """(bytes) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([new Uint8Array(bytes)], "mine.jpg", {type: "image/jpeg"}));
          const place = {clientX: innerWidth - 50, clientY: 300};
          const event = new DragEvent("drop", {dataTransfer: transfer, bubbles: true, ...place});
          document.body.dispatchEvent(event);
        }""",
        data,
    )
    expect_ids(page, found(live, Query.stored(5).steered(also=(Query.picture(file_of(live, 40)),))))
    expect(page.get_by_text("Drop it here to add it to the query")).to_be_hidden()


def test_a_stored_picture_is_added_from_its_details_and_the_url_keeps_it(live, page, visit, expect_ids) -> None:
    visit("?id=5&k=12&open=40")
    page.get_by_role("dialog", name="Details").get_by_role("button", name="Add to the query").click()
    wanted = found(live, Query.stored(5).steered(also=(Query.stored(40),)))
    expect_ids(page, wanted)
    assert "also=40" in page.url
    page.reload()
    expect_ids(page, wanted)


def test_another_query_begins_without_steps(page, visit) -> None:
    visit("?id=5&k=12&steer=9,-20&also=30")
    page.get_by_role("button", name="Clear", exact=True).click()
    expect(page.locator(".pm-headline")).to_have_text("174 paintings")
    assert "steer" not in page.url
    assert "also" not in page.url


@pytest.mark.parametrize("path", ["?id=5&steer=999999", "?id=5&also=999999"])
def test_a_step_that_is_not_there_is_explained_with_a_way_on(page, visit, path) -> None:
    visit(path)
    expect(page.get_by_role("alert")).to_contain_text("no picture 999999")
    page.get_by_role("button", name="Search without steering").click()
    expect(page.locator(".pm-headline")).to_contain_text("look-alikes")
