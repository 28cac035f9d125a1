"""A gallery that is built from entries is whole, resumable, and says what it could not read."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image as PillowImage

from core import datasets
from core.datasets.base import FieldSpec
from core.datasets.builder import Entry, build, is_complete, unchanged
from core.datasets.parallel import in_order
from core.errors import ImageError, NotPreparedError, StorageError, UnknownNameError
from core.settings import Settings

META = {"title": "Set", "kind": "pictures", "note": "", "licence": "CC0", "layout": "1"}


def png(seed: int) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 255, (12, 16, 3), np.uint8)
    PillowImage.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def entry(seed: int, path: str | None = None, data: Callable[[], bytes] | None = None) -> Entry:
    name = path or f"class {seed % 2}/{seed}.png"
    return Entry(name, data or (lambda: png(seed)), f"picture {seed}", f"class {seed % 2}", "train", {"n": seed})


def test_entries_become_records_in_their_order(settings: Settings) -> None:
    seen: list[tuple[int, int | None]] = []
    report = build(
        "set", settings, (entry(seed) for seed in range(5)), meta=META, fields=[FieldSpec("n", "N", "range")], total=5,
        progress=lambda done, total, what: seen.append((done, total)),
    )  # fmt: skip
    assert (report.count, report.added, report.removed, report.skipped) == (5, 5, 0, [])
    assert seen[-1] == (5, 5)
    dataset = datasets.open("set", settings)
    assert [record.fields["n"] for record in dataset] == list(range(5))
    assert [record.image_id for record in dataset] == [1, 2, 3, 4, 5]
    assert (dataset.title, dataset.licence, dataset.is_imported) == ("Set", "CC0", False)
    assert dataset.source_path(dataset.catalog.get(1)).read_bytes() == png(0)
    assert is_complete("set", settings, "1")
    assert not is_complete("set", settings, "2")
    assert not is_complete("other", settings, "1")
    assert unchanged("set", settings).count == 5


def test_building_again_asks_only_for_what_is_missing(settings: Settings) -> None:
    build("set", settings, map(entry, range(4)), meta=META)
    asked: list[int] = []

    def watch(seed: int) -> Entry:
        return entry(seed, data=lambda: asked.append(seed) or png(seed))  # type: ignore[func-returns-value]

    report = build("set", settings, map(watch, range(1, 6)), meta=META)
    assert sorted(asked) == [4, 5]  # by several threads
    assert (report.count, report.added, report.removed) == (5, 2, 1)
    files = [path for path in (settings.datasets / "set" / "images").rglob("*") if path.is_file()]
    assert len(files) == 5


def test_new_labels_of_known_pictures_are_written(settings: Settings) -> None:
    build("set", settings, map(entry, range(2)), meta=META)
    relabelled = [Entry(entry(seed).path, lambda: b"", label="new") for seed in range(2)]
    assert build("set", settings, relabelled, meta=META).added == 0
    assert {record.label for record in datasets.open("set", settings)} == {"new"}


def test_what_cannot_be_read_is_skipped_and_listed(settings: Settings) -> None:
    entries = [entry(0), entry(1, "bad.png", lambda: b"junk"), entry(2)]
    report = build("set", settings, entries, meta=META)
    assert report.count == 2
    assert report.skipped[0][0] == "bad.png"
    assert "bad.png is not a picture" in report.skipped[0][1]
    assert not (settings.datasets / "set" / "images" / "bad.png").exists()


def test_an_entry_may_not_leave_the_folder(settings: Settings) -> None:
    with pytest.raises(ImageError, match="leaves the folder"):
        build("set", settings, [entry(0, "../../outside.png")], meta=META)
    assert not (settings.root / "outside.png").exists()


def test_an_interruption_leaves_no_gallery_and_no_half_files(settings: Settings) -> None:
    def fail() -> bytes:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build("set", settings, [*map(entry, range(3)), entry(3, data=fail)], meta=META)
    assert datasets.names(settings) == []
    with pytest.raises(NotPreparedError, match="was not prepared to the end"):
        datasets.open("set", settings)
    assert not list(settings.datasets.rglob("*.tmp"))
    assert build("set", settings, map(entry, range(4)), meta=META).count == 4


def test_a_full_disk_is_a_storage_error(settings: Settings) -> None:
    def full() -> bytes:
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageError, match="full"):
        build("set", settings, [entry(0, data=full)], meta=META)


def test_a_gallery_of_a_persons_own_folder_is_not_overwritten(settings: Settings) -> None:
    """It may bear the name of a set that was not known when it was imported."""
    build("paintings", settings, map(entry, range(2)), meta=META)
    with pytest.raises(ValueError, match="keeps its name"):
        datasets.rename("paintings", "mine", settings)
    datasets.open("paintings", settings).catalog.set_meta(source_folder="/home/me/pictures")
    with pytest.raises(ValueError, match="data rename paintings NEW"):
        build("paintings", settings, map(entry, range(2)), meta=META)
    datasets.rename("paintings", "mine", settings)
    assert datasets.names(settings) == ["mine"]


def test_an_unknown_set_lists_those_that_are_known(settings: Settings) -> None:
    with pytest.raises(UnknownNameError, match="there are: paintings, satellite"):
        datasets.prepare("louvre", settings)
    with pytest.raises(NotPreparedError, match="data get paintings"):
        datasets.open("paintings", settings)
    with pytest.raises(UnknownNameError, match="no gallery"):
        datasets.open("../..", settings)


def test_every_known_set_has_its_facts() -> None:
    for name in datasets.known():
        published = datasets.describe(name)
        assert isinstance(published, datasets.PublishedSet.__class__) or published.name == name
        for fact in ("title", "licence", "citation", "homepage", "size"):
            assert getattr(published, fact), (name, fact)
        assert published.kind in ("paintings", "satellite", "pictures")


@pytest.mark.parametrize("threads", [1, 3])
def test_work_in_threads_comes_back_in_order_and_stops_when_its_taker_does(threads: int) -> None:
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        return item * item

    assert list(in_order(work, range(50), threads)) == [item * item for item in range(50)]
    begun.clear()
    results = in_order(work, iter(range(1000)), threads)
    assert next(results) == 0
    results.close()
    assert len(begun) <= 4 * threads + 1


def test_an_error_in_a_thread_reaches_the_caller() -> None:
    def work(item: int) -> int:
        return 1 // item

    with pytest.raises(ZeroDivisionError):
        list(in_order(work, [1, 1, 0, 1], 2))
