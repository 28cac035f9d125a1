"""An import reads what is new, follows what has moved, and never touches a person's pictures."""

import io
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from core import datasets
from core.datasets.folder import THUMBNAIL_BYTES
from core.datasets.scan import scan
from core.errors import Cancelled, ImageError, NotPreparedError, UnknownNameError
from core.settings import Settings


def picture(seed: int, size: tuple[int, int] = (24, 16), kind: str = "PNG") -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), np.uint8)
    buffer = io.BytesIO()
    PillowImage.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five pictures: two cats, a dog in a nested folder, one at the top, and one with no suffix."""
    root = tmp_path / "my pictures"
    for seed, name in enumerate(["cats/one.png", "cats/two.png", "animals/dogs/rex.png", "top.png", "cats/no suffix"]):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(seed))
    return root


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def ids(settings: Settings) -> dict[str, int]:
    dataset = datasets.open("mine", settings)
    return {record.path: record.image_id for record in dataset}


def counts(report: datasets.ImportReport) -> tuple[int, int, int, int, int]:
    return report.count, report.added, report.changed, report.moved, report.removed


def test_a_folder_becomes_a_gallery_in_place(folder: Path, settings: Settings) -> None:
    before = contents(folder)
    report = datasets.import_folder(folder, "mine", settings)
    assert counts(report) == (5, 5, 0, 0, 0)
    assert (report.skipped, report.ignored) == ([], 0)
    dataset = datasets.open("mine", settings)
    assert datasets.names(settings) == ["mine"]
    assert (dataset.name, dataset.title, dataset.kind, dataset.note) == ("mine", "mine", "pictures", "")
    records = {record.path: record for record in dataset}
    assert {path: record.label for path, record in records.items()} == {
        "cats/one.png": "cats",
        "cats/two.png": "cats",
        "cats/no suffix": "cats",
        "animals/dogs/rex.png": "animals/dogs",
        "top.png": "",
    }
    rex = records["animals/dogs/rex.png"]
    assert (rex.title, rex.width, rex.height) == ("rex", 24, 16)
    assert dataset.source_path(rex) == folder.resolve() / "animals/dogs/rex.png"
    assert dataset.load(rex).shape == (16, 24, 3)
    with PillowImage.open(dataset.thumbnail_path(rex)) as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("WEBP", (24, 16))
    assert contents(folder) == before
    assert not (settings.datasets / "mine" / "images").exists()


def test_a_second_import_reads_no_file(folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets.import_folder(folder, "mine", settings)
    state, before = datasets.open("mine", settings).catalog.state(), ids(settings)
    monkeypatch.setattr("core.datasets.importing.add_thumbnail", None)
    assert counts(datasets.import_folder(folder, "mine", settings)) == (5, 0, 0, 0, 0)
    assert datasets.open("mine", settings).catalog.state() == state
    assert ids(settings) == before


def test_new_changed_removed_and_moved_files_are_told_apart(folder: Path, settings: Settings) -> None:
    datasets.import_folder(folder, "mine", settings)
    before = ids(settings)
    (folder / "new.png").write_bytes(picture(100))
    (folder / "top.png").write_bytes(picture(101))
    (folder / "cats" / "one.png").unlink()
    (folder / "birds").mkdir()
    (folder / "cats" / "two.png").rename(folder / "birds" / "tweety.png")
    report = datasets.import_folder(folder, "mine", settings)
    assert counts(report) == (5, 1, 1, 1, 1)
    after = ids(settings)
    assert after["birds/tweety.png"] == before["cats/two.png"]
    assert after["animals/dogs/rex.png"] == before["animals/dogs/rex.png"]
    assert after["top.png"] not in before.values()  # an id stands for one content
    moved = datasets.open("mine", settings).catalog.get(after["birds/tweety.png"])
    assert (moved.label, moved.title) == ("birds", "tweety")
    thumbnails = list((settings.datasets / "mine" / "thumbnails").rglob("*.webp"))
    assert len(thumbnails) == 5


def test_a_touched_file_of_the_same_content_keeps_its_id(folder: Path, settings: Settings) -> None:
    datasets.import_folder(folder, "mine", settings)
    state = datasets.open("mine", settings).catalog.state()
    os.utime(folder / "top.png", (1, 1))
    assert counts(datasets.import_folder(folder, "mine", settings)) == (5, 0, 0, 0, 0)
    assert datasets.open("mine", settings).catalog.state() == state


def test_equal_files_are_two_pictures_with_one_thumbnail(folder: Path, settings: Settings) -> None:
    shutil.copy(folder / "top.png", folder / "copy of top.png")
    assert datasets.import_folder(folder, "mine", settings).count == 6
    assert len(list((settings.datasets / "mine" / "thumbnails").rglob("*.webp"))) == 5
    (folder / "top.png").unlink()
    assert counts(datasets.import_folder(folder, "mine", settings)) == (5, 0, 0, 0, 1)


def test_a_lost_thumbnail_is_made_again(folder: Path, settings: Settings) -> None:
    datasets.import_folder(folder, "mine", settings)
    dataset = datasets.open("mine", settings)
    lost, empty = (dataset.thumbnail_path(record) for record in list(dataset)[:2])
    lost.unlink()
    empty.write_bytes(b"")
    assert counts(datasets.import_folder(folder, "mine", settings)) == (5, 0, 0, 0, 0)
    assert lost.stat().st_size
    assert empty.stat().st_size


@pytest.mark.parametrize("stop", [Cancelled, KeyboardInterrupt])
def test_an_import_that_is_stopped_keeps_what_is_finished(
    tmp_path: Path, settings: Settings, stop: type[BaseException], many: Callable[[int], Path]
) -> None:
    folder = many(150)

    def interrupt(done: int, total: int | None, what: str) -> None:
        assert (total, what) == (150, "importing")
        raise stop

    with pytest.raises(stop):
        datasets.import_folder(folder, "mine", settings, interrupt)
    report = datasets.import_folder(folder, "mine", settings)
    assert report.count == 150
    assert 0 < report.added < 150


@pytest.fixture
def many(tmp_path: Path) -> Callable[[int], Path]:
    def make(count: int) -> Path:
        root = tmp_path / "many"
        root.mkdir()
        for seed in range(count):
            (root / f"{seed:04d}.png").write_bytes(picture(seed, (8, 8)))
        return root

    return make


def test_an_estimate_counts_only_what_is_new(folder: Path, settings: Settings) -> None:
    expected = datasets.estimate(folder, settings, name="mine", dim=100)
    assert (expected.pictures, expected.new) == (5, 5)
    assert expected.thumbnail_bytes >= 5 * THUMBNAIL_BYTES
    assert expected.vector_bytes >= 5 * 100 * 4
    assert expected.total_bytes == expected.thumbnail_bytes + expected.vector_bytes
    assert expected.free_bytes > 0
    datasets.import_folder(folder, "mine", settings)
    (folder / "new.png").write_bytes(picture(50))
    assert datasets.estimate(folder, settings, name="mine").new == 1
    with pytest.raises(NotPreparedError, match="not a folder"):
        datasets.estimate(folder / "absent", settings)


def test_a_gallery_whose_folder_has_moved_is_found_again(folder: Path, settings: Settings, tmp_path: Path) -> None:
    datasets.import_folder(folder, "mine", settings)
    before = ids(settings)
    dataset = datasets.open("mine", settings)
    state = dataset.catalog.state()
    moved = tmp_path / "elsewhere"
    folder.rename(moved)
    with pytest.raises(ImageError, match="data relocate mine FOLDER"):
        dataset.load(dataset.catalog.get(1))
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(NotPreparedError, match="none of the 5 pictures"):
        datasets.relocate("mine", empty, settings)
    report = datasets.relocate("mine", moved, settings)
    assert (report.found, report.count) == (5, 5)
    assert dataset.load(dataset.catalog.get(1)).shape == (16, 24, 3)
    assert dataset.catalog.state() == state
    assert counts(datasets.import_folder(moved, "mine", settings)) == (5, 0, 0, 0, 0)
    assert ids(settings) == before


def test_a_missing_picture_says_what_to_run(folder: Path, settings: Settings) -> None:
    datasets.import_folder(folder, "mine", settings)
    (folder / "top.png").unlink()
    dataset = datasets.open("mine", settings)
    top = next(record for record in dataset if record.path == "top.png")
    with pytest.raises(ImageError, match="--name mine"):
        dataset.load(top)


def test_a_title_is_kept_by_later_imports(folder: Path, settings: Settings) -> None:
    datasets.import_folder(folder, "mine", settings, title="My holidays")
    datasets.import_folder(folder, "mine", settings)
    assert datasets.open("mine", settings).title == "My holidays"


def test_renaming_takes_features_and_indexes_along(folder: Path, settings: Settings) -> None:
    datasets.import_folder(folder, "mine", settings)
    before = ids(settings)
    for parent in (settings.features, settings.indexes):
        (parent / "mine" / "encoder").mkdir(parents=True)
    datasets.rename("mine", "holidays", settings)
    assert datasets.names(settings) == ["holidays"]
    assert {record.path: record.image_id for record in datasets.open("holidays", settings)} == before
    assert (settings.features / "holidays" / "encoder").is_dir()
    assert not (settings.indexes / "mine").exists()
    with pytest.raises(UnknownNameError, match="no gallery 'mine'; there are: holidays"):
        datasets.open("mine", settings)


def test_a_name_that_is_taken_or_reserved_is_refused(folder: Path, settings: Settings) -> None:
    datasets.import_folder(folder, "mine", settings)
    (settings.datasets / "other").mkdir()
    for new in ("other", "paintings", "../x", "mine"):
        with pytest.raises(ValueError, match=r"already|published|a-z"):
            datasets.rename("mine", new, settings)
    with pytest.raises(UnknownNameError):
        datasets.rename("absent", "new", settings)


def test_removing_deletes_what_we_made_and_nothing_else(folder: Path, settings: Settings) -> None:
    before = contents(folder)
    datasets.import_folder(folder, "mine", settings)
    for parent in (settings.features, settings.indexes):
        (parent / "mine" / "encoder").mkdir(parents=True)
    datasets.remove("mine", settings)
    assert contents(folder) == before
    assert datasets.names(settings) == []
    assert not [path for path in settings.root.rglob("*") if "mine" in path.name and path.suffix != ".lock"]
    with pytest.raises(UnknownNameError, match="there are: none yet"):
        datasets.remove("mine", settings)
    assert datasets.import_folder(folder, "mine", settings).added == 5


def test_a_gallery_with_a_damaged_catalog_can_be_removed(folder: Path, settings: Settings) -> None:
    datasets.import_folder(folder, "mine", settings)
    for path in (settings.datasets / "mine").glob("catalog.sqlite*"):
        path.write_bytes(b"junk" * 100)
    assert datasets.names(settings) == ["mine"]
    datasets.remove("mine", settings)
    assert datasets.names(settings) == []


def test_relocating_a_set_that_is_no_folder_is_refused(settings: Settings, folder: Path) -> None:
    datasets.import_folder(folder, "mine", settings)
    catalog = datasets.open("mine", settings).catalog
    catalog.set_meta(source_folder="")
    with pytest.raises(ValueError, match="not imported from a folder"):
        datasets.relocate("mine", folder, settings)


def test_a_scan_is_sorted_and_does_not_open_what_it_knows(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = sorted(contents(folder))
    assert [found.path for found in scan(folder).pictures] == expected
    monkeypatch.setattr("core.datasets.scan._holds_picture", None)
    assert [found.path for found in scan(folder, frozenset(expected)).pictures] == expected
