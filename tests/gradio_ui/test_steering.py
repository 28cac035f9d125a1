"""Steering and its reasons, as the page asks for them."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from PIL import Image

from core.errors import NotPreparedError
from core.search import Engine, Query
from core.search.looks import measure
from core.search.why import Reasons
from core.settings import Settings
from gradio_ui import export, handlers, steering
from gradio_ui.confidence import Calibrations
from gradio_ui.shelf import Shelf
from gradio_ui.static_files import file_url
from gradio_ui.steering import Measuring
from gradio_ui.why import why


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    return Shelf(gr.Blocks(analytics_enabled=False))


@pytest.fixture(scope="module")
def measured(engine: Engine) -> Engine:
    measure(engine.vectors("paintings").address, engine.settings)
    return engine


def local(url: str) -> Path:
    from urllib.parse import unquote

    return Path(unquote(url.removeprefix("gradio_api/file=")))


STEER: dict[str, Any] = {
    "plus": [9], "minus": [20], "weights": {"content": 1, "colour": 0.5}, "variety": 0.3, "hide_duplicates": True,
}  # fmt: skip


def test_the_page_finds_what_the_engine_finds(measured: Engine, shelf: Shelf) -> None:
    file = measured.dataset("paintings").source_path(measured.record("paintings", 30))
    upload = local(shelf.put_copy(file))
    request = {
        "gallery": "paintings", "id": 5, "k": 9, "steer": {**STEER, "also": [{"id": 12}, {"path": str(upload)}]},
    }  # fmt: skip
    answer = handlers.search(measured, request)
    query = Query.stored(5).steered(
        also=(Query.stored(12), Query.picture(file)), plus=(9,), minus=(20,), colour=0.5, variety=0.3,
        hide_duplicates=True,
    )  # fmt: skip
    wanted = measured.search("paintings", query, k=9)
    assert [card["id"] for card in answer["results"]] == [one.image_id for one in wanted.results]
    assert [card["scores"] for card in answer["results"]] == [one.scores for one in wanted.results]
    assert answer["n_candidates"] == 174
    assert answer["account"].endswith(
        "with 3 pictures, steered by 2 pictures, weighing content and colour, varied, near-duplicates hidden"
    )


def test_a_search_that_is_not_steered_says_nothing_of_it(engine: Engine) -> None:
    answer = handlers.search(engine, {"gallery": "paintings", "id": 5, "k": 3, "steer": None}, None, Calibrations())
    assert "steering" not in answer
    assert all(card["scores"] is None for card in answer["results"])
    assert all(0 <= card["percentile"] <= 100 for card in answer["results"])
    assert answer["results"][0]["percentile"] == 100


def test_the_export_holds_the_steered_results(measured: Engine, shelf: Shelf) -> None:
    request = {"gallery": "paintings", "id": 5, "k": 4, "kind": "json", "steer": STEER}
    import json

    saved = json.loads(local(export.export(measured, shelf, request, None)["file"]).read_text())
    assert [one["image_id"] for one in saved["results"]] == [
        card["id"] for card in handlers.search(measured, request)["results"]
    ]
    assert saved["steering"]["plus"] == [9]


@pytest.mark.parametrize(
    "steer",
    [
        [], "plus", {"plus": 3}, {"plus": ["x"]}, {"plus": [10**9]}, {"weights": {"smell": 1}}, {"weights": [1]},
        {"weights": {"content": 0}}, {"variety": 2}, {"also": [3]}, {"also": [{}]}, {"also": [{"path": "/etc/passwd"}]},
    ],
)  # fmt: skip
def test_steering_without_sense_is_answered_in_a_sentence(engine: Engine, steer: Any) -> None:
    request = {"gallery": "paintings", "id": 5, "steer": steer}
    answer = handlers.answered(lambda: handlers.search(engine, request))
    assert set(answer) == {"error", "kind"}
    assert answer["error"].endswith(".")


def test_colours_are_measured_in_the_background_once(settings: Settings, make_gallery) -> None:
    from core.search import prepare_gallery

    make_gallery(settings, count=8)
    prepare_gallery("mine@histogram", settings, indexes=["flat"])
    engine = Engine(settings)
    request = {"gallery": "mine@histogram", "id": 1, "k": 3, "steer": {"weights": {"colour": 1, "content": 0}}}
    assert steering.weighs(request)
    with pytest.raises(NotPreparedError, match="have not been measured yet"):
        handlers.search(engine, request)
    measuring = Measuring(engine)
    assert set(measuring.under_way("mine@histogram") or {}) == {"done", "total", "left"}
    end = time.monotonic() + 60
    while measuring.under_way("mine@histogram") is not None and time.monotonic() < end:
        time.sleep(0.05)
    assert handlers.search(engine, request)["results"][0]["id"] == 1


def test_why_shows_both_pictures_and_what_connects_them(measured: Engine, shelf: Shelf) -> None:
    parts = (measured, Reasons(measured), shelf, Calibrations(), Measuring(measured))
    request = {"gallery": "paintings", "id": 32, "result": 62}
    answer = why(*parts, request, None)
    assert (answer["here"]["id"], answer["there"]["id"]) == (32, 62)
    assert answer["measuring"] is None
    assert [one["name"] for one in answer["aspects"]] == ["content", "colour", "texture"]
    assert all(one["percentile"] is not None for one in answer["aspects"])
    assert answer["sentence"].startswith("Side by side for what they show")
    assert len(answer["heat"]["here"]) == len(answer["heat"]["here"][0]) == 7
    cut = why(*parts, {**request, "region": [0, 0, 0.5, 1], "quarter_turns": 1}, None)
    with Image.open(local(cut["here"]["thumbnail"])) as shown:
        assert shown.size == (cut["here"]["width"], cut["here"]["height"])
        record = measured.record("paintings", 32)
        whole = record.height / record.width  # turned by a quarter
        assert shown.width / shown.height == pytest.approx(whole / 2, rel=0.02)


def test_who_asks_while_a_gallery_is_measured_gets_the_same_answer(engine: Engine) -> None:
    calibrations = Calibrations()
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: calibrations.known(engine, "paintings"), range(6)))
    assert found[0] is not None
    assert all(one is found[0] for one in found)


def test_the_trail_gets_cards_of_pictures_that_are_there(engine: Engine) -> None:
    found = steering.cards(engine, {"gallery": "paintings", "ids": [9, 10**9, 5]})["cards"]
    assert [card["id"] for card in found] == [9, 5]
    assert local(found[0]["thumbnail"]).is_file()
    assert file_url(local(found[0]["thumbnail"])) == found[0]["thumbnail"]


@pytest.mark.parametrize(("asked", "other"), [("paintings", "satellite"), ("satellite", "paintings")])
def test_what_does_not_belong_has_no_good_match_and_what_does_has_one(engine: Engine, asked: str, other: str) -> None:
    calibrations = Calibrations()

    def said(of: str) -> list[bool]:
        dataset = engine.dataset(of)
        judged = []
        for record in dataset.catalog.records()[3 :: len(dataset) // 12]:
            # A photograph of it, as somebody would bring it: not the very file.
            image = Image.fromarray(dataset.load(record, min_side=200)).resize((200, 180))
            file = Path(engine.settings.root) / "brought.png"
            image.save(file)
            request = {"gallery": asked, "k": 5}
            judged.append(handlers.search(engine, request, file, calibrations)["confidence"]["is_match"])
        return judged

    # On every third picture: 5 of 204 tiles have a match among the paintings and none of 58 paintings among the tiles,
    # as they should; all 58 paintings have one among the paintings.
    assert sum(said(other)) <= 1
    assert sum(said(asked)) >= 11
