"""A gallery in Milvus Standalone: the same client and code as with Milvus Lite, and the indexes that only it has."""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core import indexes
from core.datasets import Dataset
from core.errors import ServerSilentError, StaleError, UnavailableError
from core.search import Engine, Query, prepare_gallery
from core.settings import Address, Settings

pytest.importorskip("pymilvus", reason="pymilvus is not installed: make setup-scale")

from core.indexes import milvus_client
from core.indexes.base import SearchResult
from core.indexes.milvus import MilvusIndex
from core.indexes.milvus_client import MilvusServer
from core.indexes.milvus_schema import MilvusOptions, create, require
from core.search.milvus_gallery import milvus_faults
from core.search.milvus_vectors import open_milvus
from tests.milvus_process import StandaloneProcess, standalone_program

pytestmark = pytest.mark.skipif(standalone_program() is None, reason="milvus-server is not installed: make setup-scale")

DIM = 16
MINE = "mine@histogram"
ADDRESS = Address("mine", "histogram")
Make = Callable[..., Dataset]


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandaloneProcess]:
    """A server with an empty folder; one that was away is asked again at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(milvus_client, "_PAUSE_S", 0.0)
        made = StandaloneProcess(tmp_path_factory.mktemp("standalone"))
        made.start()
        yield made
        made.kill()
        shutil.rmtree(made.folder)  # it unpacks its programs there


def filled(process: StandaloneProcess, name: str, options: MilvusOptions, vectors: Any) -> MilvusIndex:
    """Return an index of the vectors, with ids from 0, in a collection of that name."""
    server = MilvusServer(process.uri)
    create(server, name, DIM, [], options)
    index = MilvusIndex(DIM, collection=name, options=options.to_json())
    index.use(server)
    index.add(vectors, np.arange(len(vectors)))
    index.finish()
    return index


def patient(search: Callable[[], SearchResult]) -> SearchResult:
    """Search again and again while the server says that it is still loading."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        try:
            return search()
        except ServerSilentError as error:
            if "is still loading the collection" not in str(error) and "did not answer within" not in str(error):
                raise
    return search()


@pytest.mark.parametrize(("kind", "least"), [("FLAT", 1), ("HNSW", 0.99), ("IVF_PQ", 0.5), ("DISKANN", 0.99)])
def test_an_index_of_the_server_finds_the_neighbours(process: StandaloneProcess, kind: str, least: float) -> None:
    rng = np.random.default_rng(0)
    vectors, queries = rng.standard_normal((2000, DIM)).astype(np.float32), rng.standard_normal((20, DIM))
    params = {"nlist": 16, "m": 8, "nbits": 8} if kind == "IVF_PQ" else {}
    index = filled(process, f"kind_{kind}", MilvusOptions(kind, index_params=params), vectors)
    flat = indexes.create("flat", DIM).add(vectors)
    found, expected = index.search(queries, 10, effort=200), flat.search(queries, 10)
    assert np.mean([np.isin(a, b).mean() for a, b in zip(found.ids, expected.ids, strict=True)]) >= least
    assert (np.diff(found.distances) >= 0).all()
    assert len(index) == 2000
    index.remove([0, 1])
    assert len(index) == 1998
    assert not np.isin([0, 1], index.search(vectors[:2], 10, effort=200).ids).any()


def test_an_index_that_the_server_does_not_have_is_named_with_its_words(process: StandaloneProcess) -> None:
    with pytest.raises(UnavailableError, match=rf"Milvus at {process.uri} refuses the collection: .*IVF_RABITQ"):
        create(MilvusServer(process.uri), "later", DIM, [], MilvusOptions("IVF_RABITQ"))


def test_a_gallery_is_searched_filtered_checked_and_kept_up_to_date(
    process: StandaloneProcess, settings: Settings, make_gallery: Make
) -> None:
    served = replace(settings, milvus_uri=process.uri)
    make_gallery(settings, count=12)
    prepare_gallery(MINE, served, indexes=["flat", "milvus"])
    engine = Engine(served)
    wheres: list[dict[str, Any]] = [{}, {"label": "odd"}, {"label": [None, "even"]}, {"number": {"max": 7}}]
    for where in wheres:
        found, expected = (
            [one.image_id for one in engine.search(MINE, Query.stored(3), k=5, index=name, where=where).results]
            for name in ("milvus", "flat")
        )
        assert found == expected
    assert milvus_faults(ADDRESS, served) == []
    make_gallery(settings, only=range(3, 15))
    prepare_gallery(MINE, served, indexes=["flat", "milvus"])
    assert len(open_milvus(ADDRESS, served)) == 12
    assert milvus_faults(ADDRESS, served) == []


def test_a_server_that_was_killed_is_named_and_has_everything_when_it_is_back(
    process: StandaloneProcess,
) -> None:
    vectors = np.eye(DIM, dtype=np.float32)
    index = filled(process, "survives", MilvusOptions("FLAT"), vectors)
    process.kill()
    with pytest.raises(ServerSilentError, match=f"Milvus at {process.uri}"):
        index.search(vectors[:1], 1)
    process.start()
    assert patient(lambda: index.search(vectors, 1)).ids[:, 0].tolist() == list(range(DIM))
    assert len(index) == DIM


def test_partitions_of_a_server_that_confuses_them_are_refused(process: StandaloneProcess) -> None:
    server = MilvusServer(process.uri)
    assert server.is_before(2, 4)
    assert not server.is_before(2, 3)
    with pytest.raises(UnavailableError, match=r"is version v2\.3\.5.* wrong partitions .*newer server"):
        require(server, MilvusOptions(partition_field="label"), [])


def test_a_collection_of_another_dimension_is_refused(process: StandaloneProcess) -> None:
    server = MilvusServer(process.uri)
    create(server, "other", DIM, [], MilvusOptions("FLAT"))
    with pytest.raises(StaleError, match=f"has vectors of D={DIM}, not 7"):
        create(server, "other", 7, [], MilvusOptions("FLAT"))
