"""Pictures of every kind come out as upright sRGB."""

import io
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import ImageCms, ImageOps

from core import imaging
from core.errors import ImageError
from core.types import Image

H, W = 40, 60


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


def test_many_threads_decode_the_same_as_one() -> None:
    sources = [encoded(kind, scene(90, 70 + at)) for at in range(8) for kind in ("JPEG", "PNG", "TIFF", "GIF", "WEBP")]
    expected = [imaging.open_image(source) for source in sources]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(imaging.open_image, sources * 3))
    assert all(np.array_equal(one, other) for one, other in zip(found, expected * 3, strict=True))
