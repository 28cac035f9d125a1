"""One coded picture of any mode: our stream, an AVIF or JPEG XL payload where that is smaller, or lossless."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from core.codec import avif_payload
from core.codec.lossless import decode_lossless, encode_lossless
from core.codec.model import MOST_SIDE, LearnedCodec, Stream
from core.codec.other_formats import at_quality
from core.codec.pixels import Pixels
from core.codec.quality import psnr
from core.errors import DamagedFileError, ImageError
from core.imaging_open import decoding, opened
from core.types import Image

_JXL_MAGIC = b"\xff\x0a"


class Mode(IntEnum):
    """How a picture is coded; the number is what a file holds."""

    LEARNED = 0
    AVIF = 1
    JXL = 2
    LOSSLESS = 3

    @property
    def title(self) -> str:
        return {"LEARNED": "learned", "AVIF": "AVIF payload", "JXL": "JPEG XL payload", "LOSSLESS": "lossless"}[
            self.name
        ]


@dataclass(frozen=True)
class Coded:
    """One coded picture; `position` is 0 where the mode has no quality of ours."""

    mode: Mode
    position: int
    width: int
    height: int
    data: bytes


def encode(
    codec: LearnedCodec, pictures: Sequence[Pixels], position: int | None, *, others: bool = False
) -> list[Coded]:
    """Code pictures of any sizes and kinds, RGB in batches.

    Args:
        position: the quality's; None for lossless.
        others: also try AVIF and JPEG XL at the same PSNR, and keep the smallest.
    """
    coded: list[Coded | None] = [None] * len(pictures)
    learned = [row for row, picture in enumerate(pictures) if position is not None and is_rgb(picture)]
    if position is not None and learned:
        streams = codec.encode([pictures[row] for row in learned], position)  # type: ignore[misc]
        for row, stream in zip(learned, streams, strict=True):
            coded[row] = Coded(Mode.LEARNED, stream.position, stream.width, stream.height, stream.data)
        if others:
            restored = codec.decode(streams)
            for row, picture in zip(learned, restored, strict=True):
                ours = coded[row]
                if ours is not None:
                    coded[row] = _smallest(pictures[row], picture, ours)  # type: ignore[arg-type]
    return [one if one is not None else lossless(pictures[row]) for row, one in enumerate(coded)]


def lossless(pixels: Pixels) -> Coded:
    """Code a picture without loss."""
    return Coded(Mode.LOSSLESS, 0, pixels.shape[1], pixels.shape[0], encode_lossless(pixels))


def decode(codec: LearnedCodec, records: Sequence[Coded]) -> list[Pixels]:
    """Restore pictures; the learned ones in batches.

    Raises:
        DamagedFileError: a record cannot be decoded, or is not of the size that it says.
    """
    pictures: list[Pixels | None] = [None] * len(records)
    learned = [row for row, record in enumerate(records) if record.mode == Mode.LEARNED]
    streams = [Stream(r.data, r.position, r.width, r.height) for r in (records[row] for row in learned)]
    for row, picture in zip(learned, codec.decode(streams), strict=True):
        pictures[row] = picture
    for row, record in enumerate(records):
        if record.mode != Mode.LEARNED:
            pictures[row] = _decode_standard(record)
    return [picture for picture in pictures if picture is not None]


def is_rgb(pixels: Pixels) -> bool:
    """Tell whether the learned mode can code these samples."""
    return pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3


def _smallest(picture: Image, restored: Image, ours: Coded) -> Coded:
    """Return the smallest payload of at least our PSNR: ours, AVIF's or JPEG XL's, or the lossless one."""
    reached = psnr(picture, restored)
    best = ours
    for name, mode in (("avif", Mode.AVIF), ("jxl", Mode.JXL)):
        rival = at_quality(picture, name, lambda other: psnr(picture, other) >= reached)
        payload = avif_payload.strip(rival.data) if mode == Mode.AVIF else _without_magic(rival.data)
        if rival.fits and payload is not None and len(payload) < len(best.data):
            best = Coded(mode, 0, ours.width, ours.height, payload)
    exact = lossless(picture)
    return exact if len(exact.data) <= len(best.data) else best


def _without_magic(data: bytes) -> bytes | None:
    return data[len(_JXL_MAGIC) :] if data.startswith(_JXL_MAGIC) else None


def _decode_standard(record: Coded) -> Pixels:
    limit = record.width * record.height
    if not (1 <= record.width <= MOST_SIDE and 1 <= record.height <= MOST_SIDE):
        raise DamagedFileError(f"the record's size {record.width}x{record.height} cannot be")
    if record.mode == Mode.LOSSLESS:
        pixels = decode_lossless(record.data, max_pixels=limit)
    else:
        file = (
            avif_payload.wrap(record.data, record.width, record.height)
            if record.mode == Mode.AVIF
            else _JXL_MAGIC + record.data
        )
        try:
            with opened(file, "the record", limit) as (picture, _), decoding("the record"):
                pixels = np.array(picture.convert("RGB"))
        except ImageError as error:
            raise DamagedFileError(f"the record cannot be decoded ({error})") from error
    if pixels.shape[:2] != (record.height, record.width):
        found = f"{pixels.shape[1]}x{pixels.shape[0]}"
        raise DamagedFileError(f"the record holds a picture of {found}, it says {record.width}x{record.height}")
    return pixels
