"""Searching in the page: what a person does, compared with what the engine answers directly."""

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from core.search import Query

PAINTINGS = "paintings@efficientnet_lite0"


def found(live: Any, query: Query, gallery: str = PAINTINGS, k: int = 24, **options: Any) -> list[int]:
    """Return the ids that the engine finds."""
    return [result.image_id for result in live.engine.search(gallery, query, k=k, **options).results]


def file_of(live: Any, image_id: int, gallery: str = PAINTINGS) -> Path:
    dataset = live.engine.dataset(gallery)
    return dataset.source_path(dataset.catalog.get(image_id))


def test_an_uploaded_painting_finds_itself_first_and_the_engines_results_in_order(
    live, page, visit, expect_ids
) -> None:
    visit()
    page.get_by_label("Choose a picture").set_input_files(file_of(live, 40))
    wanted = found(live, Query.picture(file_of(live, 40)))
    expect_ids(page, wanted)
    assert wanted[0] == 40
    expect(page.locator(".pm-headline")).to_have_text("24 look-alikes in Paintings")
    expect(page.locator(".pm-account")).to_contain_text("searched 174 paintings in")
    expect(page.locator(".pm-cell").first).to_contain_text("1.00")


def test_the_similarity_shown_is_the_engines(live, page, visit) -> None:
    visit("?id=7&k=5")
    outcome = live.engine.search(PAINTINGS, Query.stored(7), k=5)
    for cell, result in zip(page.locator(".pm-cell").all(), outcome.results, strict=True):
        assert f"similarity {result.similarity:.3f}" in (cell.locator(".pm-open").get_attribute("aria-label") or "")


def test_an_example_is_one_press_away_also_in_another_gallery(live, page, visit, expect_ids) -> None:
    visit()
    page.get_by_role("button", name="(Satellite)").first.click()
    expect(page.get_by_role("radio", name="Satellite")).to_be_checked()
    asked = int(page.evaluate("new URLSearchParams(location.search).get('id')"))
    expect_ids(page, found(live, Query.stored(asked), "satellite"))
    expect(page.locator(".pm-note")).to_contain_text("km")  # the ground scale


def test_a_picture_can_be_dropped_and_pasted(live, page, visit, expect_ids) -> None:
    visit()
    for image_id, kind in ((3, "drop"), (90, "paste")):
        data = list(file_of(live, image_id).read_bytes())
        page.evaluate(
            """([bytes, kind]) => {
              const transfer = new DataTransfer();
              transfer.items.add(new File([new Uint8Array(bytes)], "mine.jpg", {type: "image/jpeg"}));
              const event = kind === "drop" ? new DragEvent("drop", {dataTransfer: transfer, bubbles: true})
                : new ClipboardEvent("paste", {clipboardData: transfer, bubbles: true});
              document.body.dispatchEvent(event);
            }""",
            [data, kind],
        )
        expect_ids(page, found(live, Query.picture(file_of(live, image_id))))
        expect(page.locator(".pm-query-name")).to_have_text("mine.jpg")


def test_a_photograph_can_be_taken(page, visit) -> None:
    visit()
    page.get_by_role("button", name="Camera").click()
    page.wait_for_function("document.querySelector('.pm-camera video')?.videoWidth > 0")
    page.get_by_role("button", name="Take the picture").click()
    expect(page.locator(".pm-query-name")).to_have_text("photograph.jpg")
    expect(page.locator(".pm-headline")).to_contain_text("look-alikes")


@pytest.mark.parametrize(
    ("presses", "quarter_turns", "mirrored"),
    [(["Turn right"], 1, False), (["Turn left"], 3, False), (["Flip"], 0, True), (["Flip", "Turn right"], 3, True)],
)
def test_turning_and_flipping_the_query_searches_with_what_is_shown(
    live, page, visit, expect_ids, presses, quarter_turns, mirrored
) -> None:
    visit("?id=25&k=12")
    for name in presses:
        page.get_by_role("button", name=name, exact=True).click()
    query = Query.stored(25, quarter_turns=quarter_turns, mirrored=mirrored)
    expect_ids(page, found(live, query, k=12))


def test_a_rectangle_dragged_on_the_query_searches_that_region(live, page, visit, expect_ids) -> None:
    visit("?id=100&k=12")
    stage = page.locator(".pm-stage")
    page.wait_for_function("document.querySelector('.pm-stage canvas').width > 200")
    box = stage.bounding_box()
    assert box
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 0.25 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"], steps=3)
    page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 0.75 * box["height"], steps=3)
    page.mouse.up()
    page.wait_for_url("**region=**")
    region = [float(x) for x in page.evaluate("new URLSearchParams(location.search).get('region')").split(",")]
    assert region == pytest.approx([0.25, 0.25, 0.75, 0.75], abs=0.02)
    expect_ids(page, found(live, Query.stored(100, tuple(region)), k=12))
    page.get_by_role("button", name="Whole picture").click()
    expect_ids(page, found(live, Query.stored(100), k=12))


def test_a_region_can_be_typed(live, page, visit, expect_ids) -> None:
    visit("?id=100&k=12")
    page.get_by_role("button", name="Search a region").click()
    page.get_by_label("Right edge in percent").fill("50")
    page.get_by_label("Bottom edge in percent").fill("60")
    page.get_by_label("Bottom edge in percent").blur()
    expect_ids(page, found(live, Query.stored(100, (0, 0, 0.5, 0.6)), k=12))


def test_clearing_the_query_shows_the_gallery_again(page, visit) -> None:
    visit("?id=5")
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(".pm-headline")).to_have_text("174 paintings")
    expect(page.locator(".pm-cell")).to_have_count(30)


def test_show_more_goes_on_past_k(live, page, visit, expect_ids) -> None:
    visit("?id=5&k=10")
    page.get_by_role("button", name="Show more").click()
    expect_ids(page, found(live, Query.stored(5), k=34))


def test_more_than_the_gallery_has_shows_all_of_it(page, visit) -> None:
    visit("?id=5&k=400")
    expect(page.locator(".pm-headline")).to_have_text("174 look-alikes in Paintings")
    expect(page.locator(".pm-cell")).to_have_count(174)
    expect(page.get_by_role("button", name="Show more")).to_be_hidden()


def test_a_result_opens_its_details_with_licence_source_and_the_original(live, page, visit) -> None:
    visit("?id=5&k=8")
    wanted = live.engine.search(PAINTINGS, Query.stored(5), k=8).results[2].record
    page.locator(".pm-open").nth(2).click()
    drawer = page.get_by_role("dialog", name="Details")
    expect(drawer.get_by_role("heading")).to_contain_text(wanted.title)
    for name in ("artist", "medium", "department", "licence"):
        if wanted.fields.get(name):
            expect(drawer.locator(f"[data-field={name}]")).to_have_text(str(wanted.fields[name]))
    expect(drawer.locator("[data-field=source_url] a")).to_have_attribute("href", str(wanted.fields["source_url"]))
    original = drawer.get_by_role("link", name="Show the original").get_attribute("href")
    answer = page.request.get(live.url + (original or ""))
    assert answer.body() == file_of(live, wanted.image_id).read_bytes()
    with page.expect_download() as download:
        drawer.get_by_role("link", name="Download").click()
    assert Path(download.value.path()).read_bytes() == file_of(live, wanted.image_id).read_bytes()
    drawer.get_by_role("button", name="Next result").click()
    expect(drawer).to_contain_text("4 of 8")
    drawer.get_by_role("button", name="Close").click()
    expect(drawer).to_be_hidden()


def test_search_with_this_asks_again_from_the_wall_and_from_the_details(live, page, visit, expect_ids) -> None:
    visit("?id=5&k=8")
    first = found(live, Query.stored(5), k=8)
    page.locator(".pm-cell").nth(1).hover()
    page.locator(".pm-with").nth(1).click()
    second = found(live, Query.stored(first[1]), k=8)
    expect_ids(page, second)
    page.locator(".pm-open").nth(3).click()
    page.get_by_role("dialog").get_by_role("button", name="Search with this").click()
    expect_ids(page, found(live, Query.stored(second[3]), k=8))
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_number_index_and_knobs_are_those_of_the_engine(live, page, visit, expect_ids) -> None:
    visit("?id=60")
    page.locator("[data-panel=how] > summary").click()
    page.get_by_label("Number of results").fill("9")
    page.get_by_label("Number of results").blur()
    expect_ids(page, found(live, Query.stored(60), k=9))
    indexes = [info.name for info in live.engine.gallery(PAINTINGS).indexes if info.available]
    assert {"flat", "faiss-flat"} <= set(indexes)
    for name in indexes:
        page.get_by_role("combobox", name="Index").select_option(name)
        expect(page.locator(".pm-account")).to_contain_text(name)
        expect_ids(page, found(live, Query.stored(60), k=9, index=name))
        knobs = live.engine.load_index(PAINTINGS, name).knobs
        for knob, facts in knobs.items():
            field = page.locator(f".pm-knobs input[name={knob}]")
            expect(field).to_have_value(f"{facts.default:g}")
            field.fill(f"{facts.low:g}")
            field.blur()
            expect_ids(page, found(live, Query.stored(60), k=9, index=name, knobs={knob: facts.low}))
            field.fill(f"{facts.default:g}")
            field.blur()


def test_results_can_be_saved_as_table_json_and_pictures(live, page, visit) -> None:
    visit("?id=60&k=6")
    outcome = live.engine.search(PAINTINGS, Query.stored(60), k=6)
    saved = {}
    for label, kind in (("Table (CSV)", "csv"), ("Everything (JSON)", "json"), ("Pictures (ZIP)", "zip")):
        page.locator(".pm-save summary").click()
        with page.expect_download() as download:
            page.get_by_role("button", name=label).click()
        assert download.value.suggested_filename.endswith(f".{kind}")
        saved[kind] = Path(download.value.path()).read_bytes()
    rows = list(csv.DictReader(io.StringIO(saved["csv"].decode("utf-8-sig"))))
    assert [int(row["image_id"]) for row in rows] == [result.image_id for result in outcome.results]
    assert rows[0]["licence"] == outcome.results[0].record.fields["licence"]
    assert [one["image_id"] for one in json.loads(saved["json"])["results"]] == [r.image_id for r in outcome.results]
    with zipfile.ZipFile(io.BytesIO(saved["zip"])) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        for entry in manifest["results"]:
            assert archive.read(entry["file"]) == file_of(live, entry["image_id"]).read_bytes()


def walk(page: Page, key: str) -> int:
    """Press a key and return the place of the result that has the focus then."""
    page.keyboard.press(key)
    return int(page.evaluate("[...document.querySelectorAll('.pm-open')].indexOf(document.activeElement)"))


def test_the_wall_is_walked_with_the_arrow_keys_and_enter_opens(page, visit) -> None:
    visit("?id=60")
    page.locator(".pm-open").first.focus()
    assert walk(page, "ArrowRight") == 1
    assert walk(page, "ArrowLeft") == 0
    below = walk(page, "ArrowDown")
    assert below > 1
    assert walk(page, "ArrowUp") <= 1
    assert walk(page, "End") == 23
    assert walk(page, "Home") == 0
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    drawer = page.get_by_role("dialog", name="Details")
    expect(drawer).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(drawer).to_contain_text("3 of 24")
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    # The focus comes back to the picture that was open.
    assert walk(page, "ArrowLeft") == 1
