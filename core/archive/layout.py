"""The bytes of a `.pent` file: header, planes, directory, trailer. FORMAT.md says the same in words."""

import mmap
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import cbor2
import numpy as np
from numpy.typing import NDArray

from core.errors import DamagedFileError, VersionError

MAGIC = b"\x89PENT\r\n\x1a"
END_MAGIC = b"PENT.END"
MAJOR, MINOR = 1, 0
_HEADER = struct.Struct("<8sBBHI")  # magic, major, minor, 0, CRC-32 of the 12 bytes before
_TRAILER = struct.Struct("<8sQIII")  # magic, directory's offset, its length, its CRC-32, CRC-32 of the 24 bytes before
HEADER_BYTES, TRAILER_BYTES = _HEADER.size, _TRAILER.size

MOST_DIRECTORY_BYTES = 1 << 26
MOST_NAME_BYTES = 1024
MOST_FIELD_BYTES = 1 << 14  # of one record's metadata, on average
_KINDS = ("u1", "u2", "u4", "u8")


def header() -> bytes:
    """Return the first bytes of a file."""
    start = struct.pack("<8sBBH", MAGIC, MAJOR, MINOR, 0)
    return start + struct.pack("<I", zlib.crc32(start))


def check_header(data: bytes, name: str) -> None:
    """Check a file's first bytes.

    Raises:
        DamagedFileError: they are another file's, or altered.
        VersionError: a newer program wrote them.
    """
    if not data:
        raise DamagedFileError(f"{name} is empty (0 bytes)")
    if data[: len(MAGIC)] != MAGIC:
        raise DamagedFileError(f"{name} is not a .pent archive")
    if len(data) < HEADER_BYTES:
        raise DamagedFileError(f"{name} is truncated: it ends within its header")
    _, major, _, reserved, check = _HEADER.unpack(data[:HEADER_BYTES])
    if check != zlib.crc32(data[: HEADER_BYTES - 4]) or reserved:
        raise DamagedFileError(f"{name} has a damaged header")
    if major > MAJOR:
        raise VersionError(f"{name} has format {major}, this program reads up to {MAJOR}; update it")


def trailer(offset: int, directory: bytes) -> bytes:
    """Return the last bytes of a file, which say where the directory is."""
    start = struct.pack("<8sQII", END_MAGIC, offset, len(directory), zlib.crc32(directory))
    return start + struct.pack("<I", zlib.crc32(start))


def read_trailer(data: bytes | mmap.mmap, end: int) -> tuple[int, int, int] | None:
    """Return the directory's offset, length and CRC if a whole trailer ends at `end`, else None."""
    if end < HEADER_BYTES + TRAILER_BYTES:
        return None
    raw = bytes(data[end - TRAILER_BYTES : end])
    magic, offset, length, check, own = _TRAILER.unpack(raw)
    if magic != END_MAGIC or own != zlib.crc32(raw[:-4]):
        return None
    if length > MOST_DIRECTORY_BYTES or offset < HEADER_BYTES or offset + length > end - TRAILER_BYTES:
        return None
    return offset, length, check


def pack_directory(value: dict[str, Any]) -> bytes:
    """Return the directory's bytes: CBOR, deflated."""
    return zlib.compress(cbor2.dumps(value, canonical=True), 9)


def unpack_directory(data: bytes, name: str) -> dict[str, Any]:
    """Return the directory.

    Raises:
        DamagedFileError: it is not what `pack_directory` makes.
    """
    try:
        value = cbor2.loads(inflate(data, MOST_DIRECTORY_BYTES))
    except (cbor2.CBORDecodeError, ValueError, RecursionError, MemoryError) as error:
        raise DamagedFileError(f"{name} has a damaged directory ({error})") from error
    if not isinstance(value, dict):
        raise DamagedFileError(f"{name} has a damaged directory")
    return value


def pack_integers(values: Sequence[int] | NDArray[Any]) -> tuple[bytes, dict[str, Any]]:
    """Return a column's bytes and its description; a column of one value has no bytes."""
    array = np.asarray(values, dtype=np.uint64)
    if not len(array) or (array == array[0]).all():
        return b"", {"same": int(array[0]) if len(array) else 0}
    largest = int(array.max())
    kind = next(kind for kind in _KINDS if largest <= np.iinfo(kind).max)
    raw = array.astype("<" + kind).tobytes()
    deflated = zlib.compress(raw, 9)
    packed = len(deflated) < len(raw)
    return deflated if packed else raw, {"kind": kind, "packed": packed}


def unpack_integers(data: bytes, plane: dict[str, Any], count: int) -> NDArray[np.int64]:
    """Return (count,) integers.

    Raises:
        ValueError: the bytes are not such a column.
    """
    if "same" in plane:
        return np.full(count, _integer(plane["same"]), dtype=np.int64)
    kind = plane["kind"]
    if kind not in _KINDS:
        raise ValueError(f"unknown kind of integers {kind!r}")
    n_bytes = count * np.dtype(kind).itemsize
    raw = inflate(data, n_bytes) if plane["packed"] else data
    if len(raw) != n_bytes:
        raise ValueError(f"a column has {len(raw)} bytes, expected {n_bytes}")
    array = np.frombuffer(raw, dtype="<" + kind)
    if len(array) and int(array.max()) > np.iinfo(np.int64).max:
        raise ValueError("a column holds a number above 63 bits")
    return array.astype(np.int64)


def pack_cbor(value: Any) -> bytes:
    """Return a value's CBOR, deflated."""
    return zlib.compress(cbor2.dumps(value, canonical=True), 9)


def unpack_cbor(data: bytes, most_bytes: int) -> Any:
    """Return the value.

    Raises:
        ValueError: the bytes are not such a value, or it would have more than `most_bytes`.
    """
    try:
        return cbor2.loads(inflate(data, most_bytes))
    except (cbor2.CBORDecodeError, RecursionError, MemoryError) as error:
        raise ValueError(str(error)) from error


def inflate(data: bytes, most_bytes: int) -> bytes:
    """Return what was deflated.

    Raises:
        ValueError: it is damaged, or has more than `most_bytes`, of which no more are unpacked.
    """
    engine = zlib.decompressobj()
    try:
        raw = engine.decompress(data, most_bytes + 1)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if len(raw) > most_bytes or not engine.eof or engine.unused_data:
        raise ValueError("a part does not have the length that it should")
    return raw


def _integer(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 63:
        raise ValueError(f"not an integer of 63 bits: {value!r}")
    return value
