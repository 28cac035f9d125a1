"""Pictures of every kind come out as upright sRGB, and what is no picture is refused with a sentence."""

import contextlib
import io
import struct
import subprocess
import sys
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage
from PIL import ImageCms, ImageOps

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


def saved(picture: PillowImage.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def jxl(pixels: Image, **options: object) -> bytes:
    pytest.importorskip("pillow_jxl")
    return encoded("JXL", pixels, **options)


def difference(one: Image, other: Image) -> float:
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "BMP", "PPM", "GIF", "JPEG", "JPEG2000", "AVIF"])
def test_every_kind_is_read_from_bytes_and_from_a_file_of_any_name(kind: str, tmp_path: Path) -> None:
    data = encoded(kind)
    path = tmp_path / "picture.txt"
    path.write_bytes(data)
    pixels = imaging.open_image(data)
    assert pixels.shape == (H, W, 3)
    assert pixels.dtype == np.uint8
    assert pixels.flags.writeable
    assert difference(pixels, scene()) < 12  # GIF keeps 256 colours
    assert np.array_equal(pixels, imaging.open_image(path))
    assert np.array_equal(pixels, imaging.open_image(str(path)))
    assert imaging.dimensions(data) == (W, H)
    assert imaging.read(data).kind == kind


def test_jpeg_xl_is_read_where_its_decoder_is_installed() -> None:
    data = jxl(scene(), lossless=True)
    assert np.array_equal(imaging.open_image(data), scene())
    assert imaging.dimensions(data) == (W, H)


@pytest.mark.parametrize("size", [(8, 8), (256, 256), (40, 60), (300, 200), (1200, 800), (77, 1031), (640, 360)])
def test_the_size_of_a_jpeg_xl_picture_is_known_before_it_is_decoded(size: tuple[int, int]) -> None:
    width, height = size
    with pytest.raises(ImageError, match=f"{width} x {height}"):
        imaging.open_image(jxl(scene(height, width)), max_pixels=16)


def test_a_jpeg_inside_jpeg_xl_keeps_its_orientation(tmp_path: Path) -> None:
    pytest.importorskip("pillow_jxl")
    exif = PillowImage.Exif()
    exif[0x0112] = 6
    (tmp_path / "turned.jpg").write_bytes(encoded("JPEG", exif=exif.tobytes()))
    with PillowImage.open(tmp_path / "turned.jpg") as picture:
        data = saved(picture, "JXL", lossless_jpeg=True)
    assert np.array_equal(imaging.open_image(data), imaging.open_image(tmp_path / "turned.jpg"))
    assert imaging.dimensions(data) == (H, W)


def test_a_jpeg_xl_in_a_container_is_known_by_its_size_and_its_own_orientation() -> None:
    exif = PillowImage.Exif()
    exif[0x0112] = 6  # which the standard says to ignore: the codestream has an orientation of its own
    data = jxl(scene(), lossless=True, exif=exif.tobytes())
    assert data.startswith(b"\0\0\0\x0cJXL ")
    assert np.array_equal(imaging.open_image(data), scene())
    with pytest.raises(ImageError, match=f"{W} x {H}"):
        imaging.open_image(data, max_pixels=16)


def test_heic_is_read_where_its_decoder_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stand-in for the decoder, which is optional: it is asked, and its answer shown."""
    answer = PillowImage.fromarray(scene())
    decoder = ModuleType("pillow_heif")
    decoder.register_heif_opener = lambda: monkeypatch.setitem(  # type: ignore[attr-defined]
        PillowImage.OPEN, "HEIF", (lambda *_: answer, None)
    )
    monkeypatch.setitem(sys.modules, "pillow_heif", decoder)
    assert np.array_equal(imaging.open_image(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"), scene())


def test_jpeg_xl_without_its_decoder_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    data = jxl(scene())
    monkeypatch.delitem(PillowImage.OPEN, "JXL")
    monkeypatch.setitem(sys.modules, "pillow_jxl", None)
    with pytest.raises(ImageError, match="pip install pillow-jxl-plugin"):
        imaging.open_image(data)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_the_exif_orientation_is_applied(kind: str, orientation: int) -> None:
    exif = PillowImage.Exif()
    exif[0x0112] = orientation
    options = {"JPEG": {"quality": 95}, "WEBP": {"lossless": True}, "AVIF": {"quality": 95}}.get(kind, {})
    data = saved(PillowImage.fromarray(scene()), kind, exif=exif.tobytes(), **options)
    with PillowImage.open(io.BytesIO(data)) as picture:
        expected = np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
    pixels = imaging.open_image(data)
    assert difference(pixels, expected) < 1
    assert imaging.dimensions(data) == (pixels.shape[1], pixels.shape[0])
    assert pixels.shape[:2] == ((W, H) if orientation >= 5 else (H, W))


def test_a_jpeg_keeps_its_orientation_when_it_is_decoded_at_a_smaller_scale() -> None:
    exif = PillowImage.Exif()
    exif[0x0112] = 6
    picture = imaging.read(encoded("JPEG", scene(400, 800), exif=exif.tobytes()), min_side=100)
    assert picture.pixels.shape == (200, 100, 3)
    assert (picture.width, picture.height) == (400, 800)


def test_a_broken_exif_block_does_not_spoil_the_picture() -> None:
    data = encoded("JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + b"\xff" * 30)
    assert imaging.open_image(data).shape == (H, W, 3)


def test_a_colour_profile_is_converted_to_srgb() -> None:
    swapped = np.ascontiguousarray(scene()[..., ::-1])
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # Exchange the red and blue primaries: pictures with that profile mean the colours of `scene`.
    broken = profile.replace(b"rXYZ", b"tmp_").replace(b"bXYZ", b"rXYZ").replace(b"tmp_", b"bXYZ")
    broken = broken.replace(b"s\0R\0G\0B", b"o\0t\0h\0r").replace(b"sRGB", b"othr")
    assert "srgb" not in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(broken))).lower()
    assert difference(imaging.open_image(encoded("PNG", swapped, icc_profile=broken)), scene()) < 2
    assert difference(imaging.open_image(encoded("PNG", swapped, icc_profile=profile)), swapped) == 0


def test_a_broken_or_foreign_colour_profile_is_ignored() -> None:
    assert np.array_equal(imaging.open_image(encoded("PNG", icc_profile=b"no profile at all")), scene())
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    assert np.array_equal(imaging.open_image(encoded("PNG", icc_profile=lab)), scene())


def test_cmyk_and_lab_become_rgb() -> None:
    rgb = PillowImage.fromarray(scene())
    for kind, tolerance in (("TIFF", 2), ("JPEG", 6)):
        assert difference(imaging.open_image(saved(rgb.convert("CMYK"), kind)), scene()) < tolerance
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    lab = ImageCms.applyTransform(rgb, to_lab)
    assert difference(imaging.open_image(saved(lab, "TIFF")), scene()) < 12  # 8 bits per Lab channel


def test_grey_and_two_level_pictures_become_rgb() -> None:
    grey = PillowImage.fromarray(scene()[..., 0])
    pixels = imaging.open_image(saved(grey, "PNG"))
    assert np.array_equal(pixels, np.repeat(scene()[..., :1], 3, axis=2))
    assert set(np.unique(imaging.open_image(saved(grey.convert("1"), "PNG")))) == {0, 255}


def test_alpha_is_laid_on_white() -> None:
    rgba = np.dstack([scene(), np.full((H, W), 255, np.uint8)])
    rgba[:, : W // 2, 3] = 0
    rgba[:, W // 2 : W // 2 + 4, 3] = 128
    pixels = imaging.open_image(saved(PillowImage.fromarray(rgba), "PNG"))
    assert (pixels[:, : W // 2] == 255).all()
    assert np.array_equal(pixels[:, W // 2 + 4 :], scene()[:, W // 2 + 4 :])
    half = (scene()[:, W // 2 : W // 2 + 4].astype(int) + 255) / 2
    assert np.abs(pixels[:, W // 2 : W // 2 + 4] - half).max() <= 1
    assert np.array_equal(pixels, imaging.open_image(rgba))


def test_grey_with_alpha_and_a_transparent_colour_are_laid_on_white() -> None:
    grey = PillowImage.fromarray(np.zeros((H, W), np.uint8))
    grey.putalpha(0)
    assert (imaging.open_image(saved(grey, "PNG")) == 255).all()
    black = PillowImage.fromarray(np.zeros((H, W, 3), np.uint8))
    assert (imaging.open_image(saved(black, "PNG", transparency=(0, 0, 0))) == 255).all()
    assert (imaging.open_image(saved(black.convert("L"), "PNG", transparency=0)) == 255).all()


def test_a_palette_with_transparency_is_laid_on_white() -> None:
    palette = PillowImage.fromarray(scene()).quantize(16)
    opaque = imaging.open_image(saved(palette, "PNG"))
    assert difference(opaque, scene()) < 30
    index = palette.getpixel((0, 0))
    clear = imaging.open_image(saved(palette, "PNG", transparency=index))
    mask = np.asarray(palette) == index
    assert (clear[mask] == 255).all()
    assert np.array_equal(clear[~mask], opaque[~mask])


def test_sixteen_bits_are_divided_by_257() -> None:
    deep = scene()[..., 0].astype(np.uint16) * 257
    for kind in ("PNG", "TIFF", "PPM"):
        pixels = imaging.open_image(saved(PillowImage.fromarray(deep), kind))
        assert np.abs(pixels[..., 0].astype(int) - scene()[..., 0]).max() <= 1


def test_numbers_beyond_sixteen_bits_are_stretched() -> None:
    real = np.linspace(-5, 900, H * W, dtype=np.float32).reshape(H, W)
    pixels = imaging.open_image(saved(PillowImage.fromarray(real), "TIFF"))
    assert (pixels.min(), pixels.max()) == (0, 255)
    unit = np.linspace(0, 0.5, H * W, dtype=np.float32).reshape(H, W)
    assert imaging.open_image(saved(PillowImage.fromarray(unit), "TIFF")).max() == 128
    unit[0, 0] = np.nan
    assert imaging.open_image(saved(PillowImage.fromarray(unit), "TIFF"))[0, 0, 0] == 0
    constant = np.full((H, W), 1_000_000, np.int32)
    assert imaging.open_image(saved(PillowImage.fromarray(constant), "TIFF")).max() == 0


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_or_several_pages_the_first_is_shown(kind: str) -> None:
    first = PillowImage.fromarray(np.full((H, W, 3), 200, np.uint8))
    rest = [PillowImage.fromarray(np.full((H, W, 3), value, np.uint8)) for value in (0, 50)]
    pixels = imaging.open_image(saved(first, kind, save_all=True, append_images=rest))
    assert np.abs(pixels.astype(int) - 200).max() <= 3


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "array"])
@pytest.mark.parametrize(
    ("size", "min_side", "expected"),
    [
        ((800, 600), 100, (200, 150)),
        ((800, 600), 75, (100, 75)),
        ((800, 600), 300, (400, 300)),
        ((800, 600), 301, (800, 600)),
        ((90, 60), 200, (90, 60)),
    ],
)
def test_every_kind_comes_back_at_the_same_smaller_scale(
    kind: str, size: tuple[int, int], min_side: int, expected: tuple[int, int]
) -> None:
    pixels = scene(size[1], size[0])
    source = pixels if kind == "array" else encoded(kind, pixels)
    small = imaging.open_image(source, min_side=min_side)
    assert small.shape[1::-1] == expected
    assert min(small.shape[:2]) >= min(min_side, *size)
    reference = np.asarray(PillowImage.fromarray(pixels).resize(small.shape[1::-1], PillowImage.Resampling.BOX))
    assert difference(small, reference) < 3


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


def test_many_threads_decode_the_same_as_one() -> None:
    sources = [encoded(kind, scene(90, 70 + at)) for at in range(8) for kind in ("JPEG", "PNG", "TIFF", "GIF", "WEBP")]
    expected = [imaging.open_image(source) for source in sources]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(imaging.open_image, sources * 3))
    assert all(np.array_equal(one, other) for one, other in zip(found, expected * 3, strict=True))


@settings(deadline=None)
@given(
    region=st.tuples(*[st.floats(0, 1, exclude_max=True)] * 2, *[st.floats(0, 1, exclude_min=True)] * 2),
    height=st.integers(2, 50),
    width=st.integers(2, 50),
)
def test_a_region_is_cropped_at_the_pixels_that_it_touches(
    region: tuple[float, float, float, float], height: int, width: int
) -> None:
    x0, y0, x1, y1 = region
    if x0 >= x1 or y0 >= y1:
        with pytest.raises(ValueError, match="region"):
            imaging.crop(scene(height, width), region)
        return
    part = imaging.crop(scene(height, width), region)
    assert part.shape[0] >= 2
    assert part.shape[1] >= 2
    assert (x1 - x0) * width - 1e-9 <= part.shape[1] <= max(2, (x1 - x0) * width + 2)


def test_the_whole_region_is_the_picture_and_a_quarter_is_a_quarter() -> None:
    assert np.array_equal(imaging.crop(scene(), (0, 0, 1, 1)), scene())
    assert np.array_equal(imaging.crop(scene(), (0.5, 0, 1, 0.5)), scene()[: H // 2, W // 2 :])


@pytest.mark.parametrize(
    "region", [(0, 0, 1), (0.5, 0, 0.5, 1), (-0.1, 0, 1, 1), (0, 0, 1.1, 1), (0, float("nan"), 1, 1)]
)
def test_an_impossible_region_is_a_value_error(region: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="region"):
        imaging.crop(scene(), region)  # type: ignore[arg-type]


@settings(deadline=None)
@given(turns=st.integers(-9, 9), mirrored=st.booleans())
def test_turning_is_clockwise_and_mirroring_comes_after_it(turns: int, mirrored: bool) -> None:
    expected = PillowImage.fromarray(scene()).rotate(-90 * turns, expand=True)
    if mirrored:
        expected = ImageOps.mirror(expected)
    assert np.array_equal(imaging.turn(scene(), turns, mirrored), np.asarray(expected))


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1000, 800), (400, 320)),
        ((100, 80), (100, 80)),
        ((20_000, 500), (1280, 32)),
        ((20_000, 2), (1280, 1)),
        ((3, 4000), (1, 320)),
    ],
)
def test_thumbnails_are_bounded_and_never_enlarged(size: tuple[int, int], expected: tuple[int, int]) -> None:
    data = imaging.thumbnail(scene(size[1], size[0]))
    with PillowImage.open(io.BytesIO(data)) as picture:
        assert picture.format == "WEBP"
        assert picture.size == expected
    with pytest.raises(ValueError, match="height"):
        imaging.thumbnail(scene(), 0)


def test_a_thumbnail_looks_like_the_picture() -> None:
    small = imaging.open_image(imaging.thumbnail(scene(640, 960)))
    reference = np.asarray(PillowImage.fromarray(scene(640, 960)).resize((480, 320), PillowImage.Resampling.BOX))
    assert difference(small, reference) < 4  # WebP at quality 82 with half the colour resolution


def test_importing_the_module_decodes_nothing_and_is_silent() -> None:
    code = "import core.imaging, sys; print('torch' in sys.modules, 'PIL.JpegImagePlugin' in sys.modules)"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
    assert not done.stderr
