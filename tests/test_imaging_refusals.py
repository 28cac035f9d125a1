"""What is no picture, or a damaged, too large or too small one, is refused with a sentence."""

import contextlib
import io
import struct
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage

from core import imaging
from core.errors import ImageError
from core.types import Image

H, W = 40, 60
STARTS = [
    *(b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"II*\0", b"BM", b"RIFF....WEBP", b"\xff\x0a", b"P6 "),
    b"\0\0\0\x20ftypavif",
]


def scene(height: int = H, width: int = W) -> Image:
    """A smooth picture of which no turned or mirrored version looks the same."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([255 * x / width, 255 * y / height, 128 + 0 * x], axis=2).astype(np.uint8)


def encoded(kind: str, pixels: Image | None = None, **options: object) -> bytes:
    buffer = io.BytesIO()
    PillowImage.fromarray(scene() if pixels is None else pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def jxl(pixels: Image, **options: object) -> bytes:
    pytest.importorskip("pillow_jxl")
    return encoded("JXL", pixels, **options)


@pytest.mark.parametrize("size", [(8, 8), (256, 256), (40, 60), (300, 200), (1200, 800), (77, 1031), (640, 360)])
def test_the_size_of_a_jpeg_xl_picture_is_known_before_it_is_decoded(size: tuple[int, int]) -> None:
    width, height = size
    with pytest.raises(ImageError, match=f"{width} x {height}"):
        imaging.open_image(jxl(scene(height, width)), max_pixels=16)


def test_jpeg_xl_without_its_decoder_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    data = jxl(scene())
    monkeypatch.delitem(PillowImage.OPEN, "JXL")
    monkeypatch.setitem(sys.modules, "pillow_jxl", None)
    with pytest.raises(ImageError, match="pip install pillow-jxl-plugin"):
        imaging.open_image(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF"])
def test_a_picture_that_is_cut_off_anywhere_is_refused(kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    data = encoded(kind, noise)
    for share in (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97):
        with pytest.raises(ImageError):
            imaging.open_image(data[: int(len(data) * share)])


def test_a_jpeg_that_is_cut_off_is_refused_at_a_smaller_scale_too() -> None:
    data = encoded("JPEG", scene(800, 1200))
    for share in (0.2, 0.5, 0.8, 0.97):
        with pytest.raises(ImageError, match="truncated"):
            imaging.open_image(data[: int(len(data) * share)], min_side=100)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF"])
@pytest.mark.parametrize("min_side", [None, 8])
def test_no_cut_is_ever_shown_as_a_half_grey_picture(kind: str, min_side: int | None) -> None:
    for pixels in (scene(48, 64), np.full((48, 64, 3), 90, np.uint8)):
        data = encoded(kind, pixels)
        whole = imaging.open_image(data, min_side=min_side)
        for length in range(1, len(data), max(1, len(data) // 40)):
            with contextlib.suppress(ImageError):
                assert np.array_equal(imaging.open_image(data[:length], min_side=min_side), whole)


def test_bytes_after_the_end_of_a_picture_do_no_harm() -> None:
    for kind in ("JPEG", "PNG", "GIF", "WEBP"):
        data = encoded(kind)
        assert np.array_equal(imaging.open_image(data + b"appended" * 1000), imaging.open_image(data))


@settings(deadline=None)
@given(data=st.binary(max_size=200), start=st.sampled_from(STARTS))
def test_junk_is_refused_and_never_raises_anything_else(data: bytes, start: bytes) -> None:
    with pytest.raises(ImageError):
        imaging.open_image(start + data)


@settings(deadline=None)
@given(st.data())
def test_a_damaged_picture_is_read_or_refused_and_never_raises_anything_else(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["JPEG", "PNG", "GIF", "TIFF", "WEBP", "BMP", "AVIF", "JPEG2000"]))
    content = bytearray(encoded(kind))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ImageError):
        assert imaging.open_image(bytes(content)).dtype == np.uint8


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", r"empty \(0 bytes\)"),
        (b"hello", "not a picture"),
        (b"%PDF-1.7 ...", "PDF document"),
        (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "SVG drawing"),
        (b"<svg></svg>", "SVG drawing"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (b"PK\x03\x04....", "ZIP archive"),
        (b"\x1f\x8b....", "compressed file"),
        (b"%!PS-Adobe", "PostScript"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "video"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
    ],
)
def test_what_is_no_picture_is_named(data: bytes, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(data)
    for source in (data, path):
        with pytest.raises(ImageError, match=sentence):
            imaging.open_image(source)
    with pytest.raises(ImageError, match=str(path)):
        imaging.dimensions(path)


def test_what_cannot_be_opened_is_named(tmp_path: Path) -> None:
    for path, sentence in (
        (tmp_path / "no.jpg", "does not exist"),
        (tmp_path, "folder"),
        (Path("/dev/null"), "device"),
    ):
        with pytest.raises(ImageError, match=sentence):
            imaging.open_image(path)
    for path in ("a\0b", "x" * 300):
        with pytest.raises(ImageError, match="cannot be read"):
            imaging.open_image(path)


def png_header(width: int, height: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def test_a_decompression_bomb_is_refused_from_its_header() -> None:
    with pytest.raises(ImageError, match=r"20000 x 20000 pixels \(400 million\); pictures above 200 million"):
        imaging.open_image(png_header(20_000, 20_000))
    with pytest.raises(ImageError, match="2000000000 x"):
        imaging.dimensions(png_header(2_000_000_000, 2_000_000_000))
    with pytest.raises(ImageError, match="above"):
        imaging.open_image(scene(), max_pixels=H * W - 1)
    assert imaging.open_image(encoded("PNG"), max_pixels=H * W).shape == (H, W, 3)


def test_a_picture_larger_than_pillows_own_limit_is_judged_by_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PillowImage, "MAX_IMAGE_PIXELS", 10)
    assert imaging.open_image(encoded("PNG")).shape == (H, W, 3)


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1)])
def test_a_single_row_column_or_pixel_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ImageError, match="at least 2 x 2"):
        imaging.open_image(encoded("PNG", scene(*size)))
    assert imaging.open_image(encoded("PNG", scene(2, 2))).shape == (2, 2, 3)


def test_a_tiff_of_many_bands_is_refused_with_the_way_out() -> None:
    with pytest.raises(ImageError, match=r"13 bands.*gdal_translate"):
        imaging.open_image(tiff(13))


def test_of_four_bands_that_are_not_said_to_be_alpha_the_first_three_are_shown() -> None:
    pixels = imaging.open_image(tiff(4))
    assert pixels[0, 0].tolist() == [10, 20, 30]


def tiff(bands: int, side: int = 8) -> bytes:
    """An uncompressed RGB TIFF whose further bands are unspecified samples; band b has the value 10 (b + 1)."""
    pixels = bytes(10 * (band + 1) for band in range(bands)) * (side * side)
    extra = bands - 3
    entries = [
        (256, 3, 1, side), (257, 3, 1, side), (258, 3, bands, None), (259, 3, 1, 1), (262, 3, 1, 2), (273, 4, 1, None),
        (277, 3, 1, bands), (278, 3, 1, side), (279, 4, 1, len(pixels)), (284, 3, 1, 1),
        (338, 3, extra, None if extra > 2 else 0),
    ]  # fmt: skip
    after = 8 + 2 + 12 * len(entries) + 4
    tail = struct.pack(f"<{bands}H", *[8] * bands) + struct.pack(f"<{extra}H", *[0] * extra)
    places = {258: after, 338: after + 2 * bands, 273: after + len(tail)}
    directory = struct.pack("<H", len(entries))
    for tag, kind, count, value in entries:
        directory += struct.pack("<HHII", tag, kind, count, places[tag] if value is None else value)
    return b"II*\0" + struct.pack("<I", 8) + directory + struct.pack("<I", 0) + tail + pixels


def test_arrays_of_other_kinds_are_refused() -> None:
    assert imaging.open_image(scene()[..., 0]).shape == (H, W, 3)
    with pytest.raises(TypeError, match="uint8"):
        imaging.open_image(scene().astype(np.float32))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="shape"):
        imaging.open_image(np.zeros((4, 4, 2), np.uint8))
    with pytest.raises(ValueError, match="min_side"):
        imaging.open_image(scene(), min_side=0)


def test_no_warning_reaches_the_console_even_where_warnings_are_errors() -> None:
    exif = b"Exif\0\0II*\0\x08\0\0\0" + b"\xff" * 40
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        imaging.open_image(encoded("JPEG", exif=exif))
        imaging.dimensions(encoded("TIFF"))
