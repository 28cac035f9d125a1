"""The lossless mode: the smallest of JPEG XL, PNG and WebP that gives back every sample."""

import io

import numpy as np

from core.codec.pixels import Pixels, to_pillow
from core.errors import DamagedFileError
from core.imaging_open import BROKEN

_KINDS: dict[str, tuple[str, ...]] = {  # Pillow mode: formats that keep it
    "L": ("JXL", "PNG"),
    "LA": ("JXL", "PNG"),
    "I;16": ("JXL", "PNG"),
    "RGB": ("JXL", "WEBP", "PNG"),
    "RGBA": ("JXL", "WEBP", "PNG"),
}
_OPTIONS: dict[str, dict[str, object]] = {
    "JXL": {"lossless": True, "effort": 7, "num_threads": 1},
    "WEBP": {"lossless": True, "exact": True, "quality": 80},
    "PNG": {"optimize": True},
}


def encode_lossless(pixels: Pixels) -> bytes:
    """Return a picture file's bytes from which `decode_lossless` gives the same array back (checked).

    Raises:
        ValueError: the array is of no kind that is kept.
    """
    import pillow_jxl  # noqa: F401 (registers its format)

    picture = to_pillow(pixels)
    if picture.mode not in _KINDS:
        raise ValueError(f"pixels must be grey, grey with alpha, RGB, RGBA or 16-bit grey, got mode {picture.mode}")
    candidates = []
    for kind in _KINDS[picture.mode]:
        buffer = io.BytesIO()
        picture.save(buffer, kind, **_OPTIONS[kind])
        candidates.append(buffer.getvalue())
    for data in sorted(candidates, key=len):
        restored = decode_lossless(data)
        if restored.dtype == pixels.dtype and np.array_equal(restored, pixels):
            return data
    raise ValueError(f"no lossless format kept a picture of mode {picture.mode} and size {picture.size}")


def decode_lossless(data: bytes, *, max_pixels: int | None = None) -> Pixels:
    """Return the samples.

    Raises:
        DamagedFileError: the bytes are no picture of a lossless kind, or one larger than `max_pixels`.
    """
    import pillow_jxl  # noqa: F401 (registers its format)

    from core.errors import ImageError
    from core.imaging_open import decoding, opened

    try:
        with opened(data, "the record", max_pixels) as (picture, kind), decoding("the record"):
            if kind not in _OPTIONS:
                raise DamagedFileError(f"the record holds a {kind} picture, which is not a lossless one")
            if picture.mode not in _KINDS:
                raise DamagedFileError(f"the record holds samples of kind {picture.mode}")
            return np.array(picture)
    except (ImageError, *BROKEN) as error:
        raise DamagedFileError(f"the record cannot be decoded ({error})") from error
