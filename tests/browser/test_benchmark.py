"""The Benchmark tab: measuring from the page, charts of what was measured, the dial, downloads, another size."""

import csv
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.evaluation import curves
from core.evaluation.curve_measuring import measure
from core.evaluation.curves import Curves, folder_of
from core.evaluation.recommend import recommend
from core.search import parse_address
from core.search.galleries import provenance

GALLERY = "paintings"
SLOW_MS = 90_000  # measuring seven indexes on a busy machine


@pytest.fixture(scope="module", autouse=True)
def as_it_was(live) -> Iterator[None]:
    """Remove what is measured here: the gallery is shared with other tests."""
    yield
    shutil.rmtree(_folder(live), ignore_errors=True)


@pytest.fixture
def measured(live) -> Curves:
    """The gallery's curves, measured if they are not there."""
    return measure(parse_address(GALLERY, live.settings), live.settings)


@pytest.fixture
def tab(live, page: Page, measured: Curves) -> Page:
    """The tab with the gallery's curves and charts."""
    page.goto(f"{live.url}?tab=benchmark&gallery={GALLERY}")
    expect(page.locator(".pm-bench-plot .main-svg").first).to_be_visible(timeout=SLOW_MS)
    expect(page.locator(".pm-dial-status")).to_contain_text("Compared with all 174", timeout=SLOW_MS)
    return page


def test_a_gallery_is_measured_from_the_page_and_can_be_stopped_and_continued(live, page: Page) -> None:
    shutil.rmtree(_folder(live), ignore_errors=True)
    page.goto(f"{live.url}?tab=benchmark&gallery={GALLERY}")
    expect(page.locator(".pm-bench-empty")).to_contain_text(re.compile(r"about \d+ s for 174 pictures"))
    page.get_by_role("button", name="Measure the indexes").click()
    expect(page.get_by_role("status").filter(has_text="Measuring paintings")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name=re.compile("^Measure")).first).to_be_visible(timeout=SLOW_MS)
    page.get_by_role("button", name=re.compile("^Measure (the indexes|them)")).click()
    expect(page.locator(".pm-bench-plot .main-svg").first).to_be_visible(timeout=SLOW_MS)
    everything = {"flat", "ivfpq", "faiss-flat", "ivfpq-8", "ivfpq-16", "ivfpq-32", "ivfpq-64"}
    until = time.monotonic() + SLOW_MS / 1000
    while (found := _curves(live)) != everything and time.monotonic() < until:
        page.wait_for_timeout(200)
    assert found == everything
    expect(page.get_by_role("status").filter(has_text="Measuring paintings")).to_be_hidden(timeout=SLOW_MS)


def test_charts_and_table_show_every_curve(tab: Page, measured: Curves) -> None:
    charts = tab.locator(".pm-bench-charts .pm-bench-plot")
    expect(charts).to_have_count(3)
    for name in measured.curves:
        expect(charts.first.locator(".legendtext", has_text=re.compile(f"^{name}$"))).to_have_count(1)
        expect(tab.get_by_role("row").filter(has=tab.get_by_role("rowheader", name=name, exact=True))).to_have_count(1)
    tab.get_by_label("recall@100").check()
    expect(charts.first.locator(".xtitle")).to_have_text("recall@100")
    expect(tab.get_by_role("columnheader", name=".95 recall@100")).to_be_visible()


def test_a_name_in_the_legend_hides_its_curve_in_both_charts(tab: Page) -> None:
    traces = tab.locator(".pm-bench-plot .scatterlayer .trace")
    before = traces.count()
    tab.locator(".pm-bench-plot").first.locator(".legendtoggle").nth(1).click()
    expect(traces).to_have_count(before - 2)


def test_the_dial_moves_from_setting_to_setting_and_says_what_was_measured(tab: Page, measured: Curves) -> None:
    dial = tab.get_by_role("region", name="Recall dial")
    slider = dial.get_by_label("n_rerank")
    slider.focus()
    slider.press("End")
    deepest = max(point.knobs.get("n_rerank", 0) for point in measured.curves["ivfpq-16"].points)
    expect(slider).to_have_attribute("aria-valuetext", str(deepest))
    expect(slider).to_be_focused()
    n_probe = int(dial.get_by_label("n_probe").get_attribute("aria-valuetext") or 0)
    wanted = {"n_probe": n_probe, "n_rerank": deepest}
    point = next(one for one in measured.curves["ivfpq-16"].points if one.knobs == wanted)
    row = dial.get_by_role("row").filter(has_text="10 nearest")
    expect(row.get_by_role("cell").last).to_contain_text(f"{point.recall[10]:.3f}".rstrip("0").rstrip(".").lstrip("0"))
    dial.get_by_label("bytes per vector").press("End")
    expect(dial.get_by_label("bytes per vector")).to_have_attribute("aria-valuetext", "64")
    dial.get_by_label("Index").select_option("flat")
    expect(dial.get_by_text("This index has nothing to turn.")).to_be_visible()
    expect(row.get_by_role("cell").first).to_have_text("1")  # exact, for this query too


def test_the_recommendation_is_cores_and_is_searched_with(tab: Page, live, measured: Curves) -> None:
    advice = recommend(measured, 0.99, k=10, keys=["flat", "ivfpq", "faiss-flat"])
    assert advice is not None
    tab.get_by_label("Recall wanted").select_option(".99")
    line = tab.locator(".pm-dial-advice p").first
    expect(line.locator("strong")).to_have_text(
        ", ".join([advice.key, *(f"{name} {value}" for name, value in advice.point.knobs.items())])
    )
    line.get_by_role("button", name="Use it").click()
    expect(tab.get_by_role("tab", name="Search")).to_have_attribute("aria-selected", "true")
    default = live.engine.gallery(GALLERY).default_index
    expected = default if f"index={advice.key}" not in tab.url else advice.key
    assert expected == advice.key


def test_the_query_of_the_search_tab_is_the_one_that_the_dial_reads(live, page: Page, measured: Curves) -> None:
    page.goto(f"{live.url}?tab=benchmark&gallery={GALLERY}&id=17")
    title = live.engine.record(GALLERY, 17).title
    expect(page.locator(".pm-dial-query img")).to_have_attribute("alt", re.compile(re.escape(title)), timeout=SLOW_MS)


def test_charts_and_numbers_can_be_saved(tab: Page, measured: Curves, tmp_path: Path) -> None:
    with tab.expect_download() as picture:
        tab.get_by_role("button", name="PNG").first.click()
    assert picture.value.suggested_filename == "time-paintings-efficientnet_lite0.png"
    picture.value.save_as(tmp_path / "chart.png")
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")
    tab.locator(".pm-bench-save summary").click()
    with tab.expect_download() as table:
        tab.get_by_role("button", name="Every setting, CSV").click()
    table.value.save_as(tmp_path / "curves.csv")
    rows = list(csv.DictReader((tmp_path / "curves.csv").open()))
    assert len(rows) == sum(len(curve.points) for curve in measured.curves.values())


def test_a_telephone_shows_it_in_one_column_and_opens_the_tab_from_a_bookmark(live, make_page, measured) -> None:
    page = make_page(390, 844)
    page.goto(f"{live.url}?tab=benchmark&gallery={GALLERY}")
    expect(page.locator(".pm-bench-plot .main-svg").first).to_be_visible(timeout=SLOW_MS)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_search_tab_says_what_its_setting_misses_and_takes_a_better_one(live, page: Page, measured: Curves) -> None:
    page.goto(f"{live.url}?gallery={GALLERY}&id=17&index=ivfpq&knob.n_probe=1")
    page.locator("details[data-panel=how] summary").click()
    line = page.locator(".pm-dial-line")
    expect(line).to_contain_text(re.compile(r"With this setting \d+ of the 10 nearest are found"))
    line.get_by_role("button", name="Use it").click()
    expect(line).to_contain_text("With this setting 10 of the 10 nearest are found")
    line.get_by_role("button", name="Turn the recall dial").click()
    expect(page.get_by_role("tab", name="Benchmark")).to_have_attribute("aria-selected", "true")


def _folder(live) -> Path:
    return folder_of(parse_address(GALLERY, live.settings), live.settings)


def _curves(live) -> set[str]:
    """The indexes that have been measured so far."""
    found = curves.read(parse_address(GALLERY, live.settings), live.settings, provenance(live.engine.vectors(GALLERY)))
    return set(found.curves) if found else set()
