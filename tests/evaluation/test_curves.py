"""Measured curves against brute force: recall, what is kept, staleness, one query, recommendation."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from core.cli.app import build as build_cli
from core.errors import Cancelled, DamagedFileError, NotPreparedError, StaleError, UnavailableError, VersionError
from core.evaluation import curves
from core.evaluation.curve_measuring import current, measure
from core.evaluation.curve_points import Questions, shares_found
from core.evaluation.curve_tables import rows, to_csv
from core.evaluation.curves import Curve, Curves, Point, folder_of, variant_folder
from core.evaluation.dial import Dial, adopt
from core.evaluation.recommend import frontier, recommend, share
from core.evaluation.sweeps import series, variants
from core.features import FeatureStore
from core.features.store import KIND, VERSION
from core.indexes import create, load
from core.search import Engine, Query, parse_address
from core.search.galleries import provenance
from core.search.prepare import build_indexes
from core.settings import Address, Settings
from core.storage import MANIFEST, Generations, lock, read_json, seal, write_json

N, D = 120, 16
BUILT = ["flat", "ivfpq", "lsh"]


def some_vectors(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    made = rng.normal(size=(6, D))[rng.integers(0, 6, N)] + 0.5 * rng.normal(size=(N, D))
    unit: np.ndarray = (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)
    return unit


def put_features(address: Address, settings: Settings, vectors: np.ndarray) -> None:
    """Publish vectors as a gallery's features, without encoding anything."""
    ids = np.arange(1, len(vectors) + 1, dtype=np.int64)
    with Generations(address.features(settings)).new() as folder:
        np.save(folder / "vectors.npy", vectors)
        np.save(folder / "ids.npy", ids)
        np.save(folder / "hashes.npy", np.zeros((len(vectors), 32), np.uint8))
        params = {"encoder": address.encoder, "dim": D, "count": len(vectors), "skipped": []}
        seal(folder, KIND, VERSION, built_from={"content": "", "encoder": "made"}, params=params)


@pytest.fixture
def gallery(settings: Settings, make_gallery: Callable[..., object]) -> Address:
    """A gallery of vectors that were made up, with three indexes."""
    make_gallery(settings, "mine", count=N)
    address = parse_address("mine", settings)
    put_features(address, settings, some_vectors())
    build_indexes(address, BUILT, FeatureStore.open(address, settings), settings)
    return address


def brute_force_share(found: np.ndarray, query: int, k: int, vectors: np.ndarray) -> float:
    """Return recall@k of ids found (row + 1) for a stored query, itself left out, by comparing with all."""
    distances = ((vectors - vectors[query]) ** 2).sum(axis=1)
    truth = [row for row in np.argsort(distances, kind="stable") if row != query][:k]
    others = [one - 1 for one in found if one not in (-1, query + 1)][:k]
    return len(set(truth) & set(others)) / k


@pytest.mark.parametrize("k", [1, 10, 100])
def test_a_measured_share_is_that_of_a_comparison_with_all(k: int) -> None:
    vectors = some_vectors()
    ids = np.arange(1, N + 1)
    index = create("ivfpq", D, n_lists=5, n_subspaces=4, n_bits=4).train(vectors).add(vectors, ids)
    questions = Questions.of(vectors, ids, 25)
    measured = shares_found(index, {"n_probe": 2}, questions, vectors, ids, k)
    found = index.search(questions.vectors, k + 1, n_probe=2).ids
    expected = [brute_force_share(row, own - 1, k, vectors) for row, own in zip(found, questions.ids, strict=True)]
    np.testing.assert_allclose(measured, expected)
    assert 0 < measured.mean() < 1


def test_an_equally_near_duplicate_is_as_true_a_neighbour() -> None:
    vectors = some_vectors()
    vectors[1] = vectors[2] = vectors[0]  # each is the nearest of the two others: which one is found is chance
    ids = np.arange(1, N + 1)
    questions = Questions.about(vectors[:3], ids[:3], vectors, ids)
    flat = create("flat", D).add(vectors, ids)
    assert shares_found(flat, {}, questions, vectors, ids, 1).tolist() == [1, 1, 1]


def test_every_built_index_and_every_code_length_has_points_and_the_exact_one_recalls_all(
    gallery: Address, settings: Settings
) -> None:
    found = measure(gallery, settings, queries=20)
    assert list(found.curves) == [*BUILT, "ivfpq-8", "ivfpq-16"]
    flat = found.curves["flat"].points
    assert [one.recall for one in flat] == [{1: 1, 10: 1, 100: 1}]
    for curve in found.curves.values():
        assert all(0 < one.p50_ms <= one.p95_ms and one.nbytes > 0 for one in curve.points)
    reranked = [one for one in found.curves["ivfpq-8"].points if one.knobs.get("n_rerank") == 100]
    plain = [one for one in found.curves["ivfpq-8"].points if "n_rerank" not in one.knobs]
    assert reranked[-1].recall[10] > plain[-1].recall[10]
    # N vectors of D bytes, and their scale: two float32 for each component
    assert reranked[0].nbytes - plain[0].nbytes == N * D + 2 * 4 * D
    saved = load(variant_folder(gallery, settings, "ivfpq-8"))
    assert (len(saved), saved.nbytes) == (N, reranked[0].nbytes)


def test_what_is_measured_is_kept_and_only_an_index_built_again_is_measured_again(
    gallery: Address, settings: Settings
) -> None:
    first = measure(gallery, settings, queries=20)
    store = FeatureStore.open(gallery, settings)
    assert curves.read(gallery, settings, provenance(store)) == first
    index = create("lsh", D, n_bits=64).train(store.vectors).add(store.vectors, store.ids)
    with Generations(gallery.index(settings, "lsh")).new() as folder:
        index.save(folder, built_from=provenance(store))
    assert set(first.curves) - set(current(first, gallery, settings).curves) == {"lsh"}
    said: list[str] = []
    second = measure(gallery, settings, queries=20, progress=lambda done, total, what: said.append(what))
    assert second.curves["lsh"] != first.curves["lsh"]
    assert {key: one for key, one in second.curves.items() if key != "lsh"} == {
        key: one for key, one in first.curves.items() if key != "lsh"
    }
    assert {what.split(": ")[1].split(",")[0] for what in said if "building" in what} == {"lsh"}


def test_a_stopped_measurement_keeps_what_is_finished_and_goes_on(gallery: Address, settings: Settings) -> None:
    def stop(done: int, total: int | None, what: str) -> None:
        if "lsh" in what:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        measure(gallery, settings, queries=20, progress=stop)
    built_from = provenance(FeatureStore.open(gallery, settings))
    assert list(curves.read(gallery, settings, built_from).curves) == ["flat", "ivfpq"]
    whole = measure(gallery, settings, queries=20)
    assert list(whole.curves) == [*BUILT, "ivfpq-8", "ivfpq-16"]


def test_curves_of_other_features_are_stale_and_measured_anew(gallery: Address, settings: Settings) -> None:
    measure(gallery, settings, only=["ivfpq-8"], queries=20)
    put_features(gallery, settings, some_vectors(seed=1))
    store = FeatureStore.open(gallery, settings)
    with pytest.raises(StaleError, match="python -m core bench curves mine@"):
        curves.read(gallery, settings, provenance(store))
    build_indexes(gallery, BUILT, store, settings)
    found = measure(gallery, settings, only=["flat"], queries=20)
    assert list(found.curves) == ["flat"]
    assert not variant_folder(gallery, settings, "ivfpq-8").exists()


def test_a_damaged_or_newer_file_says_what_to_run(gallery: Address, settings: Settings) -> None:
    built_from = provenance(FeatureStore.open(gallery, settings))
    with pytest.raises(NotPreparedError, match="python -m core bench curves mine@"):
        curves.read(gallery, settings, built_from)
    path = folder_of(gallery, settings) / curves.FILE
    broken: list[dict[str, object]] = [{"format": 1}, {"format": 1, "curves": {"flat": {}}}, {"curves": []}]
    for content in broken:
        write_json(path, content)
        with pytest.raises(DamagedFileError, match="--rebuild"):
            curves.read(gallery, settings, built_from)
    write_json(path, {"format": 99})
    with pytest.raises(VersionError):
        curves.read(gallery, settings, built_from)


def test_two_cannot_measure_the_same_gallery_at_once(gallery: Address, settings: Settings) -> None:
    with lock(folder_of(gallery, settings) / ".lock"), pytest.raises(UnavailableError, match="another process"):
        measure(gallery, settings)


def test_an_unknown_curve_is_refused_with_those_there_are(gallery: Address, settings: Settings) -> None:
    with pytest.raises(NotPreparedError, match="flat, ivfpq, lsh, ivfpq-8, ivfpq-16"):
        measure(gallery, settings, only=["ivfpq-64"])


def test_one_query_is_read_as_brute_force_says(gallery: Address, settings: Settings) -> None:
    engine = Engine(settings)
    found = measure(gallery, settings, only=["ivfpq", "ivfpq-8"], queries=20)
    dial, vectors = Dial(engine), some_vectors()
    for key, knobs in (("ivfpq", {"n_probe": 1}), ("ivfpq-8", {"n_probe": 2, "n_rerank": 20})):
        curve = found.curves[key]
        reading = dial.read("mine", Query.stored(7), curve, knobs)
        index = (
            load(variant_folder(gallery, settings, key))
            if curve.is_variant
            else engine.load_index(str(gallery), curve.index)
        )
        for k, measured in reading.recall.items():
            ids = index.search(vectors[6:7], k + 1, **knobs).ids[0]
            assert measured == pytest.approx(brute_force_share(ids, 6, k, vectors))
        assert reading.search_ms > 0 < reading.exact_ms


def test_a_setting_that_is_applied_becomes_the_gallerys_index(gallery: Address, settings: Settings) -> None:
    found = measure(gallery, settings, only=["flat", "ivfpq-8"], queries=20)
    curve = found.curves["ivfpq-8"]
    reranking = next(one for one in curve.points if one.knobs.get("n_rerank") == 50)
    assert not adopt("mine", found.curves["flat"], found.curves["flat"].points[0], settings)
    assert adopt("mine", curve, reranking, settings)
    engine = Engine(settings)
    index = engine.load_index("mine", "ivfpq")
    assert (index.params["n_subspaces"], index.params["store"], index.nbytes) == (8, "sq8", reranking.nbytes)
    measured = shares_found(
        index, reranking.knobs, Questions.of(some_vectors(), index.ids, 20), some_vectors(), index.ids, 10
    )
    assert measured.mean() == pytest.approx(reranking.recall[10])
    assert not adopt("mine", curve, reranking, settings)  # it is so already
    plain = next(one for one in curve.points if "n_rerank" not in one.knobs)
    assert adopt("mine", curve, plain, settings)
    assert engine.load_index("mine", "ivfpq").nbytes == plain.nbytes


def test_sweeps_rise_within_what_the_index_can_do() -> None:
    vectors = some_vectors()
    index = create("ivfpq", D, n_lists=11, n_subspaces=4, n_bits=4).train(vectors).add(vectors)
    assert list(series(index)) == [[{"n_probe": n} for n in (1, 2, 3, 4, 6, 8, 11)]]
    stored = create("ivfpq", D, n_lists=2, n_subspaces=4, n_bits=4, store="sq8").train(vectors).add(vectors)
    assert list(series(stored))[:2] == [
        [{"n_probe": 1}, {"n_probe": 2}],
        [{"n_probe": 1, "n_rerank": 20}, {"n_probe": 2, "n_rerank": 20}],
    ]
    assert list(series(create("flat", D))) == [[{}]]
    assert [one.params["n_subspaces"] for one in variants(96)] == [8, 16, 32]


POINTS = st.lists(
    st.builds(
        lambda recall, ms, size: Point({}, {10: recall}, {10: 0.0}, ms, ms, size),
        st.sampled_from([0.5, 0.8, 0.9, 0.95, 1.0]),
        st.sampled_from([0.1, 0.2, 0.5, 1.0]),
        st.sampled_from([100, 200, 400]),
    ),
    min_size=1,
    max_size=12,
)


@given(points=POINTS, target=st.sampled_from([0.6, 0.9, 0.95, 1.0]), most_ms=st.sampled_from([None, 0.2, 0.05]))
def test_what_is_recommended_is_the_cheapest_that_is_good_enough(
    points: list[Point], target: float, most_ms: float | None
) -> None:
    half = len(points) // 2
    made = {"flat": Curve("flat", points=points[:half]), "lsh": Curve("lsh", points=points[half:])}
    known = Curves("g", {}, 1, 1, 1, made)
    for cheapest, cost in (("time", lambda one: (one.p50_ms, one.nbytes)), ("memory", lambda one: (one.nbytes,))):
        advice = recommend(known, target, most_ms=most_ms, cheapest=cheapest)  # type: ignore[arg-type]
        within = [one for one in points if most_ms is None or one.p50_ms <= most_ms]
        enough = [one for one in within if one.recall[10] >= target]
        if not within:
            assert advice is None
            continue
        assert advice is not None
        assert advice.reached == bool(enough)
        if enough:
            assert cost(advice.point) == min(cost(one) for one in enough)
            assert advice.point in made[advice.key].points
        else:
            assert advice.point.recall[10] == max(one.recall[10] for one in within)
            assert "nothing measured reaches" in advice.sentence


@given(points=POINTS)
def test_the_frontier_holds_just_what_nothing_beats(points: list[Point]) -> None:
    front = frontier(points, 10, by=lambda one: one.p50_ms)
    kept = {(one.p50_ms, one.recall[10]) for one in front}
    beaten = {
        (one.p50_ms, one.recall[10])
        for one in points
        for other in points
        if (other.p50_ms <= one.p50_ms and other.recall[10] > one.recall[10])
        or (other.p50_ms < one.p50_ms and other.recall[10] >= one.recall[10])
    }
    assert kept == {(one.p50_ms, one.recall[10]) for one in points} - beaten


def test_shares_are_written_as_people_write_them() -> None:
    assert [share(value) for value in (0.95, 0.957, 1.0, 0.0, 0.9)] == [".95", ".957", "1", "0", ".9"]


def test_a_recall_that_is_no_share_or_was_not_measured_is_refused() -> None:
    known = Curves("g", {}, 1, 1, 1, {"flat": Curve("flat", points=[Point({}, {1: 1.0}, {1: 0.0}, 1, 1, 1)])})
    with pytest.raises(ValueError, match="between 0 and 1"):
        recommend(known, 95)
    with pytest.raises(ValueError, match="measured at 1 neighbours"):
        recommend(known, 0.9)
    assert recommend(replace(known, curves={}), 0.9) is None


def test_the_command_measures_recommends_applies_and_writes(
    gallery: Address, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENTIMENTO_HOME", str(settings.root))
    out = tmp_path / "curves.csv"
    common = ["bench", "curves", "mine", "--queries", "20", "-i", "ivfpq-8"]
    result = CliRunner().invoke(build_cli(), [*common, "--target", ".9", "--json", "--out", str(out), "--apply"])
    assert result.exit_code == 0, result.stderr
    (found,) = json.loads(result.stdout)
    assert "python -m core search mine@efficientnet_lite0 IMAGE --index ivfpq --knob n_probe=" in result.stderr
    advice = found["recommendation"]
    assert (advice["key"], advice["reached"], advice["is_built"]) == ("ivfpq-8", True, False)
    assert advice["recall"] >= 0.9
    store = FeatureStore.open(gallery, settings)
    known = curves.read(gallery, settings, provenance(store))
    lines = out.read_text().splitlines()
    assert out.read_text() == to_csv(known)
    assert len(lines) == 1 + len(rows(known)) == 1 + len(known.curves["ivfpq-8"].points)
    folder = Generations(gallery.index(settings, "ivfpq")).current()
    assert folder is not None
    assert read_json(folder / MANIFEST)["params"]["params"]["n_subspaces"] == 8
    told = CliRunner().invoke(build_cli(), [*common, "--target", ".9"])
    assert "| ivfpq-8 |" in told.stdout
    assert "for .9 recall@10: ivfpq-8" in told.stdout
    refused = CliRunner().invoke(build_cli(), [*common, "--apply"])
    assert refused.exit_code == 2
