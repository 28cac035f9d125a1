"""Every column of a comparison equals a search of its own, and its misses equal brute force."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from core.cli.app import build
from core.errors import UnknownNameError
from core.indexes.effort import Effort
from core.search import Engine, Query
from core.search.compare import compare
from core.settings import Settings

K = 8


def test_columns_equal_single_searches_and_misses_equal_brute_force(prepared: Settings) -> None:
    engine = Engine(prepared)
    store = engine.vectors("satellite")
    image_id = int(store.ids[100])
    found = compare(
        engine, "satellite", Query.stored(image_id), k=K, names=["flat", "faiss-flat", "ivfpq", "faiss-hnsw"]
    )
    cosines = np.array(store.vectors) @ store.vectors[100]
    truth = store.ids[np.argsort(-cosines, kind="stable")[:K]]
    assert sorted(found.truth) == sorted(truth.tolist())
    assert found.truth[0] == image_id
    exact, faiss, ours, unbuilt = found.columns
    for column in (exact, faiss, ours):
        alone = engine.search("satellite", Query.stored(image_id), k=K, index=column.index)
        ids = [result.image_id for result in alone.results]
        assert [result.image_id for result in column.results] == ids
        assert column.missed == [image for image in found.truth if image not in ids]
        assert column.recall == pytest.approx(1 - len(column.missed) / K)
        assert column.search_ms > 0
        assert column.nbytes > 0
    assert exact.recall == faiss.recall == 1
    assert exact.effort == Effort(vectors=len(store))
    assert ours.effort is not None
    assert 0 < ours.effort.codes < len(store)
    assert "not built" in unbuilt.reason
    assert unbuilt.results == []


def test_a_filter_holds_for_truth_and_columns(prepared: Settings) -> None:
    engine = Engine(prepared)
    found = compare(
        engine, "satellite", Query.stored(int(engine.vectors("satellite").ids[0])), k=K, names=["flat", "ivfpq"],
        where={"surface": "land"},
    )  # fmt: skip
    assert {result.record.fields["surface"] for result in found.columns[0].results} == {"land"}
    assert found.columns[0].recall == 1
    assert found.columns[0].effort == Effort(vectors=found.n_searched)
    assert found.columns[1].effort == Effort(codes=found.n_searched)  # so few are scanned, not probed
    assert all(column.is_scanned for column in found.columns)
    assert found.columns[1].results[0].record.fields["surface"] == "land"
    assert found.n_searched < len(engine.vectors("satellite"))


def test_an_unknown_index_and_a_k_beyond_the_gallery_are_refused(prepared: Settings) -> None:
    engine = Engine(prepared)
    query = Query.stored(int(engine.vectors("paintings").ids[0]))
    with pytest.raises(UnknownNameError):
        compare(engine, "paintings", query, names=["nonsense"])
    with pytest.raises(ValueError, match="k must be between 1 and 174"):
        compare(engine, "paintings", query, k=175)


def test_the_command_line_compares_and_explains(prepared: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENTIMENTO_HOME", str(prepared.root))
    run = CliRunner().invoke(
        build(), ["compare", "paintings", "id:12", "-k", "5", "-i", "flat", "-i", "ivfpq", "--json"]
    )
    assert run.exit_code == 0, run.output
    report = json.loads(run.stdout)
    assert [column["index"] for column in report["columns"]] == ["flat", "ivfpq"]
    assert report["columns"][0]["missed"] == []
    arguments = ["search", "paintings", "id:12", "-k", "5", "-i", "ivfpq", "--knob", "n_probe=1", "--explain", "--json"]
    run = CliRunner().invoke(build(), arguments)
    assert run.exit_code == 0, run.output
    explained = json.loads(run.stdout)["explain"]
    assert explained["n_probe"] == 1
    assert [one["image_id"] for one in explained["neighbours"]] == report["truth"]
    returned = {result["image_id"] for result in json.loads(run.stdout)["results"]}
    for one in explained["neighbours"]:
        assert (one["verdict"] == "found") == (one["image_id"] in returned)


def test_the_command_line_explains_under_a_filter(prepared: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENTIMENTO_HOME", str(prepared.root))
    condition = ["--where", "surface=land"]
    run = CliRunner().invoke(
        build(), ["search", "satellite", "id:12", "-i", "ivfpq", "--explain", "--json", *condition]
    )
    assert run.exit_code == 0, run.output
    explained = json.loads(run.stdout)["explain"]
    returned = {result["image_id"] for result in json.loads(run.stdout)["results"]}
    assert explained["is_scanned"]
    assert explained["n_allowed"] == explained["n_scanned"] == json.loads(run.stdout)["n_searched"]
    assert {one["image_id"] for one in explained["neighbours"] if one["verdict"] == "found"} <= returned
    names = ["-i", "ivfpq", "-i", "flat", "-i", "archive-codes"]
    run = CliRunner().invoke(build(), ["compare", "satellite", "id:12", "--explain", "--json", *names, *condition])
    assert run.exit_code == 0, run.output
    report = json.loads(run.stdout)
    missed = {column["index"]: column["missed"] for column in report["columns"] if column["missed"]}
    assert {name: [one["image_id"] for one in told] for name, told in report["explain"].items()} == missed
    for told in report["explain"].values():
        for one in told:
            assert one["numbers"]["place"] > 10 or one["verdict"] == "tie"
            assert f"{one['numbers']['cutoff']:.4f}" in one["sentence"]
    run = CliRunner().invoke(build(), ["compare", "satellite", "id:12", "--where", "surface=nothing"])
    assert run.exit_code == 0
    assert "no picture of the gallery passes the filter" in run.output
