"""Standard formats to compare with: JPEG, WebP, AVIF and JPEG XL at a quality or at a number of bytes."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image as PillowImage

from core.codec import avif_payload
from core.types import Image

TITLES = {"jpeg": "JPEG", "webp": "WebP", "avif": "AVIF", "jxl": "JPEG XL"}
QUALITIES: dict[
    str, tuple[float, ...]
] = {  # settings from the smallest file on that a rate-distortion curve is made of
    "jpeg": (1, 2, 4, 6, 8, 10, 15, 20, 30, 40, 55, 75),
    "webp": (0, 0.1, 0.4, 1, 3, 6, 10, 16, 25, 40, 55, 70, 80),
    "avif": (0, 2, 5, 8, 12, 18, 25, 35, 45, 55, 65),
    "jxl": (0, 5, 10, 18, 26, 34, 44, 54, 64, 74, 84),
}
_HIGHEST = {"jpeg": 95, "webp": 100, "avif": 100, "jxl": 99}
_STEPS = {"webp": 16}  # settings between two whole numbers: from 0 to 1 a WebP file nearly doubles
_OPTIONS: dict[str, dict[str, object]] = {
    "jpeg": {"optimize": True, "subsampling": "4:2:0"},
    "webp": {"method": 6},
    "avif": {"speed": 6, "subsampling": "4:2:0", "max_threads": 1},
    "jxl": {"effort": 7, "num_threads": 1},
}
_PILLOW_NAMES = {"jpeg": "JPEG", "webp": "WEBP", "avif": "AVIF", "jxl": "JXL"}


@dataclass(frozen=True)
class Comparison:
    """What a format makes of a picture.

    Attributes:
        data: the whole file.
        fits: whether it has at most the bytes asked for; if not, it is the smallest that the format can do.
    """

    name: str
    quality: float
    data: bytes
    fits: bool

    @property
    def picture(self) -> Image:
        return decode(self.data, self.name)


def encode(picture: Image, name: str, quality: float) -> bytes:
    """Return a file of the format at its own quality setting, 0 or 1 to about 100; whole numbers but for WebP."""
    if name not in TITLES:
        raise ValueError(f"name must be one of {', '.join(TITLES)}, got {name!r}")
    if name == "jxl":
        import pillow_jxl  # noqa: F401 (registers its format)
    buffer = io.BytesIO()
    PillowImage.fromarray(picture).save(buffer, _PILLOW_NAMES[name], quality=quality, **_OPTIONS[name])
    return buffer.getvalue()


def decode(data: bytes, name: str) -> Image:
    """Return the picture of a file that `encode` made."""
    if name == "jxl":
        import pillow_jxl  # noqa: F401
    with PillowImage.open(io.BytesIO(data), formats=[_PILLOW_NAMES[name]]) as picture:
        return np.array(picture.convert("RGB"))


def bare_payload(data: bytes, name: str) -> int:
    """Return the bytes of a file without its container, where the format has one that can be left out."""
    if name == "avif":
        payload = avif_payload.strip(data)
        return len(payload) if payload is not None else len(data)
    return len(data)


def at_bytes(picture: Image, name: str, n_bytes: int) -> Comparison:
    """Return the format's best file of at most `n_bytes`, or its smallest."""
    return _search(picture, name, lambda data: len(data) <= n_bytes)


def at_quality(picture: Image, name: str, reaches: Callable[[Image], bool]) -> Comparison:
    """Return the format's smallest file whose picture satisfies `reaches`; `fits` is False if none does."""
    low, high = int(QUALITIES[name][0]), _HIGHEST[name]
    best = None
    while low <= high:
        middle = (low + high) // 2
        data = encode(picture, name, middle)
        if reaches(decode(data, name)):
            best, high = Comparison(name, middle, data, True), middle - 1
        else:
            low = middle + 1
    return best or Comparison(name, _HIGHEST[name], encode(picture, name, _HIGHEST[name]), False)


def _search(picture: Image, name: str, fits: Callable[[bytes], bool]) -> Comparison:
    """Find the highest quality whose file fits, taking file sizes as rising with quality."""
    lowest, steps = QUALITIES[name][0], _STEPS.get(name, 1)
    smallest = encode(picture, name, lowest)
    if not fits(smallest):
        return Comparison(name, lowest, smallest, False)
    low, high, best = int(lowest) * steps, _HIGHEST[name] * steps, smallest
    while low < high:
        middle = (low + high + 1) // 2
        data = encode(picture, name, middle / steps if middle % steps else middle // steps)
        if fits(data):
            low, best = middle, data
        else:
            high = middle - 1
    return Comparison(name, low / steps, best, True)
