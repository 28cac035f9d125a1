"""The AV1 payload of an AVIF file without its container, and the container built around it again.

An AVIF file of one small picture is half container: 271 bytes that follow from the size and three bytes of
configuration. ISO/IEC 23000-22 (MIAF) and the AV1 Image File Format, version 1.1.
"""

import struct

from core.errors import DamagedFileError

_CONFIGURATION = 3  # bytes of av1C that are not constant


def strip(file: bytes) -> bytes | None:
    """Return the payload, or None if the file is not laid out as this encoder's plain pictures are."""
    start = file.find(b"av1C")
    body = file.find(b"mdat")
    size = file.find(b"ispe")
    if min(start, body, size) < 0:
        return None
    width, height = struct.unpack(">II", file[size + 8 : size + 16])
    payload = file[start + 5 : start + 8] + file[body + 4 :]
    return payload if wrap(payload, width, height) == file else None


def wrap(payload: bytes, width: int, height: int) -> bytes:
    """Return the AVIF file of a payload."""
    if len(payload) <= _CONFIGURATION:
        raise DamagedFileError("the record's AV1 payload is too short")
    configuration, data = payload[:_CONFIGURATION], payload[_CONFIGURATION:]
    properties = b"".join(
        [
            _box(b"ispe", struct.pack(">III", 0, width, height)),
            _box(b"pixi", bytes([0, 0, 0, 0, 3, 8, 8, 8])),
            _box(b"av1C", b"\x81" + configuration),
            _box(b"colr", b"nclx" + struct.pack(">HHHB", 1, 13, 6, 0x80)),
        ]
    )
    ftyp = _box(b"ftyp", b"avif\0\0\0\0avifmif1miafMA1B")

    def meta(offset: int) -> bytes:
        location = struct.pack(">IBBHHHHII", 0, 0x44, 0, 1, 1, 0, 1, offset, len(data))
        entry = _box(b"infe", b"\x02\0\0\0" + struct.pack(">HH", 1, 0) + b"av01Color\0")
        association = struct.pack(">IIHBBBBB", 0, 1, 1, 4, 1, 2, 0x83, 4)
        parts = [
            _box(b"hdlr", bytes(8) + b"pict" + bytes(13)),
            _box(b"pitm", struct.pack(">IH", 0, 1)),
            _box(b"iloc", location),
            _box(b"iinf", struct.pack(">IH", 0, 1) + entry),
            _box(b"iprp", _box(b"ipco", properties) + _box(b"ipma", association)),
        ]
        return _box(b"meta", bytes(4) + b"".join(parts))

    offset = len(ftyp) + len(meta(0)) + 8
    return ftyp + meta(offset) + _box(b"mdat", data)


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content
