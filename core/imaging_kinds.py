"""What a file is, told from its first bytes and never from its name."""

import struct

HEAD_BYTES = 4096  # what `kind_of` needs at most

# Kinds that Pillow opens, by the name of its plugin.
READABLE = frozenset({"JPEG", "PNG", "GIF", "WEBP", "AVIF", "TIFF", "BMP", "PPM", "JPEG2000", "JXL", "HEIC"})

REFUSED = {
    "SVG": "is an SVG drawing, which has no pixels; export it as PNG",
    "PDF": "is a PDF document, not a picture; export its page as PNG or JPEG",
    "HTML": "is a web page, not a picture; the download probably failed",
    "GZIP": "is a compressed file, not a picture; unpack it first",
    "ZIP": "is a ZIP archive, not a picture; unpack it first",
    "VIDEO": "is a video, not a picture",
    "POSTSCRIPT": "is a PostScript file, not a picture; export it as PNG",
}

_HEIC_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"}
_STARTS: list[tuple[bytes, str]] = [
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"BM", "BMP"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG2000"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JXL"),
    (b"\xff\x0a", "JXL"),
    (b"%!PS", "POSTSCRIPT"),
    (b"\x1f\x8b", "GZIP"),
    (b"PK\x03\x04", "ZIP"),
    (b"\x1aE\xdf\xa3", "VIDEO"),
]


def kind_of(head: bytes) -> str | None:
    """Return a name of `READABLE` or `REFUSED`, or None when the bytes are of nothing known here.

    Args:
        head: the first `HEAD_BYTES` of the file, or all of a shorter one.
    """
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        return _iso_brand(head)
    if len(head) > 2 and head[:1] == b"P" and head[1:2] in b"123456" and head[2:3] in b" \t\r\n#":
        return "PPM"
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if b"%PDF-" in head[:1024]:
        return "PDF"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return "HTML"
    if text.startswith(b"<") and b"<svg" in text:
        return "SVG"
    return None


def jxl_size(data: bytes) -> tuple[int, int]:
    """Return (width, height) from a JPEG XL header, as stored (not turned).

    The only decoder at hand decodes the whole picture when it opens a file, so the size must be known before.
    Layout: ISO/IEC 18181-1, SizeHeader.

    Raises:
        ValueError: there is no such header.
    """
    stream = data if data.startswith(b"\xff\x0a") else _jxl_codestream(data)
    if not stream.startswith(b"\xff\x0a") or len(stream) < 12:
        raise ValueError("no JPEG XL codestream")
    bits = int.from_bytes(stream[2:14], "little")

    def take(count: int) -> int:
        nonlocal bits
        value = bits & ((1 << count) - 1)
        bits >>= count
        return value

    def side(is_small: int) -> int:
        return (take(5) + 1) * 8 if is_small else take((9, 13, 18, 30)[take(2)]) + 1

    is_small = take(1)
    height = side(is_small)
    ratio = take(3)
    if ratio == 0:
        return side(is_small), height
    numerator, denominator = [(1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1)][ratio - 1]
    return height * numerator // denominator, height


def _iso_brand(head: bytes) -> str:
    end = max(16, min(len(head), int.from_bytes(head[:4], "big")))
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, end, 4))}
    if brands & {b"avif", b"avis"}:
        return "AVIF"
    return "HEIC" if brands & _HEIC_BRANDS else "VIDEO"


def _jxl_codestream(data: bytes) -> bytes:
    """Return the start of the codestream that a container of boxes holds."""
    at = 0
    while at + 16 <= len(data):
        length, name = struct.unpack(">I4s", data[at : at + 8])
        start = at + 8
        if length == 1:
            length, start = int.from_bytes(data[at + 8 : at + 16], "big"), at + 16
        if name == b"jxlc":
            return data[start : start + 64]
        if name == b"jxlp":  # a part: four bytes of number precede it
            return data[start + 4 : start + 68]
        if length < 8:
            break
        at += length
    return b""
