"""Filters by the galleries' own facets."""

from typing import Any

import pytest
from playwright.sync_api import expect

from core.search import Query

PAINTINGS = "paintings@efficientnet_lite0"
SATELLITE = "satellite@efficientnet_lite0"


def found(live: Any, gallery: str, image_id: int, where: dict[str, Any]) -> list[int]:
    return [
        result.image_id for result in live.engine.search(gallery, Query.stored(image_id), k=24, where=where).results
    ]


@pytest.mark.parametrize("gallery", [PAINTINGS, SATELLITE])
def test_every_choice_is_offered_with_its_count_and_filters(live, page, visit, expect_ids, gallery) -> None:
    visit(f"?gallery={gallery}&id=60")
    page.locator("[data-panel=filters] > summary").click()
    facets = [
        facet for facet in live.engine.gallery(gallery).facets if facet.kind == "choice" and len(facet.values) > 1
    ]
    assert len(facets) >= 3
    for facet in facets:
        group = page.locator(f"[data-facet={facet.name}]")
        expect(group.locator("label").first).to_have_count(1)
        assert group.locator("input[type=checkbox]").count() == len(facet.values)
        value, count = facet.values[0]
        box = group.get_by_label(f"{value} {count}", exact=False).first
        box.check()
        expect_ids(page, found(live, gallery, 60, {facet.name: [value]}))
        page.get_by_role("button", name=f"Remove filter {facet.title}: {value}").click()
        expect_ids(page, found(live, gallery, 60, {}))
        expect(box).not_to_be_checked()


def test_two_values_of_one_facet_mean_any_of_them(live, page, visit, expect_ids) -> None:
    visit("?id=60")
    page.locator("[data-panel=filters] > summary").click()
    for name in ("Asian Art", "Islamic Art"):
        page.get_by_label(name, exact=False).check()
    expect_ids(page, found(live, PAINTINGS, 60, {"department": ["Asian Art", "Islamic Art"]}))
    expect(page.locator(".pm-count")).to_have_text("2")


def test_a_range_has_two_numbers(live, page, visit, expect_ids) -> None:
    visit("?id=60")
    page.locator("[data-panel=filters] > summary").click()
    page.get_by_label("Year from").fill("1600")
    page.get_by_label("Year from").blur()
    expect_ids(page, found(live, PAINTINGS, 60, {"begin_year": {"min": 1600}}))
    page.get_by_label("Year to").fill("1700")
    page.get_by_label("Year to").blur()
    expect_ids(page, found(live, PAINTINGS, 60, {"begin_year": {"min": 1600, "max": 1700}}))
    page.get_by_role("button", name="Remove filter Year: 1600 to 1700").click()
    expect_ids(page, found(live, PAINTINGS, 60, {}))
    expect(page.get_by_label("Year from")).to_have_value("")


def test_the_wall_of_a_gallery_is_filtered_too(live, page, visit) -> None:
    visit("?where.department=Asian+Art")
    expect(page.locator(".pm-headline")).to_have_text("18 paintings of 174")
    expect(page.locator(".pm-cell")).to_have_count(18)


def test_a_long_list_of_choices_can_be_looked_through(page, visit) -> None:
    visit("?id=60")
    page.locator("[data-panel=filters] > summary").click()
    group = page.locator("[data-facet=artist]")
    expect(group.locator("label:visible")).to_have_count(8)
    page.get_by_label("Find in Artist").fill("vermeer")
    expect(group.locator("label:visible")).to_have_count(1)
    page.get_by_label("Find in Artist").fill("")
    group.get_by_role("button", name="more").click()
    assert group.locator("label:visible").count() > 100


def test_filters_that_leave_nothing_say_so_and_can_be_removed(page, visit) -> None:
    visit("?id=60&where.department=Asian+Art&where.begin_year=1850..1860")
    expect(page.get_by_role("heading", name="No picture here passes these filters")).to_be_visible()
    page.get_by_role("button", name="Remove all filters").click()
    expect(page.locator(".pm-cell")).to_have_count(24)
