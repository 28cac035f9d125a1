"""Encoding and building on a Ray cluster: a real one, three nodes of one core on this machine."""

import importlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from core.datasets import Dataset
from core.errors import Cancelled, ClusterError, UnavailableError
from core.features import FeatureStore, extract
from core.features.cluster import Cluster, connect
from core.features.cluster_encode import cluster_pipeline
from core.features.cluster_pool import GivenUp, WorkPool
from core.indexes import create
from core.search.prepare import build_indexes
from core.settings import Address, Settings
from core.storage import Generations, read_manifest

pytest.importorskip("ray", reason="ray is not installed; see requirements-scale.txt")

PROJECT = Path(__file__).resolve().parents[2]
MINE = Address("mine", "histogram")
NODE = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "include_log_monitor": False, "no_monitor": True}
Make = Callable[..., Dataset]


@pytest.fixture(scope="module")
def machines(free_port: Callable[[], int]) -> Iterator[Any]:
    """A `ray.cluster_utils.Cluster` of three nodes, with a server for ray://."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("PYTHONPATH", str(PROJECT))
        patch.setenv("RAY_prestart_worker_first_driver", "0")  # each connection would start workers that nobody uses
        patch.delenv("RAY_ADDRESS", raising=False)
        from ray.cluster_utils import Cluster as Machines

        head = {**NODE, "include_dashboard": False, "ray_client_server_port": free_port()}
        started = Machines()
        try:
            for settings in (head, NODE, NODE):
                _add(started, settings)
            yield started
        finally:
            started.shutdown()


@pytest.fixture
def cluster(machines: Any, settings: Settings) -> Iterator[Cluster]:
    """A connection to it."""
    with connect(machines.address, settings) as connected:
        yield connected


def test_a_cluster_gives_the_vectors_of_one_machine_and_lists_what_it_could_not_read(
    cluster: Cluster, settings: Settings, make_gallery: Make
) -> None:
    dataset = make_gallery(settings, count=40)
    for name in ("0007.png", "0021.png"):
        (dataset.images_root / name).write_bytes(b"no picture")
    alone = extract(MINE, settings)
    expected = FeatureStore.open(MINE, settings)
    seen: list[tuple[int, int | None, str]] = []
    report = extract(
        MINE, settings, lambda *facts: seen.append(facts), rebuild=True, pipeline=cluster_pipeline(cluster)
    )
    found = FeatureStore.open(MINE, settings)
    assert len(cluster.nodes()) == 3
    assert found.folder != expected.folder
    assert found.ids.tolist() == expected.ids.tolist()
    assert found.hashes.tolist() == expected.hashes.tolist()
    assert (1 - (found.vectors * expected.vectors).sum(axis=1)).max() < 1e-5
    assert report.encoded == 38
    assert [path for path, _ in report.skipped] == [path for path, _ in alone.skipped] == ["0007.png", "0021.png"]
    assert all("on the node" in reason for _, reason in report.skipped)
    assert [facts[0] for facts in seen] == list(range(41))
    assert {facts[1:] for facts in seen} == {(40, "encoding mine")}


def test_a_neural_encoder_gives_the_same_vectors_on_the_nodes(
    cluster: Cluster, prepared: Settings, settings: Settings, make_gallery: Make
) -> None:
    settings.features.mkdir(parents=True)
    settings.cache.symlink_to(prepared.cache)  # the exported network
    make_gallery(settings, count=6)
    address = Address("mine", "efficientnet_lite0")
    extract(address, settings)
    expected = FeatureStore.open(address, settings).vectors
    extract(address, settings, rebuild=True, pipeline=cluster_pipeline(cluster))
    found = FeatureStore.open(address, settings).vectors
    assert (1 - (found * expected).sum(axis=1)).max() < 1e-5


def test_an_extraction_that_was_stopped_continues_here_or_on_the_cluster(
    cluster: Cluster, settings: Settings, make_gallery: Make
) -> None:
    make_gallery(settings, count=30)

    def stop_at(count: int) -> Callable[[int, int | None, str], None]:
        def progress(done: int, total: int | None, what: str) -> None:
            if done == count:
                raise Cancelled("stopped")

        return progress

    with pytest.raises(Cancelled):
        extract(MINE, settings, stop_at(10), pipeline=cluster_pipeline(cluster))
    with pytest.raises(Cancelled):
        extract(MINE, settings, stop_at(7))
    report = extract(MINE, settings, pipeline=cluster_pipeline(cluster))
    assert (report.encoded, report.count) == (13, 30)


def test_killing_workers_while_they_encode_changes_nothing(
    machines: Any, cluster: Cluster, settings: Settings, make_gallery: Make
) -> None:
    make_gallery(settings, count=60)
    extract(MINE, settings)
    expected = FeatureStore.open(MINE, settings)
    killed = []

    def progress(done: int, total: int | None, what: str) -> None:
        if done == 1:
            for pid in _workers(machines):
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)

    report = extract(MINE, settings, progress, rebuild=True, pipeline=cluster_pipeline(cluster))
    found = FeatureStore.open(MINE, settings)
    assert killed
    assert not report.skipped
    assert found.ids.tolist() == expected.ids.tolist()
    assert np.array_equal(found.vectors, expected.vectors)


def test_the_work_of_a_killed_worker_is_done_again_by_another(cluster: Cluster, tmp_path: Path) -> None:
    class Suicidal:
        def work(self, task: int) -> tuple[int, int]:
            first = tmp_path / f"first {task}"
            if task == 2 and not first.exists():
                first.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return task, os.getpid()

    with WorkPool(cluster, Suicidal, most=2) as pool:
        results = dict(result for _, result in pool.run(range(6)))
    assert sorted(results) == list(range(6))
    assert (tmp_path / "first 2").exists()


def test_a_task_that_no_worker_survives_is_given_up_and_the_others_are_done(cluster: Cluster) -> None:
    class Fragile:
        def work(self, task: str) -> str:
            if task == "deadly":
                os._exit(1)
            return task.upper()

    with WorkPool(cluster, Fragile, most=2) as pool:
        results = dict(pool.run(["a", "deadly", "b", "c"]))
    assert isinstance(given_up := results.pop("deadly"), GivenUp)
    assert "3 workers died of it" in given_up.reason
    assert results == {"a": "A", "b": "B", "c": "C"}


def test_a_node_that_is_added_meanwhile_is_used_and_one_that_leaves_is_done_without(
    machines: Any, cluster: Cluster
) -> None:
    class Where:
        def work(self, task: int) -> str:
            import ray

            time.sleep(0.05)
            return str(ray.get_runtime_context().get_node_id())

    added = None
    after = 0
    with WorkPool(cluster, Where) as pool:
        for _, node in pool.run(range(6)):
            if added is None:
                added = _add(machines, NODE)
                known = {found.id for found in cluster.nodes()}
            if added.node_id in known and node == added.node_id and not after:
                machines.remove_node(added, allow_graceful=False)
                after = 1
            elif after:
                after += 1
            if after < 12:
                pool.submit(0)
    assert after >= 12
    while added is not None and added.node_id in {node.id for node in cluster.nodes()}:
        time.sleep(0.2)  # until the cluster has noticed, for the tests that follow


def test_a_node_that_cannot_work_is_not_used(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    able = cluster.nodes()[0].id

    class Choosy:
        def __init__(self, able: str) -> None:
            import ray

            self.here = ray.get_runtime_context().get_node_id()
            if self.here != able:
                raise UnavailableError("it has no pictures")

        def work(self, task: int) -> str:
            return self.here

    with WorkPool(cluster, Choosy, able) as pool:
        for _, node in pool.run(range(4)):
            assert node == able
            if "is not used: it has no pictures" not in caplog.text:  # the others have not answered yet
                time.sleep(0.05)
                pool.submit(0)
    with (
        pytest.raises(ClusterError, match="no node of it can work: it has no pictures"),
        WorkPool(cluster, Choosy, "elsewhere") as pool,
    ):
        list(pool.run(range(3)))


def test_a_node_without_the_program_is_named_with_what_it_needs(cluster: Cluster) -> None:
    class OfAnotherMachine:
        def __reduce__(self) -> tuple[Any, ...]:
            return importlib.import_module, ("absent_there",)

    with (
        pytest.raises(ClusterError, match=r"no node of it can work: .*has no module absent_there: put this program"),
        WorkPool(cluster, OfAnotherMachine()) as pool,  # type: ignore[arg-type]
    ):
        list(pool.run([1]))


def test_an_error_of_ours_comes_back_as_it_was_raised(cluster: Cluster) -> None:
    class Failing:
        def work(self, task: int) -> None:
            raise UnavailableError("no weights")

    with pytest.raises(UnavailableError, match=r"^no weights$"), WorkPool(cluster, Failing, most=1) as pool:
        list(pool.run([1]))


@pytest.mark.parametrize("name", ["ivfpq", "lopq"])
def test_an_index_built_on_the_cluster_equals_that_of_one_machine_to_the_byte(
    cluster: Cluster, prepared: Settings, settings: Settings, name: str
) -> None:
    address = Address("satellite", "efficientnet_lite0")
    store = FeatureStore.open(address, prepared)
    sums = []
    for nodes in (None, cluster):
        (report,) = build_indexes(address, [name], store, settings, rebuild=True, cluster=nodes)
        assert report.outcome == "built"
        generations = Generations(address.index(settings, name))
        manifest = read_manifest(generations.current(), f"index/{name}", 1000)
        sums.append({file: facts["sha256"] for file, facts in manifest.files.items()})
    assert sums[0] == sums[1]
    assert len(list((generations.folder / "generations").iterdir())) == 2


def test_many_vectors_train_an_index_by_a_sample(
    cluster: Cluster, prepared: Settings, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.indexes import ivfpq_cluster

    store = FeatureStore.open(Address("satellite", "efficientnet_lite0"), prepared)
    monkeypatch.setattr(ivfpq_cluster, "_TRAINING", 400)
    monkeypatch.setattr(ivfpq_cluster, "_ROWS", 100)
    built, expected = (create("ivfpq", store.dim, n_lists=8, n_bits=4, store="sq8") for _ in range(2))
    ivfpq_cluster.build(built, store, prepared, cluster)
    sample = ivfpq_cluster._sample(expected, len(store))
    assert sample is not None
    assert len(sample) == 400
    expected.train(store.vectors[sample]).add(store.vectors, store.ids)
    assert built.ids.tolist() == expected.ids.tolist()
    np.testing.assert_array_equal(built.reconstruct(store.ids), expected.reconstruct(store.ids))
    for name, array in built._snapshot.segments[0].structure.lists._asdict().items():
        np.testing.assert_array_equal(array, getattr(expected._snapshot.segments[0].structure.lists, name))


def test_one_worker_and_two_are_timed_on_the_same_pictures(
    cluster: Cluster, settings: Settings, make_gallery: Make
) -> None:
    from core.evaluation.bench_cluster import bench_cluster

    make_gallery(settings, count=20)
    found = bench_cluster(MINE, settings, cluster, pictures=96, rounds=1)
    one, two = (found["pictures_per_s"][workers] for workers in "12")
    assert found["speedup"] == pytest.approx(two / one)
    cpu = found["cpu_ms_per_picture"]
    assert found["speedup_if_cores_are_free"] == pytest.approx(2 * cpu["1"] / cpu["2"])
    assert all(0 < share <= 1.1 for share in found["busy"].values())


def test_the_command_encodes_on_a_cluster_elsewhere_and_ends_with_3_if_a_picture_is_unreadable(
    machines: Any, settings: Settings, make_gallery: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.cli.app import build

    dataset = make_gallery(settings, count=8)
    (dataset.images_root / "0003.png").write_bytes(b"no picture")
    monkeypatch.setenv("PENTIMENTO_HOME", str(settings.root))
    uri = f"ray://127.0.0.1:{machines.head_node._ray_params.ray_client_server_port}"
    done = CliRunner().invoke(build(), ["features", str(MINE), "--cluster", uri])
    assert done.exit_code == 3, done.output
    assert "0003.png" in done.stderr
    assert "7 pictures, 7 encoded" in done.stdout


def test_a_machine_of_the_cluster_finds_it_by_itself(
    machines: Any, settings: Settings, make_gallery: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", machines.address)
    make_gallery(settings, count=20)
    with connect("auto", settings) as cluster:
        assert len(cluster.nodes()) == 3
        assert extract(MINE, settings, pipeline=cluster_pipeline(cluster)).count == 20


def test_a_cluster_with_another_version_of_ray_is_refused(
    machines: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    there = ray.__version__
    monkeypatch.setattr(ray, "__version__", "1.0.0")
    with (
        pytest.raises(ClusterError, match=rf"(?s)Ray: {there}.*Ray: 1\.0\.0.*install the same"),
        connect(machines.address, settings),
    ):
        pass


def _add(machines: Any, settings: dict[str, Any]) -> Any:
    """Start a node; Ray gives it 30 seconds, which a very busy machine may not find the first time."""
    for _ in range(3):
        try:
            return machines.add_node(**settings)
        except Exception as error:  # Exception itself is what Ray raises
            failure = error
    raise failure


def _workers(machines: Any) -> list[int]:
    """Return the processes of the nodes that encode."""
    pids = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if path.joinpath("cmdline").read_bytes().startswith(b"ray::_Actor"):
                pids.append(int(path.name))
        except OSError:
            continue
    raylets = {process.process.pid for node in machines.list_all_nodes() for process in node.all_processes["raylet"]}
    return [pid for pid in pids if int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1]) in raylets]
