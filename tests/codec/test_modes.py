"""Modes beside the learned one: lossless for every kind of sample, standard payloads, refusals by name."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.codec import LearnedCodec, avif_payload, modes, other_formats
from core.codec.lossless import decode_lossless, encode_lossless
from core.codec.modes import Coded, Mode
from core.codec.pixels import describe_kind, read_pixels
from core.codec.quality import psnr
from core.errors import DamagedFileError, ImageError

from .conftest import scene

RNG = np.random.default_rng(0)
KINDS = {
    "8-bit grey": RNG.integers(0, 256, (20, 31), dtype=np.uint8),
    "8-bit grey with alpha": RNG.integers(0, 256, (20, 31, 2), dtype=np.uint8),
    "8-bit RGB": RNG.integers(0, 256, (20, 31, 3), dtype=np.uint8),
    "8-bit RGB with alpha": RNG.integers(0, 256, (20, 31, 4), dtype=np.uint8),
    "16-bit grey": RNG.integers(0, 65536, (20, 31), dtype=np.uint16),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_lossless_mode_gives_every_sample_back(kind: str) -> None:
    restored = decode_lossless(encode_lossless(KINDS[kind]))
    assert restored.dtype == KINDS[kind].dtype
    np.testing.assert_array_equal(restored, KINDS[kind])
    assert describe_kind(restored) == kind


@pytest.mark.parametrize("kind", KINDS)
def test_reading_a_file_drops_no_sample(kind: str, tmp_path: Path) -> None:
    Image.fromarray(KINDS[kind]).save(tmp_path / "picture.png")
    np.testing.assert_array_equal(read_pixels(tmp_path / "picture.png"), KINDS[kind])


def test_sixteen_bit_colour_is_refused_by_name_and_not_made_eight_bit(tmp_path: Path) -> None:
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes(2 * 3 * 4) for _ in range(4))
    header = struct.pack(">IIBBBBB", 4, 4, 16, 2, 0, 0, 0)
    path = tmp_path / "deep.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )
    with pytest.raises(ImageError, match=r"deep\.png has 16-bit colour"):
        read_pixels(path)
    with pytest.raises(ImageError, match="16-bit"):
        read_pixels(path.read_bytes())


def test_cmyk_and_animations_are_refused_by_name(tmp_path: Path) -> None:
    Image.new("CMYK", (8, 8)).save(tmp_path / "print.jpg")
    with pytest.raises(ImageError, match=r"print\.jpg has samples of kind CMYK"):
        read_pixels(tmp_path / "print.jpg")
    frames = [Image.new("L", (8, 8), value) for value in (0, 200)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(ImageError, match="frames"):
        read_pixels(tmp_path / "moving.gif")


def test_a_palette_with_transparency_keeps_it(tmp_path: Path) -> None:
    picture = Image.fromarray(KINDS["8-bit RGB"]).quantize(16)
    picture.info["transparency"] = 3
    picture.save(tmp_path / "palette.png", transparency=3)
    assert read_pixels(tmp_path / "palette.png").shape == (20, 31, 4)


@pytest.mark.parametrize(("height", "width"), [(128, 128), (33, 70), (300, 17)])
def test_an_avif_payload_gets_its_container_back_byte_for_byte(height: int, width: int) -> None:
    file = other_formats.encode(scene(height, width, 1), "avif", 30)
    payload = avif_payload.strip(file)
    assert payload is not None
    assert len(payload) < len(file) - 250
    assert avif_payload.wrap(payload, width, height) == file


def test_grey_goes_lossless_whatever_the_quality_and_rgb_does_not(codec: LearnedCodec) -> None:
    coded = modes.encode(codec, [KINDS["8-bit grey"], scene(40, 40, 0)], 8)
    assert [one.mode for one in coded] == [Mode.LOSSLESS, Mode.LEARNED]
    np.testing.assert_array_equal(modes.decode(codec, coded)[0], KINDS["8-bit grey"])


def test_the_best_of_all_modes_is_never_larger_nor_farther_than_ours(codec: LearnedCodec) -> None:
    flat = np.full((64, 64, 3), 90, np.uint8)
    for picture in (scene(128, 128, 2), flat):
        ours = modes.encode(codec, [picture], 36)[0]
        best = modes.encode(codec, [picture], 36, others=True)[0]
        reached = [psnr(picture, modes.decode(codec, [one])[0]) for one in (ours, best)]  # type: ignore[arg-type]
        assert len(best.data) <= len(ours.data)
        assert best.mode == Mode.LEARNED or reached[1] >= reached[0]


@pytest.mark.parametrize("mode", [Mode.AVIF, Mode.JXL, Mode.LOSSLESS])
def test_standard_payloads_restore_and_a_lie_about_the_size_is_noticed(codec: LearnedCodec, mode: Mode) -> None:
    picture = scene(48, 64, 6)
    if mode == Mode.LOSSLESS:
        data = encode_lossless(picture)
    else:
        file = other_formats.encode(picture, mode.name.lower(), 60)
        data = (avif_payload.strip(file) or b"") if mode == Mode.AVIF else file[2:]
    restored = modes.decode(codec, [Coded(mode, 0, 64, 48, data)])[0]
    assert psnr(picture, restored) > 25  # type: ignore[arg-type]
    lies = [Coded(mode, 0, 0, 48, data), Coded(mode, 0, 64, 48, data[: len(data) // 2])]
    if mode != Mode.AVIF:  # its decoder gives what the container says, which is ours: the size is then no lie
        lies.append(Coded(mode, 0, 48, 48, data))
    for lie in lies:
        with pytest.raises(DamagedFileError):
            modes.decode(codec, [lie])


@pytest.mark.parametrize("name", other_formats.TITLES)
def test_a_format_uses_at_most_the_bytes_asked_for_or_says_that_it_cannot(name: str) -> None:
    picture = scene(128, 128, 7)
    found = other_formats.at_bytes(picture, name, 2500)
    assert found.fits
    assert len(found.data) <= 2500
    assert found.picture.shape == picture.shape
    least = other_formats.at_bytes(picture, name, 20)
    assert not least.fits
    assert len(least.data) > 20


def test_webp_uses_the_bytes_between_its_two_lowest_whole_settings() -> None:
    picture = scene(128, 128, 7)
    fewest, more = (len(other_formats.encode(picture, "webp", quality)) for quality in (0, 1))
    assert more > 1.2 * fewest
    found = other_formats.at_bytes(picture, "webp", (fewest + more) // 2)
    assert fewest < len(found.data) <= (fewest + more) // 2
    assert 0 < found.quality < 1


def test_an_unknown_format_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="jpeg"):
        other_formats.encode(scene(8, 8, 0), "bmp", 3)
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4)).save(buffer, "JPEG")
    with pytest.raises(DamagedFileError, match="not a lossless one"):
        decode_lossless(buffer.getvalue())
