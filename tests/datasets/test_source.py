"""Reading published archives: folders, zip and tar look the same, and nothing gets out of its place."""

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from core.datasets.source import open_nested, open_source
from core.errors import DamagedFileError, ImageError

FILES = {"set/b/2.txt": b"two", "set/a/1.txt": b"one", "set/.DS_Store": b"", "__MACOSX/set/a/1.txt": b""}


def packed(kind: str, folder: Path, files: dict[str, bytes] = FILES) -> Path:
    path = folder / f"archive.{kind}"
    if kind == "folder":
        for name, data in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(data)
    elif kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in files.items():
                archive.writestr(name, data)
    else:
        with tarfile.open(path, "w:gz" if kind == "tar.gz" else "w") as archive:
            for name, data in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return path


@pytest.mark.parametrize("kind", ["folder", "zip", "tar", "tar.gz"])
def test_every_kind_of_source_gives_the_same_files_without_the_system_s_own(kind: str, tmp_path: Path) -> None:
    with open_source(packed(kind, tmp_path)) as source:
        assert {name: source.read(name) for name in source.names()} == {"set/a/1.txt": b"one", "set/b/2.txt": b"two"}


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_a_truncated_archive_is_named(kind: str, tmp_path: Path) -> None:
    path = packed(kind, tmp_path, {f"{i}.bin": bytes([i]) * 5000 for i in range(9)})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises((DamagedFileError, ImageError), match="archive"), open_source(path) as source:
        for name in source.names():
            source.read(name)


def test_what_is_no_archive_and_what_is_absent_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"<html>not found</html>")
    with pytest.raises(DamagedFileError, match=r"x\.zip .* no zip or tar archive"), open_source(tmp_path / "x.zip"):
        pass
    with pytest.raises(DamagedFileError, match="does not exist"), open_source(tmp_path / "absent"):
        pass
    (tmp_path / "x.rar").write_bytes(b"Rar!\x1a\x07\x00" + bytes(50))
    with pytest.raises(DamagedFileError, match="unpack it"), open_source(tmp_path / "x.rar"):
        pass


def test_a_member_with_a_wrong_checksum_is_one_damaged_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("good", b"1" * 100)
        archive.writestr("bad", b"2" * 100)
    path.write_bytes(path.read_bytes().replace(b"2" * 100, b"3" * 100))
    with open_source(path) as source:
        assert source.read("good") == b"1" * 100
        with pytest.raises(ImageError, match=r"bad in .* is damaged"):
            source.read("bad")


def test_an_archive_in_an_archive_is_read(tmp_path: Path) -> None:
    inner = packed("tar.gz", tmp_path).read_bytes()
    path = packed("zip", tmp_path, {"outer/inner.tar.gz": inner})
    with open_source(path) as outer, open_nested(outer, "outer/inner.tar.gz") as source:
        assert source.read("set/a/1.txt") == b"one"
