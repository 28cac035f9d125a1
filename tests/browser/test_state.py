"""The state of the view is in the URL: bookmarks, back, forward, and what is remembered."""

from playwright.sync_api import expect

from core.search import Query

PAINTINGS = "paintings@efficientnet_lite0"


def test_a_bookmark_brings_back_gallery_query_number_index_region_turns_and_filters(
    live, page, visit, expect_ids
) -> None:
    visit(
        "?gallery=paintings&id=100&index=flat&k=7&turns=1&mirrored=1&region=0.1,0.2,0.8,0.9"
        "&where.department=European+Paintings&where.begin_year=1500..1900"
    )
    query = Query.stored(100, (0.1, 0.2, 0.8, 0.9), 1, True)
    where = {"department": ["European Paintings"], "begin_year": {"min": 1500, "max": 1900}}
    outcome = live.engine.search(PAINTINGS, query, k=7, index="flat", where=where)
    expect_ids(page, [result.image_id for result in outcome.results])
    expect(page.get_by_label("Left edge in percent")).to_have_value("10")
    expect(page.locator(".pm-filter-chip")).to_have_count(2)


def test_knobs_are_in_the_url(live, page, visit, expect_ids) -> None:
    names = [info.name for info in live.engine.gallery(PAINTINGS).indexes if info.available]
    index = next((name for name in names if live.engine.load_index(PAINTINGS, name).knobs), None)
    assert index, "no index that was prepared has a knob"
    knob, facts = next(iter(live.engine.load_index(PAINTINGS, index).knobs.items()))
    visit(f"?id=100&index={index}&k=9&knob.{knob}={facts.low}")
    outcome = live.engine.search(PAINTINGS, Query.stored(100), k=9, index=index, knobs={knob: facts.low})
    expect_ids(page, [result.image_id for result in outcome.results])


def test_back_and_forward_walk_through_what_was_asked(live, page, visit, expect_ids) -> None:
    def ids(image_id: int) -> list[int]:
        return [r.image_id for r in live.engine.search(PAINTINGS, Query.stored(image_id), k=8).results]

    visit("?id=5&k=8")
    page.locator(".pm-cell").nth(2).hover()
    page.locator(".pm-with").nth(2).click()
    expect_ids(page, ids(ids(5)[2]))
    page.locator(".pm-open").nth(1).click()
    expect(page.get_by_role("dialog", name="Details")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("dialog", name="Details")).to_be_hidden()
    page.go_back()
    expect_ids(page, ids(5))
    page.go_forward()
    expect_ids(page, ids(ids(5)[2]))


def test_going_back_to_an_upload_shows_its_results_again(live, page, visit, expect_ids) -> None:
    dataset = live.engine.dataset(PAINTINGS)
    file = dataset.source_path(dataset.catalog.get(33))
    visit("?k=8")
    page.get_by_label("Choose a picture").set_input_files(file)
    wanted = [r.image_id for r in live.engine.search(PAINTINGS, Query.picture(file), k=8).results]
    expect_ids(page, wanted)
    assert "id=" not in page.url
    page.get_by_role("radio", name="Satellite").check()
    expect(page.locator(".pm-headline")).to_have_text("612 tiles")
    page.go_back()
    expect_ids(page, wanted)
    expect(page.locator(".pm-query-name")).to_have_text(file.name)


def test_an_open_picture_is_in_the_url(live, page, visit) -> None:
    visit("?id=5&open=77")
    title = live.engine.record(PAINTINGS, 77).title
    expect(page.get_by_role("dialog", name="Details").get_by_role("heading")).to_contain_text(title)


def test_an_unknown_gallery_picture_or_index_in_the_url_is_explained(page, visit) -> None:
    for path in ("?gallery=nowhere&id=1", "?id=99999", "?id=5&index=nonsense"):
        visit(path)
        expect(page.get_by_role("alert").first).to_be_visible()
    page.get_by_role("button", name="Look around in Paintings").click()
    expect(page.locator(".pm-cell")).to_have_count(30)


def test_dark_is_chosen_with_one_press_and_remembered(page, visit) -> None:
    visit("?id=5&k=3")
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(250, 248, 244)"
    page.get_by_role("button", name="Dark colours").click()
    page.wait_for_function(f"{ground} === 'rgb(20, 21, 23)'")
    page.reload()
    page.wait_for_function(f"{ground} === 'rgb(20, 21, 23)'")
    page.get_by_role("button", name="Dark colours").click()
    page.wait_for_function(f"{ground} === 'rgb(250, 248, 244)'")


def test_panels_stay_open_as_they_were_left(page, visit) -> None:
    visit("?id=5&k=3")
    page.locator("[data-panel=filters] > summary").click()
    page.reload()
    expect(page.locator("details[data-panel=filters]")).to_have_attribute("open", "")


def test_the_wordmark_leads_home(page, visit) -> None:
    visit("?id=5&k=3&where.department=Asian+Art")
    page.get_by_role("link", name="Pentimento").click()
    expect(page.locator(".pm-headline")).to_have_text("174 paintings")


def test_how_to_add_own_pictures_is_one_press_away(page, visit) -> None:
    visit("?id=5&k=3")
    page.get_by_label("Add your own pictures").click()
    advice = page.get_by_text("python -m core data import FOLDER --name mine")
    expect(advice).to_be_visible()
    page.keyboard.press("Escape")
    expect(advice).to_be_hidden()
