"""The files of a published set, wherever they lie: in a folder, a zip or a tar archive. Nothing is extracted.

Members are read by name and written under names that this program chooses, so that a path inside an archive can never
lead out of the gallery's folder.
"""

import io
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from core.errors import DamagedFileError, ImageError

MAX_MEMBER_BYTES = 500_000_000  # a single picture or table that is larger is refused
_JUNK = {".DS_Store", "Thumbs.db", "desktop.ini"}


class Source(Protocol):
    """Files by their paths with `/`; reading is safe in threads."""

    def names(self) -> list[str]:
        """Return the paths of all files, in alphabetical order (of a compressed tar: as stored)."""
        ...

    def read(self, name: str) -> bytes:
        """Return a file's bytes.

        Raises:
            ImageError: it is damaged, or refused because of its size.
        """
        ...


@contextmanager
def open_source(path: Path, data: IO[bytes] | None = None) -> Iterator[Source]:
    """Open a folder or an archive.

    Args:
        path: what to open, or what to call it where `data` holds an archive that lies in another one.

    Raises:
        DamagedFileError: it is missing, truncated, or no archive that can be read.
    """
    if data is None and path.is_dir():
        yield _Folder(path)
        return
    if data is None and not path.is_file():
        raise DamagedFileError(f"{path} does not exist; give the folder or archive that you downloaded")
    start = data.read(8) if data else _first_bytes(path)
    if data:
        data.seek(0)
    if start.startswith(b"Rar!") or start.startswith(b"7z\xbc\xaf"):
        raise DamagedFileError(f"{path} is a RAR or 7-Zip archive; unpack it and give the folder instead")
    try:
        if start.startswith(b"PK"):
            with zipfile.ZipFile(data or path) as archive:
                yield _Zip(path, archive)
        else:
            with tarfile.open(name=None if data else path, fileobj=data) as archive:
                yield _Tar(path, archive)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error) as error:
        kind = "a zip archive that is truncated" if start.startswith(b"PK") else "truncated, or no zip or tar archive"
        raise DamagedFileError(f"{path} is {kind}; download it again") from error


class _Folder:
    def __init__(self, path: Path) -> None:
        self._path = path

    def names(self) -> list[str]:
        found = (p.relative_to(self._path).as_posix() for p in self._path.rglob("*") if p.is_file())
        return sorted(name for name in found if _is_wanted(name))

    def read(self, name: str) -> bytes:
        path = self._path / name
        if path.stat().st_size > MAX_MEMBER_BYTES:
            raise ImageError(f"{name} has more than {MAX_MEMBER_BYTES / 1e6:.0f} MB")
        return path.read_bytes()


class _Zip:
    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self._path = path
        self._archive = archive
        self._members = {info.filename: info for info in archive.infolist() if not info.is_dir()}

    def names(self) -> list[str]:
        return sorted(name for name in self._members if _is_wanted(name))

    def read(self, name: str) -> bytes:
        info = self._members[name]
        if info.file_size > MAX_MEMBER_BYTES:
            raise ImageError(f"{name} has more than {MAX_MEMBER_BYTES / 1e6:.0f} MB")
        try:
            return self._archive.read(info)
        except (zipfile.BadZipFile, RuntimeError, EOFError, zlib.error) as error:  # RuntimeError: it is encrypted
            raise ImageError(f"{name} in {self._path} is damaged ({error})") from error


class _Tar:
    """Members are kept in stored order, so that a compressed archive is read once from start to end."""

    def __init__(self, path: Path, archive: tarfile.TarFile) -> None:
        self._path = path
        self._archive = archive
        self._members = {info.name.removeprefix("./"): info for info in archive.getmembers() if info.isreg()}
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        return [name for name in self._members if _is_wanted(name)]

    def read(self, name: str) -> bytes:
        info = self._members[name]
        if info.size > MAX_MEMBER_BYTES:
            raise ImageError(f"{name} has more than {MAX_MEMBER_BYTES / 1e6:.0f} MB")
        with self._lock:
            file = self._archive.extractfile(info)
            data = b"" if file is None else file.read()
        if len(data) != info.size:
            raise ImageError(f"{name} in {self._path} is damaged: {len(data)} of {info.size} bytes")
        return data


@contextmanager
def open_nested(source: Source, name: str) -> Iterator[Source]:
    """Open an archive that lies inside another one; it is held in memory."""
    with open_source(Path(name), io.BytesIO(source.read(name))) as inner:
        yield inner


def _is_wanted(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return "__MACOSX" not in parts and parts[-1] not in _JUNK and not parts[-1].startswith("._")


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(8)
