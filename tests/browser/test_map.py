"""The Map tab on the live page: building, exploring, selecting, placing, travelling; and the exported file."""

import io
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.search import Query

from .conftest import PROJECT, Live, playwright

expect = playwright.expect
pytestmark = pytest.mark.timeout(900)  # the first test waits for UMAP to compile, on a busy machine for minutes
Page = Any
PAINTINGS = "?tab=map&gallery=paintings"
MAP = "document.querySelector('.pm-map-frame').parentElement.pmMap"


@pytest.fixture(scope="module")
def built(browser: Any, live: Live) -> None:
    """Both galleries have maps, built by pressing the button that the tab offers while there is none."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    for gallery in ("paintings", "satellite"):
        page.goto(f"{live.url}?tab=map&gallery={gallery}")
        expect(page.get_by_role("heading", name="No map yet")).to_be_visible()
        page.get_by_role("button", name="Build the map").click()
        expect(page.get_by_role("progressbar", name="Building the map")).to_be_visible()
        expect(page.locator(".pm-map-stage")).to_be_visible(timeout=300_000)  # compiles UMAP once
    context.close()


@pytest.fixture
def opened(page: Page, live: Live, built: None) -> Callable[[str], Page]:
    """Open a map and wait until it is drawn."""

    def go(path: str = PAINTINGS) -> Page:
        page.goto(live.url + path)
        ready(page)
        return page

    return go


def ready(page: Page) -> None:
    """Wait until the map has drawn, and knows where its thumbnails are."""
    expect(page.locator(".pm-map-stage")).to_be_visible()
    page.wait_for_function(f"() => {MAP}?.data.slots && {MAP}.painter.drawn > 0")
    still(page)


def still(page: Page) -> None:
    """Wait until nothing is left to be drawn and the URL has been written."""
    page.wait_for_function(f"() => !{MAP}.painter.frame && !{MAP}.atlas.loading && !{MAP}.painter.full")
    page.wait_for_timeout(250)


def drawn(page: Page) -> np.ndarray:
    """The pixels of the points' canvas."""
    data = page.locator(".pm-map-canvas").first.screenshot()
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def blocks(pixels: np.ndarray) -> np.ndarray:
    """The means of blocks of 8 x 8 pixels."""
    height, width = pixels.shape[0] // 8 * 8, pixels.shape[1] // 8 * 8
    return pixels[:height, :width].reshape(height // 8, 8, width // 8, 8, 3).mean(axis=(1, 3))


def screen_place(page: Page, point: int) -> tuple[float, float]:
    """Where a point lies, in pixels of the page."""
    box = page.locator(".pm-map-stage").bounding_box()
    x, y = page.evaluate(f"(i) => {MAP}.view.toScreen({MAP}.data.xy[2 * i], {MAP}.data.xy[2 * i + 1])", point)
    return box["x"] + x, box["y"] + y


def test_a_map_is_drawn_with_pictures_and_says_what_it_is(opened: Callable[..., Page]) -> None:
    page = opened()
    expect(page.locator(".pm-map-status")).to_contain_text("174 pictures, laid out by UMAP, trustworthiness 0.")
    assert len(np.unique(drawn(page).reshape(-1, 3), axis=0)) > 500  # thumbnails, not an empty canvas
    assert page.evaluate(f"{MAP}.painter.pictures.length") > 20


def test_the_wheel_zooms_about_the_pointer_and_pictures_grow(opened: Callable[..., Page]) -> None:
    page = opened()
    point = page.evaluate(f"{MAP}.painter.pictures[3].i")
    before = screen_place(page, point)
    side = page.evaluate(f"{MAP}.painter.side({MAP}.view)")
    page.mouse.move(*before)
    page.mouse.wheel(0, -500)
    still(page)
    np.testing.assert_allclose(screen_place(page, point), before, atol=1.5)
    assert page.evaluate(f"{MAP}.zoom") > 1.5
    assert page.evaluate(f"{MAP}.painter.side({MAP}.view)") > side
    assert re.search(r"map=[-\d.]+,[-\d.]+,1\.[5-9]|map=[-\d.]+,[-\d.]+,[2-9]", page.url)


def test_dragging_moves_the_map_and_keys_do_too(opened: Callable[..., Page]) -> None:
    page = opened()
    x, y = screen_place(page, 0)
    page.mouse.move(x + 3, y + 60)
    page.mouse.down()
    page.mouse.move(x - 97, y + 10, steps=6)
    page.mouse.up()
    still(page)
    np.testing.assert_allclose(screen_place(page, 0), (x - 100, y - 50), atol=1.5)
    page.locator(".pm-map-stage").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("+")
    still(page)
    assert page.evaluate(f"{MAP}.zoom") == pytest.approx(1.3, rel=0.01)
    page.keyboard.press("0")
    still(page)
    assert page.evaluate(f"{MAP}.zoom") == pytest.approx(1)


def test_hovering_shows_the_picture_with_its_title(opened: Callable[..., Page], live: Live) -> None:
    page = opened()
    point, image_id = page.evaluate(f"[{MAP}.painter.pictures[0].i, {MAP}.data.ids[{MAP}.painter.pictures[0].i]]")
    page.mouse.move(*screen_place(page, point))
    card = page.locator(".pm-map-card")
    expect(card).to_be_visible()
    expect(card).to_contain_text(live.engine.record("paintings", image_id).title)
    expect(card.locator("img")).to_have_js_property("complete", True)
    assert card.locator("img").evaluate("(img) => img.naturalWidth") > 0
    page.mouse.move(5, 5)
    expect(card).to_be_hidden()


def test_picking_a_point_draws_lines_to_its_true_neighbours(opened: Callable[..., Page], live: Live) -> None:
    page = opened()
    point, image_id = page.evaluate(f"[{MAP}.painter.pictures[5].i, {MAP}.data.ids[{MAP}.painter.pictures[5].i]]")
    page.mouse.click(*screen_place(page, point))
    panel = page.get_by_label("Picked picture")
    expect(panel).to_contain_text("Most alike")
    drawn_to = page.evaluate(f"{MAP}.marks.neighbours.map((i) => {MAP}.data.ids[i])")
    exact = live.engine.search("paintings", Query.stored(image_id), k=13, index="flat")
    assert drawn_to == [result.image_id for result in exact.results if result.image_id != image_id][:12]
    still(page)
    assert f"pick:{image_id}" in page.url


def test_colouring_by_another_field_has_its_legend_and_rows_hide_points(opened: Callable[..., Page]) -> None:
    page = opened()
    before = drawn(page)
    page.get_by_label("Colour by").select_option(label="Department")
    legend = page.get_by_role("group", name="Legend")
    expect(legend).to_contain_text("Asian Art")
    still(page)
    assert (drawn(page) != before).any()
    legend.get_by_role("checkbox", name=re.compile("Asian Art")).uncheck()
    still(page)
    hidden = page.evaluate(f"[...{MAP}.codes].filter((code, i) => !{MAP}.isOpen(i))")
    field = page.evaluate(f"{MAP}.look.field")
    code, count = next((k, n) for k, (name, n) in enumerate(field["values"]) if name == "Asian Art")
    assert hidden == [code] * count
    assert "hide:" in page.url
    page.get_by_role("button", name="Show all").click()
    page.get_by_label("Colour by").select_option(label="Trust in the place")
    expect(legend).to_contain_text("0.88 to 1.00")


def test_searching_titles_lets_matches_stand_out(opened: Callable[..., Page], live: Live) -> None:
    page = opened()
    page.get_by_label("Search titles on the map").fill("virgin child")
    texts = [f"{record.title} {record.fields.get('artist')}".lower() for record in live.engine.dataset("paintings")]
    expected = [text for text in texts if "virgin" in text and "child" in text]
    expect(page.locator(".pm-map-found")).to_have_text(f"{len(expected)} pictures")
    standing = page.evaluate(f"[...{MAP}.look.states].filter((state) => state === 2).length")
    assert standing == len(expected)


def test_a_lasso_selects_what_it_encloses_and_the_selection_can_be_taken_away(
    opened: Callable[..., Page], live: Live
) -> None:
    page = opened()
    page.get_by_role("button", name="Draw around pictures to select them").click()
    box = page.locator(".pm-map-stage").bounding_box()
    corners = [(600, 120), (950, 100), (900, 380), (620, 330)]
    page.mouse.move(box["x"] + corners[0][0], box["y"] + corners[0][1])
    page.mouse.down()
    for x, y in (*corners[1:], corners[0]):
        page.mouse.move(box["x"] + x, box["y"] + y, steps=8)
    page.mouse.up()
    panel = page.get_by_label("Selection", exact=True)
    expect(panel).to_be_visible()
    ids = page.evaluate(f"{MAP}.selection.map((i) => {MAP}.data.ids[i])")
    assert len(ids) > 5
    expect(panel.get_by_role("status").first).to_have_text(f"{len(ids)} pictures")
    panel.get_by_label("Name of the selection").fill("My corner")
    panel.get_by_label("Name of the selection").press("Enter")
    with page.expect_download() as got:
        panel.get_by_role("button", name="Export JSON").click()
    saved = json.loads(Path(got.value.path()).read_text())
    assert saved["name"] == "My corner"
    assert [picture["image_id"] for picture in saved["pictures"]] == ids
    with page.expect_download() as got:
        panel.get_by_role("button", name="Export ZIP").click()
    with zipfile.ZipFile(got.value.path()) as archive:
        assert len(archive.namelist()) == len(ids) + 1
    panel.get_by_role("button", name="More like these").click()
    expect(panel.get_by_role("heading", name="More like these")).to_be_visible()
    mean = live.engine.vectors("paintings").get(ids).mean(axis=0)
    nearest = live.engine.search("paintings", Query.vector(mean / np.linalg.norm(mean)), k=174, index="flat")
    alike = page.evaluate(f"{MAP}.marks.neighbours.map((i) => {MAP}.data.ids[i])")
    assert alike == [result.image_id for result in nearest.results if result.image_id not in ids][:24]
    page.reload()  # the selection is in the URL
    ready(page)
    assert page.evaluate(f"{MAP}.selection.map((i) => {MAP}.data.ids[i])") == ids
    expect(page.get_by_label("Kept selections")).to_contain_text("My corner")


def test_an_upload_is_placed_with_lines_to_its_exact_neighbours(
    opened: Callable[..., Page], live: Live, tmp_path: Path
) -> None:
    dataset = live.engine.dataset("paintings")
    record = dataset.catalog.records()[50]
    picture = dataset.load(record)
    height, width = picture.shape[:2]
    upload = tmp_path / "part of a painting.png"  # a part, mirrored: not in the fit
    Image.fromarray(picture[height // 5 : height * 4 // 5, width // 6 : width * 5 // 6][:, ::-1]).save(upload)
    page = opened()
    page.get_by_label("Picture to place on the map").set_input_files(upload)
    panel = page.get_by_label("Picked picture")
    expect(panel).to_contain_text("part of a painting.png")
    expect(panel).to_contain_text(re.compile("true neighbours"))
    page.wait_for_function(f"() => {MAP}.marks.placed?.neighbours.length === 12")
    exact = live.engine.search("paintings", Query.picture(upload), k=12, index="flat")
    drawn_to = page.evaluate(f"{MAP}.marks.placed.neighbours.map((i) => {MAP}.data.ids[i])")
    assert drawn_to == [result.image_id for result in exact.results]
    panel.get_by_role("button", name="Search with this").click()
    expect(page.get_by_role("tab", name="Search")).to_have_attribute("aria-selected", "true")
    expect(page.locator(f".pm-open[data-id='{exact.results[0].image_id}']")).to_be_visible()


def test_an_upload_like_nothing_there_has_a_dashed_ring_and_says_why(
    opened: Callable[..., Page], tmp_path: Path
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    upload = tmp_path / "noise.png"
    Image.fromarray(noise).save(upload)
    page = opened()
    page.get_by_label("Picture to place on the map").set_input_files(upload)
    expect(page.get_by_label("Picked picture")).to_contain_text(
        "The place is doubtful: nothing in this gallery resembles"
    )
    page.wait_for_function(f"() => {MAP}.marks.placed?.doubtful")


def test_an_upload_that_is_no_picture_is_refused_in_words(opened: Callable[..., Page], tmp_path: Path) -> None:
    upload = tmp_path / "letter.png"
    upload.write_text("Dear Sir or Madam")
    page = opened()
    page.get_by_label("Picture to place on the map").set_input_files(upload)
    expect(page.locator(".pm-map-message")).to_contain_text(re.compile("not|cannot", re.IGNORECASE))
    expect(page.locator(".pm-map-message")).to_have_class(re.compile("pm-warning"))


def test_one_travels_from_the_map_to_search_and_back(opened: Callable[..., Page]) -> None:
    page = opened()
    point, image_id = page.evaluate(f"[{MAP}.painter.pictures[2].i, {MAP}.data.ids[{MAP}.painter.pictures[2].i]]")
    page.mouse.click(*screen_place(page, point))
    page.get_by_label("Picked picture").get_by_role("button", name="Search with this").click()
    expect(page.locator(".pm-cell").first).to_be_visible()
    assert f"id={image_id}" in page.url
    result = page.locator(".pm-open").nth(2)
    wanted = int(result.get_attribute("data-id"))
    result.click()
    page.get_by_role("dialog").get_by_role("button", name="Show on the map").click()
    expect(page.get_by_role("tab", name="Map")).to_have_attribute("aria-selected", "true")
    page.wait_for_function(f"(id) => {MAP}?.data.ids[{MAP}.marks.picked] === id", arg=wanted)


def test_a_view_comes_back_from_its_url(opened: Callable[..., Page]) -> None:
    page = opened("?tab=map&gallery=satellite&map=0.2,-0.1,3~by:surface~hide:0")
    assert page.evaluate(f"{MAP}.zoom") == pytest.approx(3)
    assert page.evaluate(f"[{MAP}.view.x, {MAP}.view.y]") == pytest.approx([0.2, -0.1])
    expect(page.get_by_label("Colour by")).to_have_value(str(page.evaluate(f"{MAP}.data.fieldNumber('surface')")))
    assert page.evaluate(f"{MAP}.look.states.some((state) => state === 0)")


def test_what_is_in_view_can_be_read_as_a_table(opened: Callable[..., Page]) -> None:
    page = opened()
    page.get_by_text("What is in view, as a table").click()
    expect(page.locator(".pm-map-table tbody tr")).to_have_count(60)
    page.locator(".pm-map-table").get_by_role("button").first.click()
    expect(page.get_by_label("Picked picture")).to_be_visible()


def test_both_back_ends_draw_the_same_points_and_a_lost_context_comes_back(
    make_page: Callable[..., Page], live: Live, built: None
) -> None:
    pictures = {}
    for draw in ("splat", "webgl"):
        page = make_page()
        page.add_init_script(f"localStorage.setItem('pentimento-map-draw', '{draw}')")
        page.goto(live.url + "?tab=map&gallery=satellite&map=0,0,0.5")
        ready(page)
        if page.evaluate("document.querySelector('.pm-map-stage').dataset.draw") != draw:
            pytest.skip("this browser has no WebGL 2 at all")
        pictures[draw] = drawn(page).astype(int)
    # Discs lie on whole pixels in one and between pixels in the other: means over 8 x 8 pixels are compared.
    differing = np.abs(blocks(pictures["splat"]) - blocks(pictures["webgl"])).max(axis=2)
    assert (differing > 40).mean() < 0.005
    page.evaluate(
        f"() => {{ window.lost = {MAP}.painter.backend.gl.getExtension('WEBGL_lose_context'); lost.loseContext(); }}"
    )
    page.wait_for_function(f"() => {MAP}.painter.backend.lost")
    page.evaluate("() => lost.restoreContext()")
    page.wait_for_function(f"() => !{MAP}.painter.backend.lost")
    still(page)
    assert (np.abs(drawn(page).astype(int) - pictures["webgl"]).max(axis=2) > 40).mean() < 0.001


def test_the_exported_page_works_from_disk_without_a_network(
    browser: Any, live: Live, built: None, tmp_path: Path
) -> None:
    target = tmp_path / "map.html"
    command = [sys.executable, "-m", "core", "map", "satellite", "--keep", "--out", str(target)]
    environment = {"PENTIMENTO_HOME": str(live.settings.root), "OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"}
    subprocess.run(command, cwd=PROJECT, env=environment, check=True, capture_output=True, timeout=120)
    context = browser.new_context(viewport={"width": 1200, "height": 800}, offline=True)
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: faults.append(request.url) if request.url.startswith("http") else None)
    page.goto(target.as_uri())
    ready(page)
    assert page.evaluate(f"{MAP}.painter.pictures.length") > 20
    page.mouse.move(*screen_place(page, page.evaluate(f"{MAP}.painter.pictures[0].i")))
    expect(page.locator(".pm-map-card canvas")).to_be_visible()
    page.get_by_label("Colour by").select_option(label="Surface")
    expect(page.get_by_role("group", name="Legend")).to_contain_text("ocean")
    still(page)
    page.reload()
    ready(page)
    assert page.evaluate(f"{MAP}.look.field.name") == "surface"
    context.close()
    assert not faults
