"""What the Map tab asks for, without a browser."""

import csv
import io
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from core.errors import Cancelled, ImageError, NotPreparedError
from core.projection import build, renew
from core.search import Engine, parse_address, prepare_gallery
from core.settings import Settings
from core.types import Progress
from gradio_ui import map_handlers
from gradio_ui.jobs import Jobs
from gradio_ui.map_page import write_page

MINE = "mine@efficientnet_lite0"


def test_a_map_is_found_by_the_browser_below_a_published_folder(mapped: Engine, home: Settings) -> None:
    answer = map_handlers.open_map(mapped, home, MINE)
    assert answer["state"] == "ready"
    assert answer["base"].endswith("/public/")
    assert answer["notice"] == ""


def test_a_gallery_without_a_map_is_offered_one(settings: Settings, make_gallery: Callable[..., object]) -> None:
    make_gallery(settings, count=4)
    prepare_gallery(MINE, settings, indexes=["flat"])
    answer = map_handlers.open_map(Engine(settings), settings, MINE)
    assert answer == {"state": "missing", "count": 4, "message": ""}
    with pytest.raises(NotPreparedError, match="python -m core map"):
        map_handlers.neighbours(Engine(settings), settings, MINE, 1)


def test_a_map_of_pictures_that_have_changed_says_so_and_is_renewed(
    settings: Settings, make_gallery: Callable[..., object]
) -> None:
    make_gallery(settings, count=8)
    prepare_gallery(MINE, settings, indexes=["flat"])
    address = parse_address(MINE, settings)
    assert renew(address, settings)[1]
    assert not renew(address, settings)[1]  # it fits: kept
    make_gallery(settings, only=range(6))
    prepare_gallery(MINE, settings, indexes=["flat"])
    assert "changed since" in map_handlers.open_map(Engine(settings), settings, MINE)["notice"]
    made, anew = renew(address, settings)
    assert anew
    assert made.summary["n"] == 6


def test_neighbours_are_those_of_exact_search(mapped: Engine, home: Settings) -> None:
    from core.search import Query

    found = map_handlers.neighbours(mapped, home, MINE, 3)["neighbours"]
    exact = [r for r in mapped.search(MINE, Query.stored(3), k=10, index="flat").results if r.image_id != 3]
    assert [pair["id"] for pair in found] == [result.image_id for result in exact]
    assert [pair["similarity"] for pair in found] == pytest.approx([r.similarity for r in exact], abs=1e-3)


def test_what_resembles_a_selection_is_not_in_it(mapped: Engine) -> None:
    found = map_handlers.alike(mapped, MINE, [1, 2, 3])["neighbours"]
    assert sorted(pair["id"] for pair in found) == [4, 5, 6, 7, 8, 9, 10]
    with pytest.raises(ValueError, match="select some"):
        map_handlers.alike(mapped, MINE, [])


def test_a_file_that_is_no_picture_is_not_placed(mapped: Engine, home: Settings, tmp_path: Path) -> None:
    letter = tmp_path / "letter.png"
    letter.write_text("Dear Madam")
    with pytest.raises(ImageError):
        map_handlers.place(mapped, home, MINE, letter)


def test_a_selection_as_a_table_cannot_carry_a_formula() -> None:
    record = SimpleNamespace(
        image_id=1, path="a.jpg", title="=HYPERLINK(1)", label="", width=2, height=3, fields={"year": -5, "by": "@x"}
    )
    rows = list(csv.reader(io.StringIO(map_handlers.as_csv([record]))))  # type: ignore[list-item]
    assert rows[0] == ["image_id", "path", "title", "label", "width", "height", "by", "year"]
    assert rows[1] == ["1", "a.jpg", "'=HYPERLINK(1)", "", "2", "3", "'@x", "-5"]
    assert json.loads(map_handlers.as_json("g", "n", [record]))["pictures"][0]["metadata"]["year"] == -5  # type: ignore[list-item]


def test_the_exported_page_asks_no_other_host_and_holds_every_module(
    mapped: Engine, home: Settings, tmp_path: Path
) -> None:
    from core.projection import GalleryMap

    target = tmp_path / "map.html"
    assert write_page(GalleryMap.open(parse_address(MINE, home), home), target, "Mine <b>") == target.stat().st_size
    text = target.read_text()
    assert "Mine &lt;b&gt;" in text
    assert "http://" not in text
    assert "https://" not in text
    imports = json.loads(text.split('<script type="importmap">')[1].split("</script>")[0])["imports"]
    assert {"pentimento/map/offline.js", "pentimento/map/map.js", "pentimento/dom.js"} <= set(imports)


def test_work_is_watched_and_stopped_and_its_failure_is_told_once() -> None:
    jobs, begun = Jobs("Working"), threading.Event()

    def work(progress: Progress) -> None:
        begun.set()
        for step in range(1000):
            progress(step, 1000, "working")
            time.sleep(0.005)

    jobs.start("a", work)
    assert begun.wait(10)
    assert jobs.state("a")["state"] == "building"
    jobs.start("a", lambda progress: pytest.fail("a second one was begun"))
    jobs.cancel("a")
    assert _ended(jobs, "a") == {"state": "idle"}

    def fail(progress: Progress) -> None:
        raise NotPreparedError("there is nothing here")

    jobs.start("a", fail)
    assert _ended(jobs, "a") == {"state": "idle", "error": "There is nothing here."}
    assert jobs.state("a") == {"state": "idle"}


def test_stopping_a_build_leaves_no_map(settings: Settings, make_gallery: Callable[..., object]) -> None:
    make_gallery(settings, count=4)
    prepare_gallery(MINE, settings, indexes=["flat"])

    def stop(done: int, total: int | None, what: str) -> None:
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        build(parse_address(MINE, settings), settings, stop)
    assert map_handlers.open_map(Engine(settings), settings, MINE)["state"] == "missing"


def test_warming_up_without_a_gallery_does_nothing(settings: Settings) -> None:
    map_handlers.warm_up(Engine(settings), settings)


def _ended(jobs: Jobs, gallery: str) -> dict[str, object]:
    end = time.monotonic() + 20
    while jobs.is_building(gallery) and time.monotonic() < end:
        time.sleep(0.01)
    return jobs.state(gallery)


def test_equal_requests_have_equal_ids() -> None:
    assert map_handlers.request_ids({"ids": [1, "2", np.int64(3)]}) == [1, 2, 3]
    assert map_handlers.request_ids({}) == []
