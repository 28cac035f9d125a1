"""What the page asks and gets, without a page."""

from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from core.errors import ImageError, RetrievalError, UnknownNameError
from core.search import Engine, Query
from gradio_ui import export, handlers
from gradio_ui.confidence import Calibrations
from gradio_ui.shelf import Shelf, uploaded
from gradio_ui.static_files import file_url

PAINTINGS = "paintings@efficientnet_lite0"


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    return Shelf(gr.Blocks(analytics_enabled=False))


def local(url: str) -> Path:
    """Return the file that a URL of the page stands for."""
    from urllib.parse import unquote

    return Path(unquote(url.removeprefix("gradio_api/file=")))


def test_galleries_tell_what_can_be_chosen(engine: Engine) -> None:
    found = handlers.galleries(engine)
    assert [(entry["title"], entry["count"], entry["noun"]) for entry in found] == [
        ("Paintings", 174, "paintings"),
        ("Satellite", 612, "tiles"),
    ]
    assert "km" in found[1]["note"]
    for entry in found:
        assert entry["default_index"] in [index["name"] for index in entry["indexes"] if index["available"]]
        assert len(entry["examples"]) == 8
        assert {facet["kind"] for facet in entry["facets"]} == {"choice", "range"}


def test_a_search_has_the_engines_results_with_thumbnails_and_captions(engine: Engine) -> None:
    answer = handlers.search(engine, {"gallery": "paintings", "id": 9, "k": 7})
    outcome = engine.search("paintings", Query.stored(9), k=7)
    assert [card["id"] for card in answer["results"]] == [result.image_id for result in outcome.results]
    assert [card["similarity"] for card in answer["results"]] == [result.similarity for result in outcome.results]
    assert answer["query"]["id"] == 9
    assert answer["headline"] == "7 look-alikes in Paintings"
    for card in answer["results"]:
        with Image.open(local(card["thumbnail"])) as thumbnail:
            assert thumbnail.format == "WEBP"
            assert abs(thumbnail.width / thumbnail.height / (card["width"] / card["height"]) - 1) < 0.05


def test_an_upload_is_turned_mirrored_and_cut_as_asked(engine: Engine) -> None:
    dataset = engine.dataset("paintings")
    file = dataset.source_path(dataset.catalog.get(30))
    request = {"gallery": "paintings", "k": 5, "region": [0, 0.1, 0.6, 0.9], "quarter_turns": 5, "mirrored": True}
    outcome = handlers.outcome_of(engine, request, file)
    same = engine.search("paintings", Query.picture(file, (0, 0.1, 0.6, 0.9), 1, True), k=5)
    assert [result.image_id for result in outcome.results] == [result.image_id for result in same.results]


@pytest.mark.parametrize(
    "request_",
    [
        {"gallery": "nowhere", "id": 1},
        {"gallery": "paintings", "id": 10**9},
        {"gallery": "paintings"},
        {"gallery": "paintings", "id": 1, "k": 0},
        {"gallery": "paintings", "id": 1, "k": 501},
        {"gallery": "paintings", "id": 1, "k": 2.5},
        {"gallery": "paintings", "id": 1, "index": "nonsense"},
        {"gallery": "paintings", "id": 1, "where": {"nonsense": 1}},
        {"gallery": "paintings", "id": 1, "knobs": {"nonsense": 1}},
        {"gallery": "paintings", "id": 1, "region": [0.5, 0, 0.4, 1]},
        {"gallery": "paintings", "id": 1, "region": [0, 0, 1]},
        {"gallery": "paintings", "id": "one"},
        {"gallery": "../paintings", "id": 1},
    ],
)
def test_what_makes_no_sense_is_answered_in_a_sentence(engine: Engine, request_: dict[str, Any]) -> None:
    answer = handlers.answered(lambda: handlers.search(engine, request_))
    assert set(answer) == {"error", "kind"}
    assert answer["error"][0].isupper()
    assert answer["error"].endswith(".")
    with pytest.raises(gr.Error):
        handlers.or_gradio_error(lambda: handlers.search(engine, request_))


def test_bugs_are_not_hidden() -> None:
    def fails() -> dict[str, Any]:
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        handlers.answered(fails)


def test_browsing_spreads_over_what_passes_the_filters(engine: Engine) -> None:
    everything = handlers.browse(engine, {"gallery": "paintings", "k": 30})
    assert everything["headline"] == "174 paintings"
    ids = [card["id"] for card in everything["results"]]
    assert len(set(ids)) == 30
    assert np.all(np.diff(ids) > 0)
    where = {"department": ["Asian Art"]}
    some = handlers.browse(engine, {"gallery": "paintings", "k": 30, "where": where})
    wanted = engine.dataset("paintings").catalog.select(where)
    assert {card["id"] for card in some["results"]} == set(wanted.tolist())
    assert some["headline"] == f"{len(wanted)} paintings of 174"
    nothing = handlers.browse(engine, {"gallery": "paintings", "where": {"begin_year": {"min": 3000}}})
    assert nothing["results"] == []


def test_knobs_are_described_with_their_limits(engine: Engine) -> None:
    for name in ("flat", "faiss-flat"):
        index = engine.load_index("paintings", name)
        described = handlers.knobs(engine, {"gallery": "paintings", "index": name})["knobs"]
        assert {knob["name"]: knob["default"] for knob in described} == {
            name: knob.default for name, knob in index.knobs.items()
        }


def test_details_show_everything_and_hand_out_the_original(engine: Engine, shelf: Shelf) -> None:
    for gallery in ("paintings", "satellite"):
        dataset = engine.dataset(gallery)
        record = dataset.catalog.get(11)
        answer = handlers.details(engine, shelf, {"gallery": gallery, "id": 11})
        assert local(answer["original"]).read_bytes() == dataset.source_path(record).read_bytes()
        assert answer["licence"] == record.fields["licence"]
        assert answer["source_url"].startswith("https://")
        shown = {row["name"]: row["value"] for row in answer["metadata"]}
        for name, value in record.fields.items():
            if value not in (None, "") and name not in ("licence", "credit", "source_url"):
                assert name in shown
        with Image.open(local(answer["picture"])) as picture:
            assert max(picture.size) <= max(1600, record.width, record.height)
    with pytest.raises(UnknownNameError):
        handlers.details(engine, shelf, {"gallery": "paintings", "id": 10**9})


def test_a_preview_is_made_of_what_browsers_cannot_show(engine: Engine, shelf: Shelf, tmp_path: Path) -> None:
    file = tmp_path / "scan.tif"
    Image.linear_gradient("L").resize((2400, 1200)).convert("CMYK").save(file)
    answer = handlers.preview(engine.settings, shelf, file)
    with Image.open(local(answer["picture"])) as picture:
        assert (picture.format, picture.size) == ("WEBP", (1600, 800))
    (tmp_path / "no.tif").write_bytes(b"no")
    with pytest.raises(ImageError):
        handlers.preview(engine.settings, shelf, tmp_path / "no.tif")


def test_only_uploads_may_be_named(shelf: Shelf, tmp_path: Path) -> None:
    outside = tmp_path / "secret.jpg"
    outside.write_bytes(b"x")
    inside = local(shelf.put(b"x", "mine.jpg"))
    assert uploaded(str(inside)) == inside.resolve()
    for path in (str(outside), "/etc/passwd", str(inside.parent / ".." / ".." / ".." / "secret.jpg")):
        with pytest.raises(ValueError, match="uploaded"):
            uploaded(path)
    inside.unlink()
    with pytest.raises(RetrievalError, match="deleted"):
        uploaded(str(inside))


def test_a_file_outside_the_folder_of_the_program_keeps_its_whole_path() -> None:
    assert file_url(Path("/nowhere/a b.webp")) == "gradio_api/file=/nowhere/a%20b.webp"


def test_the_best_match_is_judged_only_where_that_makes_sense(engine: Engine) -> None:
    calibrations = Calibrations()
    outcome = engine.search("paintings", Query.stored(9), k=5)
    judged = calibrations.of(engine, outcome, 9)
    assert judged
    assert 0 <= judged["percentile"] <= 100
    assert judged["sentence"].endswith(".")
    filtered = engine.search("paintings", Query.stored(9), k=5, where={"department": "Asian Art"})
    assert calibrations.of(engine, filtered, 9) is None
    alone = engine.search("paintings", Query.stored(9), k=1)
    assert calibrations.of(engine, alone, 9) is None


def test_exports_hold_what_was_found(engine: Engine, shelf: Shelf) -> None:
    request = {"gallery": "paintings", "id": 4, "k": 3}
    for kind in export.KINDS:
        answer = export.export(engine, shelf, {**request, "kind": kind}, None)
        assert answer["name"] == f"pentimento-paintings-efficientnet_lite0.{kind}"
        assert local(answer["file"]).stat().st_size > 100
    with pytest.raises(ValueError, match="export must be one of"):
        export.export(engine, shelf, {**request, "kind": "exe"}, None)


def test_a_cell_is_never_a_formula(engine: Engine) -> None:
    from dataclasses import replace

    outcome = engine.search("paintings", Query.stored(4), k=1)
    record = replace(outcome.results[0].record, title='=HYPERLINK("x")')
    evil = replace(outcome, results=[replace(outcome.results[0], record=record)])
    assert ",'=HYPERLINK" in export.as_csv(evil) or ",\"'=HYPERLINK" in export.as_csv(evil)
