"""What the Compare tab and the X-ray ask for, without a browser; and their end points."""

import csv
import json
from pathlib import Path
from urllib.parse import unquote

import gradio as gr
import gradio_client
import numpy as np
import pytest

from core.archive.comparing import ARCHIVE, GalleryCodes
from core.errors import UnavailableError, UnknownNameError
from core.search import Engine, Query
from core.search.explain import xray
from gradio_ui import compare_handlers, xray_handlers
from gradio_ui.shelf import Shelf
from gradio_ui.xray_handlers import Looking

REQUEST = {"gallery": "satellite", "id": 12, "k": 8}


@pytest.fixture(scope="module")
def codes() -> GalleryCodes:
    return GalleryCodes()


@pytest.fixture(scope="module")
def looking() -> Looking:
    return Looking()


def test_columns_are_searches_and_unbuilt_indexes_say_why(engine: Engine, codes: GalleryCodes) -> None:
    answer = compare_handlers.compare(engine, codes, REQUEST, None)
    by_name = {column["index"]: column for column in answer["columns"]}
    for name in ("flat", "faiss-flat", "ivfpq"):
        alone = engine.search("satellite", Query.stored(12), k=8, index=name)
        assert [one["image_id"] for one in by_name[name]["results"]] == [one.image_id for one in alone.results]
        assert not by_name[name]["reason"]
    assert by_name["ivfpq"]["is_xrayed"]
    assert by_name["ivfpq"]["knobs"]["n_probe"] == 8
    assert not by_name["flat"]["is_xrayed"]
    assert "not built" in by_name["lopq"]["reason"]
    assert list(by_name)[-1] == ARCHIVE
    assert [one["id"] for one in answer["truth"]] == [one["image_id"] for one in by_name["flat"]["results"]]
    shown = {one["id"] for one in answer["truth"]} | {
        one["image_id"] for column in answer["columns"] for one in column["results"]
    }
    assert set(answer["pictures"]) == set(answer["similarities"]) == {str(image) for image in shown}
    assert answer["query"]["id"] == 12
    json.dumps(answer)


def test_an_upload_is_compared_as_the_engine_would_search_it(engine: Engine, codes: GalleryCodes) -> None:
    file = engine.dataset("satellite").source_path(engine.record("satellite", 30))
    answer = compare_handlers.compare(
        engine, codes, {"gallery": "satellite", "k": 5, "region": [0, 0, 0.7, 0.7], "names": ["flat"]}, file
    )
    wanted = engine.search("satellite", Query.picture(file, (0, 0, 0.7, 0.7)), k=5, index="flat")
    assert [one["image_id"] for one in answer["columns"][0]["results"]] == [one.image_id for one in wanted.results]
    assert answer["query"] is None


def test_reasons_of_what_was_missed_are_those_of_the_x_ray(
    engine: Engine, codes: GalleryCodes, looking: Looking
) -> None:
    store = engine.vectors("satellite")
    for image_id in store.ids[::40]:
        request = {**REQUEST, "id": int(image_id), "knobs": {"ivfpq": {"n_probe": 1}}}
        answer = compare_handlers.compare(engine, codes, {**request, "names": ["ivfpq", ARCHIVE]}, None)
        ours, archived = answer["columns"]
        if ours["missed"] and archived["missed"]:
            break
    else:
        pytest.fail("no query was missed by both")
    told = compare_handlers.reasons(
        engine,
        codes,
        looking,
        {
            **request,
            "missed": {"ivfpq": ours["missed"], ARCHIVE: archived["missed"]},
            "settings": {"ivfpq": ours["knobs"]},
        },
        None,
    )["reasons"]
    seen = xray(
        engine.load_index("satellite", "ivfpq"),
        engine.encode("satellite", Query.stored(int(image_id))),
        store.vectors,
        store.ids,
        k=8,
        n_probe=1,
    )
    assert told["ivfpq"] == {str(lost.id): lost.sentence for lost in seen.neighbours if lost.verdict != "found"}
    assert set(told[ARCHIVE]) == {str(image) for image in archived["missed"]}
    assert all("16-byte code" in sentence for sentence in told[ARCHIVE].values())


def test_the_table_is_saved_with_the_numbers_that_were_measured(engine: Engine, codes: GalleryCodes) -> None:
    with gr.Blocks() as blocks:
        shelf = Shelf(blocks)
    request = {**REQUEST, "names": ["flat", "ivfpq", "lsh"]}
    saved = {
        kind: compare_handlers.save(engine, codes, shelf, {**request, "kind": kind}, None) for kind in ("csv", "json")
    }
    texts = {
        kind: Path(unquote(one["file"].removeprefix("gradio_api/file="))).read_text(encoding="utf-8-sig")
        for kind, one in saved.items()
    }
    rows, whole = list(csv.DictReader(texts["csv"].splitlines())), json.loads(texts["json"])
    assert [row["index"] for row in rows] == ["exact", "flat", "ivfpq", "lsh"]
    truth = engine.search("satellite", Query.stored(12), k=8, index="flat").results
    assert [int(rows[0][f"result_{rank}"]) for rank in range(1, 9)] == [one.image_id for one in truth]
    assert rows[1]["recall"] == "1.0"
    assert int(rows[1]["vectors"]) == len(engine.vectors("satellite"))
    assert "not built" in rows[3]["reason"]
    assert whole["truth"] == [one.image_id for one in truth]
    with pytest.raises(ValueError, match="csv, json"):
        compare_handlers.save(engine, codes, shelf, {**request, "kind": "zip"}, None)


def test_the_x_ray_shows_the_search_that_the_engine_does(engine: Engine, looking: Looking) -> None:
    for n_probe in (1, 3, 15):
        shown = xray_handlers.look(engine, looking, {**REQUEST, "index": "ivfpq", "n_probe": n_probe}, None)
        alone = engine.search("satellite", Query.stored(12), k=8, index="ivfpq", knobs={"n_probe": n_probe})
        assert {one["id"] for one in shown["results"]} == {one.image_id for one in alone.results}
        assert shown["n_probe"] == len(shown["course"]["list_codes"]) == n_probe
        assert sum(shown["course"]["list_codes"]) == shown["n_scanned"] == shown["course"]["n"]
        assert sum(shown["course"]["list_pruned"]) == shown["course"]["n_pruned"]
        assert sum(shown["cells"]["sizes"]) == shown["n_vectors"] == len(engine.vectors("satellite"))
        assert sum(shown["cells"]["sizes"][:n_probe]) == shown["n_scanned"]
        best = sorted(shown["course"]["entered"], key=lambda one: one[2])[:8]
        assert {one[1] for one in best} == {one["id"] for one in shown["results"]}
        for one in (*shown["results"], *shown["neighbours"]):
            assert str(one.get("id", one.get("image_id"))) in shown["pictures"]
        json.dumps(shown)


def test_a_filtered_search_is_shown_as_it_is_done(engine: Engine, looking: Looking) -> None:
    request = {**REQUEST, "index": "ivfpq", "n_probe": 2, "where": {"surface": ["land"]}}
    shown = xray_handlers.look(engine, looking, request, None)
    alone = engine.search("satellite", Query.stored(12), k=8, index="ivfpq", where=request["where"])
    exact = engine.search("satellite", Query.stored(12), k=8, index="flat", where=request["where"])
    assert {one["id"] for one in shown["results"]} == {one.image_id for one in alone.results}
    assert {one["image_id"] for one in shown["neighbours"]} == {one.image_id for one in exact.results}
    assert shown["is_filtered"]
    assert shown["is_scanned"]
    assert shown["n_scanned"] == shown["n_vectors"] == alone.n_searched < shown["n_gallery"]
    assert shown["n_probe"] == shown["n_lists_counted"] == len(shown["cells"]["numbers"]) <= shown["n_lists"]
    assert sum(shown["cells"]["sizes"]) == alone.n_searched
    assert not {one["verdict"] for one in shown["neighbours"]} & {"list", "list and code"}
    members = xray_handlers.members(engine, looking, {**request, "list": shown["cells"]["numbers"][0]}, None)
    assert members["size"] == shown["cells"]["sizes"][0]
    with pytest.raises(UnavailableError, match="no picture passes"):
        xray_handlers.look(engine, looking, {**request, "where": {"surface": "nothing"}}, None)


def test_reasons_under_a_filter_are_about_what_passes_it(engine: Engine, codes: GalleryCodes, looking: Looking) -> None:
    where = {"surface": ["land"]}
    for image_id in engine.vectors("satellite").ids[::50]:
        request = {**REQUEST, "id": int(image_id), "where": where}
        answer = compare_handlers.compare(engine, codes, {**request, "names": ["ivfpq", ARCHIVE]}, None)
        columns = {column["index"]: column for column in answer["columns"]}
        assert columns["ivfpq"]["is_scanned"]
        missed = {name: column["missed"] for name, column in columns.items()}
        told = compare_handlers.reasons(engine, codes, looking, {**request, "missed": missed}, None)["reasons"]
        assert {name: sorted(map(int, one)) for name, one in told.items()} == {
            name: sorted(ids) for name, ids in missed.items() if ids
        }
        for sentence in told.get("ivfpq", {}).values():
            assert "beyond the cut-off" in sentence
            assert "not probed" not in sentence  # all that passes is scanned


def test_looking_again_measures_only_once(engine: Engine) -> None:
    looking = Looking()
    request = {**REQUEST, "index": "ivfpq"}
    first = looking.measured(engine, request, None)
    assert looking.measured(engine, {**request, "n_probe": 2, "k": 3}, None) is first
    assert looking.measured(engine, {**request, "id": 13}, None) is not first
    assert looking.cells(first) is looking.cells(first)
    filtered = {**request, "where": {"surface": ["land"]}}
    assert looking.measured(engine, filtered, None).whole is first
    assert looking.measured(engine, filtered, None) is looking.measured(engine, {**filtered, "n_probe": 1}, None)


def test_a_table_adds_up_to_the_distance_by_code_and_a_list_has_its_members(engine: Engine, looking: Looking) -> None:
    request = {**REQUEST, "index": "ivfpq", "of": 40}
    table = xray_handlers.table(engine, looking, request, None)
    parts = [line[code] for line, code in zip(table["table"], table["code"], strict=True)]
    assert sum(parts) + table["left_out"] == pytest.approx(table["approximate"], rel=1e-3)
    vectors = engine.vectors("satellite")
    exact = float(((vectors.get([12])[0] - vectors.get([40])[0]) ** 2).sum())
    assert table["exact"] == pytest.approx(exact, rel=1e-4)
    members = xray_handlers.members(engine, looking, {**request, "list": table["list"]}, None)
    index = engine.load_index("satellite", "ivfpq")
    labels, _ = index.encode(np.array(vectors.vectors))  # type: ignore[attr-defined]
    inside = set(vectors.ids[labels == table["list"]].tolist())
    assert members["size"] == len(inside)
    assert {card["id"] for card in members["pictures"]} <= inside
    assert len(members["pictures"]) == min(8, len(inside))


def test_what_cannot_be_looked_into_is_said(engine: Engine, looking: Looking) -> None:
    with pytest.raises(UnavailableError, match="choose ivfpq"):
        looking.measured(engine, {**REQUEST, "index": "flat"}, None)
    with pytest.raises(UnknownNameError):
        looking.measured(engine, {**REQUEST, "index": "nonsense"}, None)
    with pytest.raises(UnknownNameError, match="no picture 99999"):
        xray_handlers.table(engine, looking, {**REQUEST, "index": "ivfpq", "of": 99999}, None)
    with pytest.raises(ValueError, match="list must be between"):
        xray_handlers.members(engine, looking, {**REQUEST, "index": "ivfpq", "list": 10**6}, None)
    with pytest.raises(ValueError, match="number of neighbours"):
        xray_handlers.look(engine, looking, {**REQUEST, "index": "ivfpq", "k": 51}, None)


def test_programs_compare_and_explain(served) -> None:
    client = gradio_client.Client(served.url, verbose=False, analytics_enabled=False)
    answer = client.predict(
        gallery="satellite", image_id=12, neighbours=5, filters='{"surface": "land"}', api_name="/compare"
    )
    flat = next(column for column in answer["columns"] if column["index"] == "flat")
    wanted = served.engine.search("satellite", Query.stored(12), k=5, index="flat", where={"surface": "land"})
    assert [one["image_id"] for one in flat["results"]] == [one.image_id for one in wanted.results]
    answer = client.predict(gallery="satellite", image_id=12, neighbours=5, n_probe=2, api_name="/explain")
    assert answer["n_probe"] == 2
    assert len(answer["neighbours"]) == 5
    assert all(one["sentence"] for one in answer["neighbours"])
    answer = client.predict(
        gallery="satellite", image_id=12, neighbours=5, filters='{"surface": "land"}', api_name="/explain"
    )
    assert [one["image_id"] for one in answer["neighbours"]] == [one.image_id for one in wanted.results]
    assert answer["is_scanned"]
    with pytest.raises(gradio_client.exceptions.AppError, match="JSON object"):
        client.predict(gallery="satellite", image_id=12, filters="[1]", api_name="/compare")
