"""Preparing galleries, and how the engine notices what was prepared, changed or damaged since."""

import errno
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core import indexes
from core.datasets import Dataset
from core.encoders import PictureEncoder, Preparation
from core.errors import DamagedFileError, NotPreparedError, StaleError, StorageError, UnavailableError, UnknownNameError
from core.features import extract
from core.search import Engine, PrepareReport, Query, prepare_gallery
from core.settings import Address, Settings
from core.storage import Generations
from core.types import Image, Vectors

Make = Callable[..., Dataset]
MINE = "mine@histogram"
ADDRESS = Address("mine", "histogram")


def outcomes(report: PrepareReport) -> dict[str, str]:
    return {entry.name: entry.outcome for entry in report.indexes}


def generation(settings: Settings, index: str) -> Path:
    found = Generations(ADDRESS.index(settings, index)).current()
    assert found is not None
    return found


class Pixels(PictureEncoder):
    """The pixels of a picture scaled to 4 x 4: 48 numbers, with which every index is built quickly."""

    name, title, dim = "pixels", "Pixels", 48

    def __init__(self) -> None:
        super().__init__("pixels", 48, Preparation(4), "pixels")

    def missing(self, settings: Settings) -> str:
        return ""

    def load(self, settings: Settings) -> PictureEncoder:
        return self

    def _embed(self, squares: Image) -> Vectors:
        return squares.reshape(len(squares), -1).astype(np.float32)


def test_all_registered_indexes_are_built_or_say_why_not(
    settings: Settings, make_gallery: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.encoders.registry._found", lambda settings: {"pixels": Pixels()})
    make_gallery(settings, count=300)
    report = prepare_gallery("mine@pixels", settings, indexes=indexes.names())
    assert list(outcomes(report)) == indexes.names()
    assert outcomes(report)["flat"] == outcomes(report)["faiss-flat"] == "built"
    assert set(outcomes(report).values()) <= {"built", "unavailable"}
    engine = Engine(settings)
    for entry in report.indexes:
        if entry.outcome == "built":
            assert entry.nbytes > 0
            found = engine.search("mine@pixels", Query.stored(1), k=5, index=entry.name)
            assert found.results[0].image_id == 1
            assert found.index == entry.name


def test_a_second_preparation_keeps_everything_and_rebuilding_replaces_it(
    settings: Settings, make_gallery: Make
) -> None:
    make_gallery(settings)
    prepare_gallery(MINE, settings, indexes=["flat", "faiss-flat"])
    before = generation(settings, "flat")
    assert set(outcomes(prepare_gallery(MINE, settings, indexes=["flat", "faiss-flat"])).values()) == {"kept"}
    assert generation(settings, "flat") == before
    assert outcomes(prepare_gallery(MINE, settings, indexes=["flat"], rebuild=True)) == {"flat": "built"}
    assert generation(settings, "flat") != before


def test_an_index_that_cannot_be_built_is_listed_with_its_reason(
    settings: Settings, make_gallery: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.indexes.flat import Flat

    def refuse(*_: object) -> None:
        raise UnavailableError("needs at least 39 pictures, got 12")

    make_gallery(settings)
    with monkeypatch.context() as patched:
        patched.setattr(Flat, "_build", refuse)
        report = prepare_gallery(MINE, settings, indexes=["flat", "faiss-flat"])
    assert outcomes(report) == {"flat": "unavailable", "faiss-flat": "built"}
    engine = Engine(settings)
    info = {entry.name: entry for entry in engine.gallery(MINE).indexes}["flat"]
    assert (info.available, info.reason) == (False, "needs at least 39 pictures, got 12")
    with pytest.raises(NotPreparedError, match="needs at least 39 pictures"):
        engine.search(MINE, Query.stored(1), k=3, index="flat")
    assert outcomes(prepare_gallery(MINE, settings, indexes=["flat"])) == {"flat": "built"}
    assert Engine(settings).gallery(MINE).indexes[0].available


def test_the_engine_uses_what_was_prepared_again_without_a_restart(settings: Settings, make_gallery: Make) -> None:
    make_gallery(settings, only=range(10))
    prepare_gallery(MINE, settings, indexes=["flat"])
    engine = Engine(settings)
    assert len(engine.search(MINE, Query.stored(3), k=10, index="flat").results) == 10
    dataset = make_gallery(settings, only=range(2, 14))
    message = engine.gallery(MINE).message
    assert "run: python -m core index mine@histogram" in message
    # Until it is prepared again, what was removed is not found, and what is left still is.
    found = [result.image_id for result in engine.search(MINE, Query.stored(3), k=10, index="flat").results]
    assert sorted(found) == list(range(3, 11))
    prepare_gallery(MINE, settings, indexes=["flat"])
    found = [result.image_id for result in engine.search(MINE, Query.stored(3), k=12, index="flat").results]
    assert sorted(found) == dataset.catalog.ids().tolist()
    assert engine.gallery(MINE).message == ""


def test_until_an_index_of_new_features_is_there_the_gallery_is_searched_as_it_was(
    settings: Settings, make_gallery: Make
) -> None:
    make_gallery(settings, only=range(8))
    prepare_gallery(MINE, settings, indexes=["flat"])
    engine = Engine(settings)
    make_gallery(settings, only=range(3, 12))
    extract(ADDRESS, settings)  # as far as an indexing comes that is interrupted here
    for searching in (engine, Engine(settings)):
        found = searching.search(MINE, Query.stored(5), k=8)
        assert sorted(result.image_id for result in found.results) == [4, 5, 6, 7, 8]
        info = searching.gallery(MINE)
        assert (info.ready, info.count) == (True, 8)
        assert "as it was before its last indexing; to finish: python -m core index mine@histogram" in info.message
    prepare_gallery(MINE, settings, indexes=["flat"])
    assert len(engine.search(MINE, Query.stored(5), k=9).results) == 9
    assert engine.gallery(MINE).message == ""


def test_an_index_older_than_the_features_is_refused_and_says_what_to_run(
    settings: Settings, make_gallery: Make
) -> None:
    make_gallery(settings, count=8)
    prepare_gallery(MINE, settings, indexes=["flat", "faiss-flat"])
    make_gallery(settings, count=9)
    prepare_gallery(MINE, settings, indexes=["flat"])
    engine = Engine(settings)
    assert engine.gallery(MINE).default_index == "flat"
    with pytest.raises(StaleError, match="run: python -m core index mine@histogram --index faiss-flat"):
        engine.search(MINE, Query.stored(1), k=3, index="faiss-flat")


def test_features_of_another_version_of_the_encoder_are_not_compared_with_its_vectors(
    settings: Settings, make_gallery: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.encoders.histogram import HistogramEncoder

    dataset = make_gallery(settings)
    prepare_gallery(MINE, settings, indexes=["flat"])
    original = HistogramEncoder.__init__

    def newer(self: HistogramEncoder, threads: int = 1) -> None:
        original(self, threads)
        self.fingerprint = "newer"

    monkeypatch.setattr(HistogramEncoder, "__init__", newer)
    engine = Engine(settings)
    source = dataset.source_path(dataset.catalog.get(1))
    with pytest.raises(StaleError, match="another version of histogram; run: python -m core index"):
        engine.search(MINE, Query.picture(source), k=3)
    assert engine.search(MINE, Query.stored(1), k=3).results  # stored vectors go together
    assert outcomes(prepare_gallery(MINE, settings, indexes=["flat"])) == {"flat": "built"}
    assert engine.search(MINE, Query.picture(source), k=3).results[0].image_id == 1


@pytest.mark.parametrize("name", ["manifest.json", "ids.npy", "vectors.npy"])
def test_a_damaged_index_says_what_to_run_and_is_repaired_by_it(
    settings: Settings, make_gallery: Make, name: str
) -> None:
    make_gallery(settings)
    prepare_gallery(MINE, settings, indexes=["flat", "faiss-flat"])
    path = generation(settings, "flat") / name
    data = path.read_bytes()
    path.unlink()  # its vectors are the features' own file, by another name
    path.write_bytes(data[:-9])
    engine = Engine(settings)
    with pytest.raises((DamagedFileError, NotPreparedError), match="run: python -m core index mine@histogram"):
        engine.search(MINE, Query.stored(1), k=3, index="flat")
    assert engine.search(MINE, Query.stored(1), k=3).index == "faiss-flat"
    assert outcomes(prepare_gallery(MINE, settings, indexes=["flat"])) == {"flat": "built"}
    assert engine.search(MINE, Query.stored(1), k=3, index="flat").results


def test_a_full_disk_leaves_the_index_that_was_there(
    settings: Settings, make_gallery: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_gallery(settings)
    prepare_gallery(MINE, settings, indexes=["flat"])
    before = generation(settings, "flat")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("core.indexes.store.np.save", full)
        with pytest.raises(StorageError, match="is full"):
            from core.features import FeatureStore
            from core.search.prepare import build_index

            build_index(ADDRESS, "flat", FeatureStore.open(ADDRESS, settings), settings, rebuild=True)
    assert generation(settings, "flat") == before
    assert Engine(settings).search(MINE, Query.stored(1), k=3, index="flat").results


def test_unknown_names_are_refused_before_anything_is_done(settings: Settings, make_gallery: Make) -> None:
    make_gallery(settings)
    for gallery, wanted in (("nothing", None), ("mine@magic", None), (MINE, ["magic"])):
        with pytest.raises(UnknownNameError):
            prepare_gallery(gallery, settings, indexes=wanted)
    assert not ADDRESS.features(settings).exists()
    with pytest.raises(NotPreparedError, match="no gallery is prepared; run: python -m core index"):
        Engine(Settings(root=settings.root / "elsewhere")).default_address()


def test_a_gallery_without_features_is_listed_and_says_what_to_run(settings: Settings, make_gallery: Make) -> None:
    make_gallery(settings)
    engine = Engine(settings)
    (info,) = engine.galleries()
    assert (info.address, info.ready) == ("mine@efficientnet_lite0", False)
    assert "run: python -m core index mine" in info.message
    with pytest.raises(NotPreparedError, match="run: python -m core features"):
        engine.search("mine", Query.stored(1), k=3)
    prepare_gallery(MINE, settings, indexes=["flat"])
    assert [entry.address for entry in engine.galleries()] == ["mine@efficientnet_lite0", MINE]
    assert engine.default_address() == MINE


def test_a_damaged_catalog_leaves_the_other_galleries_alone(settings: Settings, make_gallery: Make) -> None:
    make_gallery(settings)
    make_gallery(settings, "other")
    prepare_gallery(MINE, settings, indexes=["flat"])
    folder = settings.datasets / "other"
    for path in folder.glob("catalog.sqlite*"):
        path.unlink()
    (folder / "catalog.sqlite").write_bytes(b"damaged " * 4000)
    engine = Engine(settings)
    (other,) = [info for info in engine.galleries() if info.dataset == "other"]
    assert not other.ready
    assert "catalog.sqlite" in other.message
    assert engine.default_address() == MINE
    with pytest.raises(DamagedFileError, match=r"catalog\.sqlite"):
        engine.search("other@histogram", Query.stored(1), k=1)


def test_a_gallery_of_the_same_name_made_anew_is_not_mixed_up_with_the_old_one(
    settings: Settings, make_gallery: Make
) -> None:
    from core import datasets

    make_gallery(settings, count=6)
    prepare_gallery(MINE, settings, indexes=["flat"])
    engine = Engine(settings)
    assert len(engine.search(MINE, Query.stored(1), k=6).results) == 6
    datasets.remove("mine", settings)
    with pytest.raises(UnknownNameError, match="there is no gallery 'mine@histogram'"):
        engine.search(MINE, Query.stored(1), k=3)
    make_gallery(settings, only=range(20, 24))
    prepare_gallery(MINE, settings, indexes=["flat"])
    found = engine.search(MINE, Query.stored(1), k=4)
    assert {result.path for result in found.results} == {"0020.png", "0021.png", "0022.png", "0023.png"}
