"""The engine on the embedded galleries."""

import threading
from collections.abc import Callable

import numpy as np
import pytest

from core import indexes
from core.errors import ImageError, NotPreparedError, UnknownNameError
from core.search import Engine, Query
from core.search.encoding import QueryEncoder
from core.settings import Settings


@pytest.fixture(scope="module")
def engine(prepared: Settings) -> Engine:
    return Engine(prepared)


def exact(engine: Engine, address: str, vector: np.ndarray, k: int) -> list[int]:
    """The k best ids by a plain product with all stored vectors."""
    store = engine.vectors(address)
    similarities = np.array([float(row @ vector) for row in store.vectors])
    return store.ids[np.argsort(-similarities, kind="stable")[:k]].tolist()


@pytest.mark.parametrize("address", ["paintings", "satellite"])
def test_a_stored_picture_uploaded_again_finds_itself_first_with_similarity_one(engine: Engine, address: str) -> None:
    dataset = engine.dataset(address)
    for record in dataset.catalog.records()[::40]:
        outcome = engine.search(address, Query.picture(dataset.source_path(record)), k=3)
        assert outcome.results[0].image_id == record.image_id
        assert outcome.results[0].similarity == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("index", ["flat", "faiss-flat"])
def test_results_are_those_of_a_plain_product_in_falling_order(engine: Engine, index: str) -> None:
    image_id = int(engine.vectors("paintings").ids[17])
    vector = engine.encode("paintings", Query.stored(image_id))
    outcome = engine.search("paintings", Query.vector(vector), k=30, index=index)
    assert [result.image_id for result in outcome.results] == exact(engine, "paintings", vector, 30)
    similarities = [result.similarity for result in outcome.results]
    assert similarities == sorted(similarities, reverse=True)
    assert [result.rank for result in outcome.results] == list(range(1, 31))
    for result in outcome.results:  # squared L2 = 2 - 2 cosine; float32
        assert result.distance == pytest.approx(2 - 2 * result.similarity, abs=1e-4)


def test_a_stored_query_is_not_encoded_again(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("encoded")

    monkeypatch.setattr(QueryEncoder, "encoder", refuse)
    outcome = engine.search("satellite", Query.stored(5), k=4)
    assert outcome.results[0].image_id == 5
    assert outcome.timings_ms["encode"] == outcome.timings_ms["decode"] == 0


def test_an_upload_is_encoded_once_whatever_index_and_k(engine: Engine) -> None:
    data = engine.dataset("paintings").source_path(engine.record("paintings", 9)).read_bytes()
    first = engine.search("paintings", Query.picture(data), k=5, index="flat")
    second = engine.search("paintings", Query.picture(data), k=50, index="faiss-flat")
    turned = engine.search("paintings", Query.picture(data, quarter_turns=1), k=5)
    assert (first.cached, second.cached, turned.cached) == (False, True, False)
    assert [r.image_id for r in second.results[:5]] == [r.image_id for r in first.results]


def test_a_region_and_a_turn_are_those_of_the_picture_cut_and_turned_by_hand(engine: Engine) -> None:
    dataset = engine.dataset("paintings")
    record = dataset.catalog.records()[3]
    pixels = dataset.load(record)
    region = (0.25, 0.5, 0.75, 1.0)
    turned = np.rot90(pixels, -1)[:, ::-1]
    height, width = turned.shape[:2]
    cut = turned[height // 2 :, int(np.floor(0.25 * width)) : int(np.ceil(0.75 * width))]
    by_hand = engine.encode("paintings", Query.picture(np.ascontiguousarray(cut)))
    found = engine.encode("paintings", Query.picture(pixels, region, quarter_turns=1, mirrored=True))
    stored = engine.encode("paintings", Query.stored(record.image_id, region, quarter_turns=1, mirrored=True))
    assert found @ by_hand > 0.999  # the scale at which JPEG and resizing work may differ
    assert stored @ by_hand > 0.99
    assert found @ engine.encode("paintings", Query.picture(pixels)) < 0.95


def test_filters_leave_exactly_the_pictures_that_the_catalog_selects(engine: Engine) -> None:
    dataset = engine.dataset("satellite")
    where = {"surface": dataset.catalog.facets()[2].values[0][0]}
    where = {facet.name: facet.values[0][0] for facet in dataset.catalog.facets() if facet.kind == "choice"}
    name, value = next(iter(where.items()))
    allowed = set(dataset.catalog.select({name: value}).tolist())
    outcome = engine.search("satellite", Query.stored(min(allowed)), k=600, where={name: value})
    assert {result.image_id for result in outcome.results} == allowed
    assert outcome.n_searched == len(allowed)
    latitude = engine.search("satellite", Query.stored(5), k=50, where={"latitude": {"min": 0, "max": 20}})
    assert latitude.results
    assert all(0 <= result.record.fields["latitude"] <= 20 for result in latitude.results)


def test_json_has_the_keys_that_programs_rely_on(engine: Engine) -> None:
    value = engine.search("paintings", Query.stored(2), k=2).to_json()
    assert {"gallery", "encoder", "index", "timings_ms", "results"} <= set(value)
    assert value["gallery"] == "paintings@efficientnet_lite0"
    assert set(value["timings_ms"]) == {"decode", "encode", "search"}
    first = value["results"][0]
    assert set(first) == {"rank", "image_id", "path", "similarity", "distance", "metadata"}
    assert first["metadata"]["title"]


@pytest.mark.parametrize("k", [0, -1, 175, 10**9])
def test_k_beyond_the_gallery_is_refused_with_the_range(engine: Engine, k: int) -> None:
    with pytest.raises(ValueError, match="between 1 and 174"):
        engine.search("paintings", Query.stored(2), k=k)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda e: e.search("nothing", Query.stored(1)), UnknownNameError, "no gallery 'nothing'.*paintings"),
        (lambda e: e.search("../x", Query.stored(1)), UnknownNameError, "no gallery"),
        (lambda e: e.search("paintings@magic", Query.stored(1)), UnknownNameError, "no encoder 'magic'.*histogram"),
        (lambda e: e.search("paintings", Query.stored(1), index="magic"), UnknownNameError, "no index 'magic'.*flat"),
        (lambda e: e.search("paintings", Query.stored(10**6)), UnknownNameError, "no picture 1000000"),
        (lambda e: e.search("paintings@histogram", Query.stored(1)), NotPreparedError, "run: python -m core features"),
        (lambda e: e.search("paintings", Query.stored(1), index="faiss-lsh"), NotPreparedError, "run: python -m core"),
        (lambda e: e.search("paintings", Query.stored(1), where={"height_m": 3}), ValueError, "unknown field"),
        (lambda e: e.search("paintings", Query.stored(1), knobs={"n_probe": 3}), TypeError, "no knob 'n_probe'"),
        (lambda e: e.search("paintings", Query.picture(b"no picture")), ImageError, "not a picture"),
        (lambda e: e.search("paintings", Query.picture("absent.jpg")), ImageError, "does not exist"),
        (lambda e: e.search("paintings", Query.vector([1.0, 2.0])), ValueError, "1280 numbers"),
        (lambda e: Query.vector(np.zeros(1280)), ValueError, "not zero"),
        (lambda e: Query.picture(b"", region=(0.5, 0, 0.4, 1)), ValueError, "region must have"),
    ],
)
def test_mistakes_are_named_and_say_what_to_do(
    engine: Engine, call: Callable[[Engine], object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        call(engine)


def test_concurrent_searches_give_what_single_ones_give(engine: Engine) -> None:
    fresh = Engine(engine.settings)
    dataset = engine.dataset("paintings")
    sources = [dataset.source_path(record) for record in dataset.catalog.records()[:12]]
    expected = [[r.image_id for r in engine.search("paintings", Query.picture(s), k=5).results] for s in sources]
    found: dict[int, list[int]] = {}
    faults: list[BaseException] = []

    def work(number: int) -> None:
        try:
            outcome = fresh.search("paintings", Query.picture(sources[number % 12]), k=5, index=names[number % 2])
            found[number] = [result.image_id for result in outcome.results]
        except BaseException as error:
            faults.append(error)

    names = ["flat", "faiss-flat"]
    threads = [threading.Thread(target=work, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    assert all(found[number] == expected[number % 12] for number in range(24))


def test_galleries_say_what_they_can_do(engine: Engine) -> None:
    infos = {info.address: info for info in engine.galleries()}
    assert set(infos) == {"paintings@efficientnet_lite0", "satellite@efficientnet_lite0"}
    info = infos["paintings@efficientnet_lite0"]
    assert (info.count, info.kind, info.ready, info.default_index) == (174, "paintings", True, "faiss-flat")
    by_name = {entry.name: entry for entry in info.indexes}
    assert set(by_name) == set(indexes.every_name())
    assert by_name["flat"].available and by_name["flat"].nbytes > 0
    assert "not built; run: python -m core index" in by_name["faiss-lsh"].reason
    assert engine.default_address() == "paintings@efficientnet_lite0"
    assert infos["satellite@efficientnet_lite0"].note
