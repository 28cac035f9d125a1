"""Searching with words in the page."""

import json

import pytest
from playwright.sync_api import expect

from core.search import Query, words
from core.search.words import WORDS
from tests.browser.test_look import CONTRAST, UNNAMED

PAINTINGS = "paintings@efficientnet_lite0"


def by_labels(live, text: str, k: int = 24, **where) -> list[int]:
    return [result.image_id for result in words.by_labels(live.engine, PAINTINGS, text, k=k, where=where).results]


def test_typed_words_find_what_the_engine_finds_and_are_in_the_url(live, page, visit, expect_ids) -> None:
    visit()
    box = page.get_by_role("searchbox", name="Words")
    box.press_sequentially("rembrandt", delay=20)
    expect_ids(page, by_labels(live, "rembrandt"))
    expect(page.locator(".pm-headline")).to_have_text("3 paintings in Paintings")
    page.wait_for_url("**words=rembrandt**")
    expect(page.locator(".pm-similarity")).to_have_count(0)  # nothing was compared
    page.go_back()
    expect(page.locator(".pm-headline")).to_have_text("174 paintings")
    expect(box).to_have_value("" if not box.evaluate("one => one === document.activeElement") else "rembrandt")


def test_what_matched_is_marked_on_the_wall_and_in_the_details(live, page, visit) -> None:
    visit("?words=vermeer+canvas")
    expect(page.locator(".pm-label mark").first).to_have_text("Vermeer")
    page.locator(".pm-open").first.click()
    details = page.get_by_role("dialog", name="Details")
    expect(details.locator("[data-field=medium] mark")).to_have_text("canvas")
    expect(details.get_by_role("heading").locator("mark").first).to_have_text("Vermeer")


def test_a_match_that_the_label_does_not_show_is_quoted(live, page, visit) -> None:
    visit("?words=handscroll")
    expect(page.locator(".pm-matched").first).to_contain_text("Medium: ")
    expect(page.locator(".pm-matched mark").first).to_have_text("Handscroll")


def test_a_mistyped_word_is_read_and_said(live, page, visit, expect_ids) -> None:
    visit("?words=vermer")
    expect_ids(page, by_labels(live, "vermeer"))
    expect(page.locator(".pm-verdict")).to_have_text("“vermer” does not occur here; looked for “vermeer”.")


def test_words_narrow_and_the_picture_ranks(live, page, visit, expect_ids) -> None:
    visit("?id=5&k=12&words=silk")
    outcome = live.engine.search(PAINTINGS, Query.stored(5), k=12, where={WORDS: "silk"})
    expect_ids(page, [result.image_id for result in outcome.results])
    expect(page.locator("#pm-words-says")).to_have_text("Look-alikes whose labels have the words.")


def test_words_and_filters_hold_together_and_searching_with_a_result_leaves_words_behind(
    live, page, visit, expect_ids
) -> None:
    visit("?words=oil&where.department=European+Paintings&k=6")
    wanted = by_labels(live, "oil", 6, department=["European Paintings"])
    expect_ids(page, wanted)
    page.locator(".pm-cell").nth(1).hover()
    page.locator(".pm-with").nth(1).click()
    where = {"department": ["European Paintings"]}
    found = live.engine.search(PAINTINGS, Query.stored(wanted[1]), k=6, where=where).results
    expect_ids(page, [result.image_id for result in found])
    assert "words=" not in page.url
    expect(page.get_by_role("searchbox", name="Words")).to_have_value("")


@pytest.mark.parametrize("text", ["qqqqqqq", "😀", "\"; zqxj -- zqxk'", 'zqxj* OR "', "x" * 10_000])
def test_words_that_find_nothing_are_explained_and_never_interpreted(live, page, visit, text) -> None:
    visit()
    page.get_by_role("searchbox", name="Words").fill(text)
    trouble = page.locator(".pm-trouble")
    expect(trouble).to_contain_text("No picture here has these words")
    page.get_by_role("button", name="Remove the words").click()
    expect(page.locator(".pm-headline")).to_have_text("174 paintings")


def test_words_too_long_for_an_address_survive_a_reload(page, visit) -> None:
    visit()
    box = page.get_by_role("searchbox", name="Words")
    box.fill("rembrandt " * 900)
    expect(page.locator(".pm-headline")).to_have_text("3 paintings in Paintings")
    assert len(page.url) < 200
    page.reload()
    expect(page.locator(".pm-headline")).to_have_text("3 paintings in Paintings")


def test_the_box_says_which_of_the_two_it_does_and_why_not_the_other(page, visit) -> None:
    visit()
    labels = page.get_by_role("button", name="In the labels")
    expect(labels).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#pm-words-says")).to_have_text("Titles, artists, places, labels and notes.")
    page.get_by_role("button", name="By meaning").click()
    expect(page.locator(".pm-words-why")).to_contain_text("python -m core index paintings@open_clip_vit_b_32")
    expect(labels).to_have_attribute("aria-pressed", "true")
    visit("?words=sea&by=meaning")
    expect(page.get_by_role("alert")).to_contain_text("knows pictures, but no words")


def test_a_sentence_by_meaning_and_its_weight_beside_a_picture_reach_the_server(live, page, visit) -> None:
    """The network is an optional extra: here the page's own requests are looked at, not the network's answer."""
    asked = []

    def answer(route) -> None:
        body = route.request.post_data or ""
        if '"by":"meaning"' in body.replace(" ", ""):
            asked.append(json.loads(body))
        route.continue_()

    page.route("**/component_server**", answer)
    visit("?id=5&words=at+night&by=meaning&mix=0.8")
    weight = page.get_by_role("slider", name="Weight of the words beside the picture")
    expect(weight).to_have_value("80")
    expect(page.locator("#pm-words-says")).to_have_text("The picture, changed by the words.")
    weight.fill("30")
    page.wait_for_url("**mix=0.3**")
    page.wait_for_function("document.querySelector('.pm-results').getAttribute('aria-busy') === 'false'")
    assert [request["data"]["mix"] for request in asked if request["data"].get("words") == "at night"] == [0.8, 0.3]


def test_marked_words_and_the_box_can_be_read_and_named(page, visit) -> None:
    visit("?words=oil&k=6")
    page.get_by_role("button", name="By meaning").click()
    assert page.evaluate(UNNAMED) == []
    assert page.evaluate(CONTRAST) == []
    page.get_by_role("button", name="Dark colours").click()
    page.wait_for_function(f"({CONTRAST})().length === 0")


def test_on_a_phone_results_by_words_begin_on_the_first_screen(make_page, live) -> None:
    phone = make_page(390, 844)
    phone.goto(live.url + "?words=rembrandt")
    first = phone.locator(".pm-cell").first
    expect(first).to_be_visible()
    box = first.bounding_box()
    assert box
    assert box["y"] < 700
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
