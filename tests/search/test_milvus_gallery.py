"""A gallery in Milvus: found, filtered and compared like any other index, kept up to date, and replaced while away."""

import time
from collections.abc import Callable, Iterator
from concurrent import futures
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from core import indexes
from core.cli.app import build
from core.datasets import Dataset
from core.errors import ServerSilentError, StaleError, UnavailableError
from core.features import FeatureStore
from core.search import Engine, Query, prepare_gallery
from core.search.compare import compare
from core.settings import Address, Settings
from core.storage import Generations

pytest.importorskip("pymilvus", reason="pymilvus is not installed: make setup-scale")
pytest.importorskip("milvus_lite", reason="milvus-lite is not installed: make setup-scale")

from core.indexes import milvus_client
from core.indexes.milvus_schema import MilvusOptions
from core.search.milvus_gallery import build_milvus, give_up_vectors, milvus_faults
from core.search.milvus_vectors import open_milvus
from tests.milvus_process import MilvusProcess

Make = Callable[..., Dataset]
MINE = "mine@histogram"
ADDRESS = Address("mine", "histogram")


@pytest.fixture
def process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MilvusProcess]:
    """A Milvus Lite server in a process of its own; one that was away is asked again at once."""
    monkeypatch.setattr(milvus_client, "_PAUSE_S", 0.0)
    made = MilvusProcess(tmp_path / "served.db")
    made.start()
    yield made
    made.kill()


def at(settings: Settings, process: MilvusProcess, **more: Any) -> Settings:
    return replace(settings, milvus_uri=process.uri, **more)


def found(engine: Engine, index: str, where: dict[str, Any] | None = None, k: int = 5) -> list[int]:
    outcome = engine.search(MINE, Query.stored(3), k=k, index=index, where=where)
    assert outcome.index == index
    assert outcome.notice == ""
    return [result.image_id for result in outcome.results]


def test_a_gallery_in_a_file_is_searched_filtered_compared_and_verified_like_any_other(
    settings: Settings, make_gallery: Make
) -> None:
    make_gallery(settings, count=20)
    report = prepare_gallery(MINE, settings, indexes=["flat", "milvus"])
    assert [(entry.name, entry.outcome, entry.nbytes > 0) for entry in report.indexes] == [
        ("flat", "built", True),
        ("milvus", "built", True),
    ]
    assert prepare_gallery(MINE, settings, indexes=["milvus"]).indexes[0].outcome == "kept"
    assert milvus_faults(ADDRESS, settings) == []
    engine = Engine(settings)
    entry = {info.name: info for info in engine.gallery(MINE).indexes}["milvus"]
    assert entry.available and entry.nbytes > 0
    assert engine.gallery(MINE).default_index == "flat"
    wheres: list[dict[str, Any] | None] = [
        None,
        {"label": "odd"},
        {"number": {"min": 3, "max": 9}},
        {"label": 'x" or 1'},
        {"words": "odd", "number": {"min": 3}},
    ]
    for where in wheres:
        assert found(engine, "milvus", where) == found(engine, "flat", where)
    outcome = engine.search(MINE, Query.stored(3), k=5, index="milvus", where={"label": "odd"})
    assert outcome.n_searched == 10
    columns = {column.index: column for column in compare(engine, MINE, Query.stored(3), k=5).columns}
    assert (columns["milvus"].recall, columns["milvus"].reason) == (1.0, "")
    with pytest.raises(TypeError, match="milvus has no knob 'n_probe'"):
        engine.search(MINE, Query.stored(3), k=5, index="milvus", knobs={"n_probe": 3})
    open_milvus(ADDRESS, settings).server.close()


def test_pictures_come_and_go_with_the_catalog(settings: Settings, make_gallery: Make, process: MilvusProcess) -> None:
    served = at(settings, process)
    make_gallery(settings, count=12)
    prepare_gallery(MINE, served, indexes=["flat", "milvus"])
    engine = Engine(served)
    before = found(engine, "milvus", k=12)
    make_gallery(settings, only=[number for number in range(15) if number not in (before[1] - 1, before[2] - 1)])
    assert not {before[1], before[2]} & set(found(engine, "milvus", k=10)), "removed pictures are not found meanwhile"
    report = prepare_gallery(MINE, served, indexes=["flat", "milvus"])
    assert report.indexes[1].outcome == "built"
    assert found(engine, "milvus", k=13) == found(engine, "flat", k=13)
    assert len(open_milvus(ADDRESS, served)) == 13
    assert milvus_faults(ADDRESS, served) == []


def test_a_silent_or_dead_server_is_told_of_and_a_local_index_answers_until_it_is_back(
    settings: Settings, make_gallery: Make, process: MilvusProcess
) -> None:
    served = at(settings, process)
    make_gallery(settings, count=12)
    prepare_gallery(MINE, served, indexes=["flat", "milvus"])
    engine = Engine(served)
    expected = found(engine, "milvus")
    process.freeze()
    started = time.monotonic()
    outcome = engine.search(MINE, Query.stored(3), k=5, index="milvus")
    assert time.monotonic() - started < 20, "a server that never answers is not waited for"  # 2 s on an idle machine
    process.thaw()
    assert outcome.index == "flat"
    assert outcome.notice == (
        f"Milvus at {process.uri} did not answer within 2 s. These results are from flat on this machine."
    )
    assert outcome.to_json()["notice"] == outcome.notice
    assert found(engine, "milvus") == expected
    process.kill()
    outcome = engine.search(MINE, Query.stored(3), k=5, index="milvus", where={"label": "odd"})
    assert outcome.notice.startswith(f"Milvus at {process.uri} cannot be reached.")
    assert [result.record.label for result in outcome.results] == ["odd"] * 5
    column = compare(engine, MINE, Query.stored(3), k=5, names=["milvus", "flat"]).columns[0]
    assert "cannot be reached" in column.reason, "a comparison never shows another index's results in its place"
    assert "cannot be reached" in milvus_faults(ADDRESS, served)[0]
    process.start()
    assert found(engine, "milvus") == expected


def test_without_a_local_index_the_servers_absence_is_the_answer(
    settings: Settings, make_gallery: Make, process: MilvusProcess
) -> None:
    served = at(settings, process)
    make_gallery(settings, count=12)
    prepare_gallery(MINE, served, indexes=["milvus"])
    engine = Engine(served)
    assert engine.gallery(MINE).default_index == "milvus"
    assert engine.search(MINE, Query.stored(3), k=2).index == "milvus"
    process.kill()
    with pytest.raises(ServerSilentError, match="cannot be reached"):
        engine.search(MINE, Query.stored(3), k=2)


def test_a_gallery_moves_to_a_server_by_its_address_alone(
    settings: Settings, make_gallery: Make, process: MilvusProcess
) -> None:
    make_gallery(settings, count=12)
    prepare_gallery(MINE, settings, indexes=["flat", "milvus"])
    served = at(settings, process)
    done = build_milvus(ADDRESS, Engine(settings).vectors(MINE), served)
    assert (done.outcome, done.count, done.written, done.nbytes) == ("built", 12, 12, 0)
    engine = Engine(settings)  # the page needs no address: it is kept with the index
    assert found(engine, "milvus") == found(engine, "flat")
    assert process.uri in (index := open_milvus(ADDRESS, settings)).place
    assert len(index) == 12


def test_other_options_make_another_collection_and_drop_the_one_before(
    settings: Settings, make_gallery: Make, process: MilvusProcess
) -> None:
    served = at(settings, process)
    make_gallery(settings, count=12)
    prepare_gallery(MINE, served, indexes=["flat", "milvus"])
    before = open_milvus(ADDRESS, served)
    options = MilvusOptions("IVF_FLAT", {"nlist": 2}, "COSINE", "label", 2, "Strong")
    prepare_gallery(MINE, served, indexes=["milvus"], milvus=options)
    after = open_milvus(ADDRESS, served)
    assert after.options == options
    assert before.collection != after.collection
    assert after.server.call(lambda client, left: client.list_collections()) == [after.collection]
    assert found(Engine(served), "milvus") == found(Engine(served), "flat")
    assert prepare_gallery(MINE, served, indexes=["milvus"]).indexes[0].outcome == "kept", "the options are kept"


def vectors_file(settings: Settings) -> Path:
    folder = Generations(ADDRESS.features(settings)).current()
    assert folder is not None
    return folder / "vectors.npy"


def test_vectors_may_lie_in_milvus_alone_and_come_back_where_they_are_needed(
    settings: Settings, make_gallery: Make, process: MilvusProcess
) -> None:
    served = at(settings, process)
    make_gallery(settings, count=12)
    prepare_gallery(MINE, served, indexes=["milvus"])
    wheres: list[dict[str, Any] | None] = [None, {"label": "odd"}]
    before = [found(Engine(settings), "milvus", where) for where in wheres]
    data = vectors_file(settings).read_bytes()
    prepare_gallery(MINE, settings, indexes=["milvus"], drop_vectors=True)
    assert not vectors_file(settings).exists()
    engine = Engine(settings)
    assert engine.gallery(MINE).ready
    assert [found(engine, "milvus", where) for where in wheres] == before
    assert engine.search(MINE, Query.stored(3), k=1).results[0].similarity == pytest.approx(1, abs=1e-6)
    assert milvus_faults(ADDRESS, settings) == []
    with pytest.raises(UnavailableError, match="lie in Milvus alone; to bring them back: python -m core index"):
        FeatureStore.open(ADDRESS, settings).get([3])
    make_gallery(settings, count=15)
    prepare_gallery(MINE, settings, indexes=["milvus"])
    assert not vectors_file(settings).exists(), "asked for once, it is done again"
    assert sorted(found(Engine(settings), "milvus", k=15)) == list(range(1, 16))
    make_gallery(settings, count=12)
    prepare_gallery(MINE, settings, indexes=["flat"])
    assert vectors_file(settings).read_bytes() == data
    assert [found(Engine(settings), "flat", where) for where in wheres] == before


def test_vectors_are_kept_where_milvus_holds_others(settings: Settings, make_gallery: Make) -> None:
    make_gallery(settings, count=6)
    prepare_gallery(MINE, settings, indexes=["milvus"])
    index = open_milvus(ADDRESS, settings)
    another = index.reconstruct([1])
    index.remove([2])
    index.add(another, [2])
    index.finish()
    with pytest.raises(StaleError, match="does not hold the vectors of mine@histogram, which are kept"):
        give_up_vectors(ADDRESS, settings)
    assert vectors_file(settings).is_file()


def test_a_server_that_refuses_the_token_is_told_of(settings: Settings, make_gallery: Make, tmp_path: Path) -> None:
    import base64

    import grpc
    from milvus_lite import MilvusLite
    from milvus_lite.adapter.grpc.servicer import MilvusServicer
    from pymilvus.grpc_gen import milvus_pb2_grpc

    class Guard(grpc.ServerInterceptor):  # type: ignore[misc]
        """Lets the token root:right pass, as Milvus does."""

        def intercept_service(self, continuation: Any, details: Any) -> Any:
            given = dict(details.invocation_metadata).get("authorization", "")
            if base64.b64decode(given) == b"root:right":
                return continuation(details)
            return grpc.unary_unary_rpc_method_handler(
                lambda request, context: context.abort(grpc.StatusCode.UNAUTHENTICATED, "auth check failure")
            )

    lite = MilvusLite(str(tmp_path / "guarded.db"))
    server = grpc.server(futures.ThreadPoolExecutor(4), interceptors=[Guard()])
    milvus_pb2_grpc.add_MilvusServiceServicer_to_server(MilvusServicer(lite), server)
    uri = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        make_gallery(settings, count=6)
        right = replace(settings, milvus_uri=uri, milvus_token="root:right")
        prepare_gallery(MINE, right, indexes=["flat", "milvus"])
        assert found(Engine(right), "milvus", k=3) == found(Engine(right), "flat", k=3)
        wrong = replace(right, milvus_token="root:wrong")
        with pytest.raises(ServerSilentError, match="refuses the token; set PENTIMENTO_MILVUS_TOKEN"):
            prepare_gallery(MINE, wrong, indexes=["milvus"])
        outcome = Engine(wrong).search(MINE, Query.stored(3), k=3, index="milvus")
        assert outcome.notice.startswith(f"Milvus at {uri} refuses the token")
        written = "".join(p.read_text(errors="replace") for p in settings.indexes.rglob("*.json"))
        assert "root:right" not in written + repr(right) + outcome.notice
    finally:
        server.stop(grace=0)
        lite.close()


def test_the_command_line_says_what_was_done_and_what_cannot_be(
    settings: Settings, make_gallery: Make, monkeypatch: pytest.MonkeyPatch, process: MilvusProcess
) -> None:
    monkeypatch.setenv("PENTIMENTO_HOME", str(settings.root))
    make_gallery(settings, count=12)
    run = lambda *arguments: CliRunner().invoke(build(), list(arguments))  # noqa: E731
    wrong = run("index", MINE, "--index", "milvus", "--milvus-uri", process.uri, "--milvus-index", "diskann")
    assert (wrong.exit_code, "Milvus Lite has no DISKANN index" in wrong.stderr) == (1, True)
    misused = run("index", MINE, "--index", "milvus", "--milvus-params", "M=3")
    assert (misused.exit_code, "must be a JSON object" in misused.stderr) == (2, True)
    good = run("index", MINE, "--index", "milvus", "--milvus-uri", process.uri, "--milvus-params", '{"M": 8}')
    assert good.exit_code == 0, good.output
    assert "milvus          built" in good.stdout
    assert run("verify", MINE).exit_code == 0
    index = open_milvus(ADDRESS, settings)
    index.remove([1])
    damaged = run("verify", MINE)
    assert damaged.exit_code == 1
    assert "holds 11 rows, the gallery 12; run: python -m core index mine@histogram --index milvus" in damaged.stdout


def test_without_the_extra_the_index_is_listed_with_what_to_install(
    settings: Settings, make_gallery: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_gallery(settings, count=6)
    prepare_gallery(MINE, settings, indexes=["flat"])
    monkeypatch.setattr("core.search.galleries.is_installed", lambda: False)
    monkeypatch.setattr("core.search.milvus_gallery.is_installed", lambda: False)
    entry = {info.name: info for info in Engine(settings).gallery(MINE).indexes}["milvus"]
    assert (entry.available, entry.reason) == (False, "not installed; run: make setup-scale")
    with pytest.raises(UnavailableError, match="pymilvus is not installed; run: make setup-scale"):
        prepare_gallery(MINE, settings, indexes=["milvus"])


def test_it_is_never_built_unless_it_is_asked_for() -> None:
    assert "milvus" not in indexes.names()
    assert "milvus" in indexes.every_name()
    assert np.array_equal(indexes.create("milvus", 8).search(np.zeros((0, 8)), 1).ids, np.empty((0, 1)))
