"""Writes archives: a new file whole or not at all, or a further segment behind the ones that are there."""

import binascii
import contextlib
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from core import __version__
from core.archive import layout
from core.archive.names import fault_of
from core.archive.reader import Archive
from core.codec.modes import Coded, Mode
from core.errors import StaleError, StorageError
from core.storage import atomic_path, lock, storage_errors
from core.types import Json


class ArchiveWriter:
    """One segment in the making; get one from `create` or `append`."""

    def __init__(self, file: IO[bytes], directory: dict[str, Any], taken: set[str]) -> None:
        self._file = file
        self._directory = directory
        self._taken = taken
        self._columns: dict[str, list[int]] = {name: [] for name in ("mode", "position", "width", "height", "length")}
        self._checks: list[int] = []
        self._names: list[str] = []
        self._codes: list[NDArray[np.uint8]] = []
        self._fields: list[Json] = []
        self._start = file.tell()
        self._crc = 0

    def __len__(self) -> int:
        return len(self._names)

    def add(
        self, name: str, record: Coded, *, code: NDArray[np.uint8] | None = None, fields: Json | None = None
    ) -> None:
        """Write one record.

        Args:
            name: relative, with forward slashes; not yet in the archive.
            code: (M,) search code; all records of an archive have one, or none has.
            fields: metadata: strings, numbers, None.

        Raises:
            ValueError: the name is not allowed or taken.
        """
        fault = fault_of(name)
        if fault:
            raise ValueError(f"the name {name!r} {fault}")
        if name in self._taken:
            raise ValueError(f"the archive already has a picture named {name}")
        if (code is not None) != ("search" in self._directory):
            raise ValueError("every picture of an archive has a search code, or none has")
        self._taken.add(name)
        self._names.append(name)
        self._file.write(record.data)
        self._crc = zlib.crc32(record.data, self._crc)
        values = (int(record.mode), record.position, record.width, record.height, len(record.data))
        for column, value in zip(self._columns.values(), values, strict=True):
            column.append(value)
        self._checks.append(binascii.crc_hqx(record.data, len(self._names) & 0xFFFF))
        if code is not None:
            self._codes.append(code)
        self._fields.append(fields or {})

    def finish(self) -> None:
        """Write the planes, the directory and the trailer."""
        planes: dict[str, Any] = {
            "streams": self._described(self._start, self._file.tell() - self._start, self._crc),
        }
        for name, values in self._columns.items():
            data, description = layout.pack_integers(values)
            planes[name] = self._written(data) | description if data else description
        planes["check"] = self._written(np.array(self._checks, dtype="<u2").tobytes())
        planes["names"] = self._written(layout.pack_cbor(self._names))
        if "search" in self._directory:
            codes = np.array(self._codes, dtype=np.uint8).reshape(len(self._names), -1)
            planes["codes"] = self._written(codes.tobytes())
        if any(self._fields):
            keys = sorted({key for fields in self._fields for key in fields})
            planes["fields"] = self._written(layout.pack_cbor({k: [f.get(k) for f in self._fields] for k in keys}))
        self._directory["segments"].append({"count": len(self._names), "planes": planes})
        if Mode.LEARNED not in self._columns["mode"] and not self._directory["segments"][:-1]:
            self._directory.pop("codec", None)  # nothing needs the model
        packed = layout.pack_directory(self._directory)
        offset = self._file.tell()
        self._file.write(packed)
        self._file.flush()
        self._file.write(layout.trailer(offset, packed))

    def store_codebook(self, data: bytes) -> None:
        """Put the search codes' codebook into the archive, so that no other file is needed."""
        self._directory["search"]["codebook"] = self._written(data)
        self._start = self._file.tell()

    def _written(self, data: bytes) -> dict[str, Any]:
        offset = self._file.tell()
        self._file.write(data)
        return self._described(offset, len(data), zlib.crc32(data))

    @staticmethod
    def _described(offset: int, length: int, crc: int) -> dict[str, Any]:
        return {"at": offset, "bytes": length, "crc": crc}


@contextlib.contextmanager
def create(
    path: Path,
    *,
    codec_sha256: str,
    search: Json | None = None,
    title: str = "",
    extra: Json | None = None,
    force: bool = False,
) -> Iterator[ArchiveWriter]:
    """Yield a writer for a new archive; the file appears when the block ends without an error.

    Args:
        search: {"encoder", "fingerprint", "dim", "sha256"} of the search codes, if there are any.
        extra: further keys of the directory, such as what the pictures are of.
        force: replace an existing file.

    Raises:
        StorageError: the file exists, or cannot be written.
    """
    if path.exists() and not force:
        raise StorageError(f"{path} exists; give another name, or --force to replace it")
    directory: dict[str, Any] = {
        "writer": f"pentimento {__version__}",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "title": title,
        "codec": bytes.fromhex(codec_sha256),
        "segments": [],
    }
    if search:
        directory["search"] = dict(search)
    if extra:
        directory["about"] = extra
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(layout.header())
        writer = ArchiveWriter(file, directory, set())
        yield writer
        writer.finish()


@contextlib.contextmanager
def append(path: Path, *, codec_sha256: str) -> Iterator[ArchiveWriter]:
    """Yield a writer that adds a segment behind what is there, which is not touched.

    If the block fails, or the machine stops, the archive is what it was: a reader goes by the last whole trailer.

    Raises:
        StaleError: the archive was made with another model.
    """
    with lock(path.with_name(f".{path.name}.lock")), storage_errors(path):
        with Archive.open(path) as archive:
            directory, end, names = archive.directory, archive.end, set(archive.names)
        needed = directory.setdefault("codec", bytes.fromhex(codec_sha256))
        if needed != bytes.fromhex(codec_sha256):
            raise StaleError(
                f"{path} was made with model {needed.hex()[:12]}, this is {codec_sha256[:12]}: make a new archive"
            )
        with path.open("r+b") as file:
            file.truncate(end)
            file.seek(end)
            writer = ArchiveWriter(file, directory, names)
            try:
                yield writer
                writer.finish()
            except BaseException:
                file.truncate(end)
                raise
