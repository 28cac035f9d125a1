"""What an import refuses, skips and survives."""

import io
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from core import datasets
from core.datasets.scan import scan
from core.errors import ImageError, NotPreparedError, StorageError
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


def ids(settings: Settings) -> dict[str, int]:
    dataset = datasets.open("mine", settings)
    return {record.path: record.image_id for record in dataset}


def counts(report: datasets.ImportReport) -> tuple[int, int, int, int, int]:
    return report.count, report.added, report.changed, report.moved, report.removed


def test_what_cannot_be_read_is_listed_and_the_rest_is_imported(folder: Path, settings: Settings) -> None:
    (folder / "broken.jpg").write_bytes(picture(1, kind="JPEG")[:200])
    (folder / "empty.png").write_bytes(b"")
    (folder / "document.jpg").write_bytes(b"%PDF-1.7")
    (folder / "drawing.svg").write_bytes(b"<svg/>")
    (folder / "dot.png").write_bytes(picture(1, (1, 1)))
    (folder / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    report = datasets.import_folder(folder, "mine", settings)
    assert report.count == 5
    reasons = dict(report.skipped)
    assert list(reasons) == ["broken.jpg", "document.jpg", "dot.png", "drawing.svg", "empty.png", "phone.heic"]
    assert "broken.jpg is truncated" in reasons["broken.jpg"]
    assert "0 bytes" in reasons["empty.png"]
    assert "HEIC" in reasons["phone.heic"]


def test_hidden_and_other_files_are_counted_and_not_listed(folder: Path, settings: Settings) -> None:
    (folder / ".hidden.png").write_bytes(picture(7))
    (folder / ".git").mkdir()
    (folder / ".git" / "x.png").write_bytes(picture(8))
    (folder / "notes.txt").write_text("not a picture")
    (folder / "paper.pdf").write_bytes(b"%PDF-1.7")
    report = datasets.import_folder(folder, "mine", settings)
    assert (report.count, report.skipped, report.ignored) == (5, [], 4)


def test_links_are_refused_even_when_they_stay_inside_or_go_in_circles(
    folder: Path, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "secret.png").write_bytes(picture(9))
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "inner.png").symlink_to(folder / "top.png")
    (folder / "circle").symlink_to(folder, target_is_directory=True)
    report = datasets.import_folder(folder, "mine", settings)
    assert report.count == 5
    assert [path for path, reason in report.skipped if "symbolic link" in reason] == ["circle", "inner.png", "link.png"]


def test_a_file_that_becomes_a_link_out_of_the_folder_is_not_served(
    folder: Path, settings: Settings, tmp_path: Path
) -> None:
    datasets.import_folder(folder, "mine", settings)
    dataset = datasets.open("mine", settings)
    top = next(record for record in dataset if record.path == "top.png")
    (tmp_path / "secret.png").write_bytes(picture(9))
    (folder / "top.png").unlink()
    (folder / "top.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(ImageError, match="leaves the folder"):
        dataset.load(top)


@pytest.mark.parametrize("path", ["../secret.png", "/etc/passwd", "a/../../b", ""])
def test_a_path_that_leaves_the_folder_is_refused(folder: Path, settings: Settings, path: str) -> None:
    datasets.import_folder(folder, "mine", settings)
    dataset = datasets.open("mine", settings)
    record = datasets.ImageRecord(1, path, "a" * 64, 1, 1, "", "", "", {})
    with pytest.raises(ImageError, match="leaves the folder"):
        dataset.source_path(record)


def test_a_name_that_is_no_unicode_is_listed(folder: Path, settings: Settings) -> None:
    odd = os.fsencode(folder) + b"/caf\xe9.png"
    with open(odd, "wb") as file:  # noqa: PTH123  # pathlib cannot spell it
        file.write(picture(3))
    report = datasets.import_folder(folder, "mine", settings)
    assert report.count == 5
    assert "Unicode" in report.skipped[0][1]


def test_a_folder_that_cannot_be_opened_does_not_lose_its_pictures(
    folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets.import_folder(folder, "mine", settings)
    before = ids(settings)
    scandir = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("cats"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr("core.datasets.scan.os.scandir", refuse)
    report = datasets.import_folder(folder, "mine", settings)
    assert counts(report) == (5, 0, 0, 0, 0)
    assert report.skipped == [("cats", "cannot be opened: Permission denied")]
    assert ids(settings) == before


def test_a_file_that_cannot_be_opened_keeps_its_row(
    folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets.import_folder(folder, "mine", settings)
    before = ids(settings)
    os.utime(folder / "top.png", (1, 1))
    read_bytes = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.name == "top.png":
            raise PermissionError(13, "Permission denied")
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    report = datasets.import_folder(folder, "mine", settings)
    assert report.skipped == [("top.png", "cannot be read: Permission denied")]
    assert ids(settings) == before


def test_a_picture_that_becomes_junk_leaves_the_gallery(folder: Path, settings: Settings) -> None:
    datasets.import_folder(folder, "mine", settings)
    (folder / "top.png").write_bytes(b"junk")
    report = datasets.import_folder(folder, "mine", settings)
    assert (report.count, report.removed, len(report.skipped)) == (4, 1, 1)


def test_pictures_above_the_limit_of_the_settings_are_skipped(folder: Path, tmp_path: Path) -> None:
    (folder / "large.png").write_bytes(picture(5, (50, 40)))
    small = Settings(root=tmp_path / "root", max_pixels=1000)
    report = datasets.import_folder(folder, "mine", small)
    assert [path for path, _ in report.skipped] == ["large.png"]
    assert "50 x 40 pixels" in report.skipped[0][1]


def test_an_empty_or_missing_folder_is_said_and_nothing_is_written(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("hello")
    with pytest.raises(NotPreparedError, match="holds no pictures"):
        datasets.import_folder(tmp_path / "empty", "mine", settings)
    with pytest.raises(NotPreparedError, match="is not a folder"):
        datasets.import_folder(tmp_path / "absent", "mine", settings)
    assert datasets.names(settings) == []
    assert not (settings.datasets / "mine").exists()


def test_a_folder_that_is_not_mounted_does_not_empty_the_gallery(folder: Path, settings: Settings) -> None:
    datasets.import_folder(folder, "mine", settings)
    shutil.rmtree(folder)
    folder.mkdir()
    with pytest.raises(NotPreparedError, match="holds no pictures"):
        datasets.import_folder(folder, "mine", settings)
    assert len(datasets.open("mine", settings)) == 5


def test_two_galleries_of_one_name_are_refused(folder: Path, settings: Settings, tmp_path: Path) -> None:
    datasets.import_folder(folder, "mine", settings)
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    with pytest.raises(ValueError, match=r"there is a gallery 'mine' of .*relocate mine"):
        datasets.import_folder(other, "mine", settings)
    with pytest.raises(ValueError, match="published set"):
        datasets.import_folder(folder, "paintings", settings)
    with pytest.raises(ValueError, match="a-z 0-9"):
        datasets.import_folder(folder, "../mine", settings)


def test_our_own_data_folders_cannot_be_imported(settings: Settings) -> None:
    settings.datasets.mkdir(parents=True)
    for folder in (settings.root, settings.datasets):
        with pytest.raises(ValueError, match="keeps its own data"):
            datasets.import_folder(folder, "mine", settings)


def test_a_second_import_at_the_same_time_is_refused(folder: Path, settings: Settings) -> None:
    def again(done: int, total: int | None, what: str) -> None:
        with pytest.raises(StorageError, match="another process"):
            datasets.import_folder(folder, "mine", settings)

    datasets.import_folder(folder, "mine", settings, again)


def test_too_little_disk_is_said_before_anything_is_written(
    folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(StorageError, match="importing 5 pictures needs"):
        datasets.import_folder(folder, "mine", settings)
    assert not (settings.datasets / "mine").exists()


def test_a_disk_that_fills_up_is_a_storage_error_and_the_import_continues_later(
    folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []
    write_bytes = Path.write_bytes

    def fill(path: Path, data: bytes) -> int:
        if len(written) == 3:
            raise OSError(28, "No space left on device")
        written.append(path)
        return write_bytes(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", fill)
        with pytest.raises(StorageError, match="full"):
            datasets.import_folder(folder, "mine", settings)
    assert datasets.names(settings) == []
    with pytest.raises(NotPreparedError, match="python -m core data import"):
        datasets.open("mine", settings)
    assert datasets.import_folder(folder, "mine", settings).count == 5
    assert not list(settings.datasets.rglob("*.tmp"))


def test_what_is_neither_file_nor_folder_or_vanishes_meanwhile_does_no_harm(
    folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(folder / "pipe.png")
    (folder / "vanishing").write_bytes(picture(60))
    opened = Path.open

    def vanish(path: Path, *arguments: object) -> object:
        if path.name == "vanishing":
            raise FileNotFoundError(2, "No such file or directory")
        return opened(path, *arguments)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", vanish)
    found = scan(folder)
    assert len(found.pictures) == 5
    assert found.ignored == 2
