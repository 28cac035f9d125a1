"""Milvus as an index: the contract on Milvus Lite, and loading that survives a server's sudden end."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import indexes
from core.datasets import Catalog, FieldSpec
from core.datasets.catalog import Row
from core.errors import ServerSilentError, StaleError, UnavailableError, VersionError

pytest.importorskip("pymilvus", reason="pymilvus is not installed: make setup-scale")
pytest.importorskip("milvus_lite", reason="milvus-lite is not installed: make setup-scale")

from core.indexes import milvus_client, milvus_schema
from core.indexes.milvus import MilvusIndex
from core.indexes.milvus_client import MilvusServer, check_uri, shown
from core.indexes.milvus_loading import faults, load
from core.indexes.milvus_schema import MilvusOptions, check, create, require
from tests.milvus_process import MilvusProcess

PROJECT = Path(__file__).resolve().parents[2]
DIM = 12
FIELDS = [FieldSpec("kind", "Kind", "choice")]


@pytest.fixture(scope="module")
def lite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusServer]:
    """A Milvus Lite file in this process."""
    server = MilvusServer(str(tmp_path_factory.mktemp("lite") / "lite.db"))
    yield server
    server.close()


@pytest.fixture
def process(tmp_path: Path) -> Iterator[MilvusProcess]:
    """A Milvus Lite server in a process of its own."""
    made = MilvusProcess(tmp_path / "served.db")
    made.start()
    yield made
    made.kill()


def collection(server: MilvusServer, name: str, options: MilvusOptions | None = None) -> MilvusIndex:
    """Return an empty index in a fresh collection."""
    chosen = options or MilvusOptions("FLAT")
    create(server, name, DIM, FIELDS, chosen)
    index = MilvusIndex(DIM, collection=name, options=chosen.to_json())
    index.name = "milvus"
    index.use(server)
    return index


def gallery(folder: Path, count: int) -> tuple[Catalog, Any, Any]:
    """Return a catalog of `count` pictures that are nowhere, their ids and vectors."""
    catalog = Catalog.create(folder / "catalog.sqlite", {"title": "T"}, FIELDS)
    catalog.write([Row(f"{n}.png", f"{n:064}", 1, 1, fields={"kind": "ab"[n % 2]}) for n in range(count)])
    return catalog, catalog.ids(), np.random.default_rng(1).standard_normal((count, DIM)).astype(np.float32)


@pytest.mark.parametrize("options", [MilvusOptions("FLAT"), MilvusOptions("HNSW"), MilvusOptions("IVF_FLAT")])
def test_searching_equals_exact_search_where_everything_is_looked_at(
    lite: MilvusServer, options: MilvusOptions
) -> None:
    rng = np.random.default_rng(0)
    vectors, queries = rng.standard_normal((300, DIM)).astype(np.float32), rng.standard_normal((20, DIM))
    index = collection(lite, f"exact_{options.index_type}", options)
    ids = rng.permutation(10_000)[:300]
    assert index.add(vectors, ids) is index
    index.finish()
    flat = indexes.create("flat", DIM).add(vectors, ids)
    found, expected = index.search(queries, 10, effort=2000), flat.search(queries, 10)
    assert (found.ids == expected.ids).all()
    np.testing.assert_allclose(found.distances, expected.distances, rtol=1e-5)  # two orders of summing float32
    assert len(index) == 300
    assert (index.ids == np.sort(ids)).all()
    assert (index.reconstruct(ids[:5]) == vectors[:5]).all()
    only = ids[::7]
    assert (index.search(queries, 4, allowed=only, effort=2000).ids == flat.search(queries, 4, allowed=only).ids).all()
    assert (index.search(queries, 4, allowed=[]).ids == -1).all()


def test_rows_come_and_go_and_empty_slots_come_last(lite: MilvusServer) -> None:
    index = collection(lite, "comes_and_goes")
    vectors = np.eye(DIM, dtype=np.float32)
    index.add(vectors, np.arange(DIM))
    with pytest.raises(ValueError, match="ids must be new, but 3 is present already"):
        index.add(vectors[:1], [3])
    with pytest.raises(ValueError, match="Milvus needs ids of your own"):
        index.add(vectors[:1])
    assert index.remove([0, 1, 99]) == 2
    assert len(index) == DIM - 2
    found = index.search(vectors[:1], DIM)
    assert (found.ids[0, -2:] == -1).all() and np.isinf(found.distances[0, -2:]).all()
    assert not np.isin([0, 1], found.ids).any()
    with pytest.raises(ValueError, match="id 0 is not in the index"):
        index.reconstruct([0])
    with pytest.raises(TypeError, match="milvus has no knob 'ef'"):
        index.search(vectors[:1], 1, ef=3)


@pytest.mark.parametrize("metric", ["COSINE", "IP"])
def test_other_metrics_give_the_squared_distance_of_unit_vectors(lite: MilvusServer, metric: str) -> None:
    vectors = np.random.default_rng(3).standard_normal((50, DIM)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index = collection(lite, f"metric_{metric}", MilvusOptions("FLAT", metric=metric))
    index.add(vectors, np.arange(50))
    found = index.search(vectors[:3], 5)
    expected = indexes.create("flat", DIM).add(vectors).search(vectors[:3], 5)
    assert (found.ids == expected.ids).all()
    np.testing.assert_allclose(found.distances, expected.distances, atol=1e-5)  # 2 - 2 cos of float32


def test_a_divided_collection_finds_the_same(lite: MilvusServer, tmp_path: Path) -> None:
    catalog, ids, vectors = gallery(tmp_path, 60)
    index = collection(lite, "divided", MilvusOptions("FLAT", partition_field="kind", n_partitions=3))
    load(index, tmp_path / "notes", ids, vectors, catalog)
    found = index.search_where(vectors[:1], 60, {"kind": "a"}, FIELDS).ids[0]
    assert sorted(found[found >= 0]) == catalog.select({"kind": "a"}).tolist()


@pytest.mark.parametrize("kind", ["IVF_PQ", "DISKANN", "IVF_RABITQ"])
def test_milvus_lite_says_which_indexes_it_has(lite: MilvusServer, kind: str) -> None:
    with pytest.raises(UnavailableError, match=f"Milvus Lite has no {kind} index; choose one of HNSW, "):
        require(lite, MilvusOptions(kind), FIELDS)


def test_choices_are_checked_before_anything_is_sent(lite: MilvusServer) -> None:
    for wrong in ({"index_type": "TREE"}, {"metric": "L1"}, {"consistency": "Maybe"}, {"n_partitions": 0}):
        with pytest.raises(ValueError, match="must be"):
            MilvusOptions(**wrong)
    with pytest.raises(ValueError, match="go by a field of choices"):
        require(lite, MilvusOptions(partition_field="width"), FIELDS)
    for uri in ("ftp://x", "localhost:19530", "http://", "folder/file"):
        with pytest.raises(ValueError, match="a Milvus URI is"):
            check_uri(uri)


def test_passwords_and_tokens_are_never_shown() -> None:
    assert shown("http://me:secret@host:1/") == "http://host:1/"
    server = MilvusServer("http://me:secret@host:1", "root:hidden")
    assert "secret" not in server.place
    assert "hidden" not in repr(server) + server.place


def test_a_collection_of_another_dimension_schema_or_program_is_refused(
    lite: MilvusServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(lite, "other", DIM, FIELDS, MilvusOptions("FLAT"))
    with pytest.raises(StaleError, match=f"has vectors of D={DIM}, not 7"):
        check(lite, "other", 7)
    with pytest.raises(StaleError, match="lacks the columns f_more"):
        check(lite, "other", DIM, [*FIELDS, FieldSpec("more", "More")])
    monkeypatch.setattr(milvus_schema, "DIGEST", "digest_v3")
    create(lite, "newer", DIM, FIELDS, MilvusOptions("FLAT"))
    with pytest.raises(VersionError, match="has schema version 3, this program knows up to 2"):
        check(lite, "newer", DIM)
    monkeypatch.setattr(milvus_schema, "DIGEST", "digest_v1")
    create(lite, "older", DIM, FIELDS, MilvusOptions("FLAT"))
    with pytest.raises(StaleError, match="has schema version 1, this program makes 2"):
        check(lite, "older", DIM)
    monkeypatch.setattr(milvus_schema, "DIGEST", "mark")
    create(lite, "foreign", DIM, FIELDS, MilvusOptions("FLAT"))
    with pytest.raises(StaleError, match="was not made by this program"):
        check(lite, "foreign", DIM)


def test_only_what_changed_is_sent_again(lite: MilvusServer, tmp_path: Path) -> None:
    catalog, ids, vectors = gallery(tmp_path, 40)
    index, notes = collection(lite, "changes"), tmp_path / "notes"
    assert load(index, notes, ids, vectors, catalog).written == 40
    assert load(index, notes, ids, vectors, catalog).written == 0
    catalog.write([Row("3.png", f"{3:064}", 1, 1, "A title", fields={"kind": "c"})])  # the same picture
    catalog.write(removed=[int(ids[0])])
    done = load(index, notes, ids[1:], vectors[1:], catalog)
    assert (done.count, done.written, done.removed, done.mended) == (39, 1, 1, False)
    assert index.search_where(vectors[:1], 5, {"kind": "c"}, FIELDS).ids[0].tolist() == [ids[3], -1, -1, -1, -1]
    assert faults(index, ids[1:], vectors[1:], catalog) == []


def test_lost_foreign_and_altered_rows_are_found_and_mended(lite: MilvusServer, tmp_path: Path) -> None:
    catalog, ids, vectors = gallery(tmp_path, 30)
    index, notes = collection(lite, "faulty"), tmp_path / "notes"
    load(index, notes, ids, vectors, catalog)
    index.remove(ids[:2])
    index.remove(ids[5:6])
    index.add(vectors[6:7], ids[5:6])
    found = "\n".join(faults(index, ids, vectors, catalog))
    assert "holds 28 rows, the gallery 30" in found
    assert f"picture {ids[0]} is missing" in found
    assert f"the vector of picture {ids[5]} is another one" in found
    done = load(index, notes, ids, vectors, catalog)
    assert done.mended and done.count == 30
    assert faults(index, ids, vectors, catalog) == []


def test_a_load_that_loses_its_server_goes_on_without_gaps_or_duplicates(
    process: MilvusProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(milvus_client, "_PAUSE_S", 0.0)
    monkeypatch.setattr("core.indexes.milvus_loading._BATCH_ROWS", 100)
    catalog, ids, vectors = gallery(tmp_path, 1000)
    server = MilvusServer(process.uri)
    index, notes = collection(server, "broken_off"), tmp_path / "notes"

    def die_half_way(done: int, total: int | None, what: str) -> None:
        if done == 500:
            process.kill()

    with pytest.raises(ServerSilentError, match="cannot be reached; what it has acknowledged is kept: run the same"):
        load(index, notes, ids, vectors, catalog, die_half_way)
    with notes.open("ab") as file:
        file.write(b"torn")
    process.start()
    done = load(index, notes, ids, vectors, catalog)
    assert done.count == len(index) == 1000
    assert 500 <= done.written < 1000 or done.mended
    assert index.ids.tolist() == ids.tolist()
    assert faults(index, ids, vectors, catalog) == []
    server.close()


def test_a_server_that_is_not_there_is_named_and_asked_again_later(tmp_path: Path) -> None:
    absent = MilvusProcess(tmp_path / "never.db")  # a port that nobody listens on
    server = MilvusServer(absent.uri)
    for _ in range(2):
        with pytest.raises(ServerSilentError, match=rf"Milvus at {absent.uri} cannot be reached"):
            server.version()


def test_a_file_that_another_process_uses_is_named(process: MilvusProcess) -> None:
    with pytest.raises(ServerSilentError, match="cannot be opened: another process uses it"):
        MilvusServer(str(process.folder)).version()


def test_searching_and_starting_the_page_import_no_milvus() -> None:
    code = (
        "import core.search, core.cli.app, sys; core.cli.app.build(); "
        "print([name for name in ('pymilvus', 'grpc', 'fsspec.implementations.http') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
