"""Reads archives: names and sizes when opened, each record when asked for, every byte checked before it is used."""

import binascii
import contextlib
import mmap
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from core.archive import layout
from core.archive.names import fault_of
from core.codec.modes import Coded, Mode
from core.errors import DamagedFileError
from core.types import Json

_COLUMNS = ("mode", "position", "width", "height", "length")


@dataclass(frozen=True)
class Segment:
    """Rows first .. first + count of the archive, written together."""

    first: int
    count: int
    planes: dict[str, Any]


class Archive:
    """An open archive; use it in a `with` statement.

    Attributes:
        path: of the file.
        names: of the records, as they were given; `fault_of` says which may be used as a path.
        modes, positions, widths, heights, lengths: (N,) one value a record.
        directory: as stored: writer, created, title, codec, search, about, segments.
        end: offset behind the last whole trailer.
        note: a sentence if bytes behind it are ignored, else empty.
    """

    def __init__(self, path: Path, data: mmap.mmap) -> None:
        self.path = path
        self._data = data
        layout.check_header(data[: layout.HEADER_BYTES], str(path))
        self.end, self.note, self.directory = self._find_directory()
        self.segments = self._read_segments()
        columns: dict[str, list[NDArray[np.int64]]] = {name: [] for name in (*_COLUMNS, "offset", "check")}
        self.names: list[str] = []
        for segment in self.segments:
            for name, part in self._read_columns(segment).items():
                columns[name].append(part)
        joined = {name: np.concatenate([np.empty(0, np.int64), *parts]) for name, parts in columns.items()}
        self.modes, self.positions = joined["mode"], joined["position"]
        self.widths, self.heights, self.lengths = joined["width"], joined["height"], joined["length"]
        self._offsets, self._checks = joined["offset"], joined["check"]

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a file and check everything but the records and the search codes.

        Raises:
            DamagedFileError: it is absent, a folder, not an archive, truncated or altered.
            VersionError: a newer program wrote it.
        """
        path = Path(path)
        try:
            if path.is_dir():
                raise DamagedFileError(f"{path} is a folder, not a .pent archive")
            with path.open("rb") as file:
                if not file.read(1):
                    raise DamagedFileError(f"{path} is empty (0 bytes)")
                data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except FileNotFoundError:
            raise DamagedFileError(f"{path} does not exist") from None
        try:
            return cls(path, data)
        except BaseException:
            data.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Unmap the file; where codes are still in use, when the last of them is let go of."""
        with contextlib.suppress(BufferError):
            self._data.close()

    def __len__(self) -> int:
        return len(self.names)

    @property
    def codec_sha256(self) -> str | None:
        """Of the model that learned records need; None if there are none."""
        value = self.directory.get("codec")
        return value.hex() if isinstance(value, bytes) else None

    @property
    def search(self) -> Json | None:
        """What made the search codes: encoder, fingerprint, dim, sha256, maybe codebook; None without codes."""
        value = self.directory.get("search")
        return value if isinstance(value, dict) else None

    def record(self, row: int) -> Coded:
        """Return one record.

        Raises:
            DamagedFileError: its bytes are not those that were written, or its name or mode cannot be; it is named.
        """
        name = self.names[row]
        fault = fault_of(name)
        if fault:
            raise DamagedFileError(f"record {row}: the name {name!r} {fault}")
        start = int(self._offsets[row])
        data = self._data[start : start + int(self.lengths[row])]
        first = next(s.first for s in reversed(self.segments) if s.first <= row)
        if binascii.crc_hqx(data, (row - first + 1) & 0xFFFF) != self._checks[row]:
            raise DamagedFileError(f"{name}: its record is damaged (checksum)")
        try:
            mode = Mode(int(self.modes[row]))
        except ValueError:
            raise DamagedFileError(f"{name}: its mode {self.modes[row]} is not known to this program") from None
        return Coded(mode, int(self.positions[row]), int(self.widths[row]), int(self.heights[row]), data)

    def codes(self) -> NDArray[np.uint8]:
        """Return the (N, M) search codes, mapped from the file where there is one segment.

        Raises:
            DamagedFileError: there are none, or they are altered.
        """
        if self.search is None:
            raise DamagedFileError(f"{self.path} has no search codes; it was made with --no-search")
        parts = []
        for segment in self.segments:
            plane = self._checked_plane(segment.planes, "codes")
            data = memoryview(self._data)[plane["at"] : plane["at"] + plane["bytes"]]
            if zlib.crc32(data) != plane["crc"]:
                raise DamagedFileError(f"{self.path} has damaged search codes (checksum); its pictures can be restored")
            if segment.count and plane["bytes"] % segment.count:
                raise DamagedFileError(f"{self.path} has search codes of a length that does not fit")
            parts.append(np.frombuffer(data, np.uint8).reshape(segment.count, -1) if segment.count else None)
        filled = [part for part in parts if part is not None]
        if len({part.shape[1] for part in filled}) > 1:
            raise DamagedFileError(f"{self.path} has search codes of different lengths")
        if not filled:
            return np.empty((0, 0), np.uint8)
        return filled[0] if len(filled) == 1 else np.concatenate(filled)

    def fields(self) -> list[Json]:
        """Return the metadata of each record, an empty mapping where there is none."""
        rows: list[Json] = [{} for _ in self.names]
        for segment in self.segments:
            if "fields" not in segment.planes:
                continue
            value = self._cbor(segment, "fields", layout.MOST_FIELD_BYTES)
            if not isinstance(value, dict) or any(
                not isinstance(column, list) or len(column) != segment.count for column in value.values()
            ):
                raise DamagedFileError(f"{self.path} has damaged metadata")
            for key, column in value.items():
                for number, item in enumerate(column):
                    if item is not None:
                        rows[segment.first + number][str(key)] = item
        return rows

    def codebook(self) -> bytes | None:
        """Return the codebook that the archive carries, or None."""
        if self.search is None or "codebook" not in self.search:
            return None
        return self._plane(self.search, "codebook")

    def faults(self) -> list[str]:
        """Read every byte and return one message for each part that is not as written (none: all is well)."""
        messages = [self.note] if self.note else []
        for row in range(len(self)):
            try:
                self.record(row)
            except DamagedFileError as error:
                messages.append(str(error))
        checks: list[Callable[[], object]] = [self.fields, self.codebook]
        for check in [*checks, self.codes] if self.search is not None else checks:
            try:
                check()
            except DamagedFileError as error:
                messages.append(str(error))
        for segment in self.segments:
            try:
                self._plane(segment.planes, "streams")
            except DamagedFileError as error:
                messages.append(str(error))
        return messages

    def _find_directory(self) -> tuple[int, str, dict[str, Any]]:
        end = len(self._data)
        while True:
            found = layout.read_trailer(self._data, end)
            if found:
                offset, length, check = found
                raw = self._data[offset : offset + length]
                if zlib.crc32(raw) == check:
                    break
            at = self._data.rfind(layout.END_MAGIC, 0, end - 1)
            if at < 0:
                raise DamagedFileError(f"{self.path} is truncated or damaged: its directory is missing")
            end = at + layout.TRAILER_BYTES if at + layout.TRAILER_BYTES < end else at + len(layout.END_MAGIC)
        ignored = len(self._data) - end
        note = f"{self.path}: {ignored} bytes after the last complete write are ignored" if ignored else ""
        return end, note, layout.unpack_directory(raw, str(self.path))

    def _read_segments(self) -> list[Segment]:
        listed = self.directory.get("segments")
        segments: list[Segment] = []
        first = 0
        for entry in listed if isinstance(listed, list) else [None]:
            count = entry.get("count") if isinstance(entry, dict) else None
            planes = entry.get("planes") if isinstance(entry, dict) else None
            if not isinstance(count, int) or not isinstance(planes, dict) or not 0 <= count <= len(self._data):
                raise DamagedFileError(f"{self.path} has a damaged directory (segments)")
            segments.append(Segment(first, count, planes))
            first += count
        return segments

    def _read_columns(self, segment: Segment) -> dict[str, NDArray[np.int64]]:
        columns: dict[str, NDArray[np.int64]] = {}
        check = np.frombuffer(self._plane(segment.planes, "check"), dtype="<u2")
        if len(check) != segment.count:
            raise DamagedFileError(f"{self.path} has {len(check)} checksums for {segment.count} records")
        try:
            for name in _COLUMNS:
                plane = segment.planes.get(name)
                if not isinstance(plane, dict):
                    raise ValueError("it is missing")
                data = b"" if "same" in plane else self._plane(segment.planes, name)
                columns[name] = layout.unpack_integers(data, plane, segment.count)
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedFileError(f"{self.path} has a damaged column {name} ({error})") from error
        streams = self._checked_plane(segment.planes, "streams")
        ends = np.cumsum(columns["length"])
        if (columns["length"] > streams["bytes"]).any() or (ends[-1] if segment.count else 0) != streams["bytes"]:
            raise DamagedFileError(f"{self.path} has record lengths that do not add up")
        names = self._cbor(segment, "names", layout.MOST_NAME_BYTES + 8)
        if not isinstance(names, list) or len(names) != segment.count or not all(isinstance(n, str) for n in names):
            raise DamagedFileError(f"{self.path} has damaged names")
        self.names += names
        return columns | {"offset": streams["at"] + ends - columns["length"], "check": check.astype(np.int64)}

    def _cbor(self, segment: Segment, name: str, bytes_per_record: int) -> Any:
        try:
            return layout.unpack_cbor(self._plane(segment.planes, name), 64 + segment.count * bytes_per_record)
        except ValueError as error:
            raise DamagedFileError(f"{self.path} has a damaged part {name} ({error})") from error

    def _plane(self, planes: dict[str, Any], name: str) -> bytes:
        plane = self._checked_plane(planes, name)
        data = self._data[plane["at"] : plane["at"] + plane["bytes"]]
        if zlib.crc32(data) != plane["crc"]:
            raise DamagedFileError(f"{self.path} has a damaged part {name} (checksum)")
        return data

    def _checked_plane(self, planes: dict[str, Any], name: str) -> dict[str, Any]:
        plane = planes.get(name)
        if not isinstance(plane, dict):
            raise DamagedFileError(f"{self.path} lacks the part {name}")
        numbers = [plane.get(key) for key in ("at", "bytes", "crc")]
        if not all(isinstance(number, int) and number >= 0 for number in numbers):
            raise DamagedFileError(f"{self.path} has a damaged directory ({name})")
        if plane["at"] < layout.HEADER_BYTES or plane["at"] + plane["bytes"] > self.end:
            raise DamagedFileError(f"{self.path} places the part {name} outside of the file")
        return plane
