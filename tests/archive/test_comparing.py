"""The codes of an archive, as a column beside the indexes: the same that a search in a packed archive finds."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from core.archive.comparing import ARCHIVE, GalleryCodes
from core.archive.search_codes import CODE_BYTES, shipped_search_coder
from core.cli.app import build
from core.search import Engine, Query
from core.settings import Settings

K = 10


def test_the_column_is_what_the_codes_find_sorted_by_exact_similarity(prepared: Settings) -> None:
    engine = Engine(prepared)
    store = engine.vectors("satellite")
    found = GalleryCodes().compare(engine, "satellite", Query.stored(int(store.ids[40])), k=K, names=[ARCHIVE, "flat"])
    codes, exact = found.columns
    assert (codes.index, exact.index) == (ARCHIVE, "flat")
    coder = shipped_search_coder("efficientnet_lite0")
    assert coder is not None
    stood_for = coder.vectors(coder.encode(store.vectors))  # brute force: what the codes stand for
    nearest = set(store.ids[np.argsort(-(stood_for @ store.vectors[40]), kind="stable")[:K]].tolist())
    assert {result.image_id for result in codes.results} == nearest
    similarities = [result.similarity for result in codes.results]
    assert similarities == sorted(similarities, reverse=True)
    by_id = dict(zip(store.ids.tolist(), (store.vectors @ store.vectors[40]).tolist(), strict=True))
    assert similarities == pytest.approx([by_id[result.image_id] for result in codes.results], abs=1e-6)
    assert codes.missed == [image for image in found.truth if image not in nearest]
    assert codes.recall == 1 - len(codes.missed) / K
    assert codes.effort is not None
    assert codes.effort.codes == len(store)
    assert codes.nbytes == CODE_BYTES * len(store) + len(coder.data)


def test_a_filter_holds_for_the_codes_too(prepared: Settings) -> None:
    engine = Engine(prepared)
    query = Query.stored(int(engine.vectors("satellite").ids[0]))
    found = GalleryCodes().compare(engine, "satellite", query, k=K, names=[ARCHIVE], where={"surface": "land"})
    assert {result.record.fields["surface"] for result in found.columns[0].results} == {"land"}


def test_an_encoder_without_codebook_says_so(prepared: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(prepared)
    monkeypatch.setattr("core.archive.search_codes.shipped_search_coder", lambda encoder: None)
    query = Query.stored(int(engine.vectors("paintings").ids[0]))
    column = GalleryCodes().compare(engine, "paintings", query, names=[ARCHIVE]).columns[0]
    assert "no codebook for efficientnet_lite0" in column.reason
    assert column.results == []


def test_the_command_line_has_the_codes_last(prepared: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENTIMENTO_HOME", str(prepared.root))
    run = CliRunner().invoke(build(), ["compare", "paintings", "id:12", "-k", "5", "--json"])
    assert run.exit_code == 0, run.output
    columns = json.loads(run.stdout)["columns"]
    assert columns[-1]["index"] == ARCHIVE
    assert columns[-1]["compared"]["codes"] == 174
    run = CliRunner().invoke(build(), ["compare", "paintings", "id:12", "-k", "5", "-i", ARCHIVE, "-i", "lsh"])
    assert run.exit_code == 0, run.output
    first, second = run.stdout.splitlines()[1:]
    assert first.startswith(ARCHIVE)
    assert second.startswith("lsh")
    assert "not built" in second
