"""Reading pictures exactly: RGB for the learned mode, and grey, alpha and 16 bits for the lossless mode."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageOps

from core.errors import ImageError
from core.imaging import open_image
from core.imaging_open import decoding, opened

Pixels = NDArray[np.uint8] | NDArray[np.uint16]  # (H, W) grey, (H, W, 2) grey and alpha, (H, W, 3) RGB, (H, W, 4) RGBA

_EXACT_MODES = ("L", "LA", "RGBA", "I;16")
_DEEP_PNG_TYPES = {2: "colour", 4: "grey with alpha", 6: "colour with alpha"}


def read_pixels(source: Path | bytes, *, max_pixels: int | None = None) -> Pixels:
    """Return a picture's samples, upright, without dropping any.

    RGB comes through `core.imaging.open_image` (colour profile applied). Grey, alpha and 16-bit grey come as they
    are stored; palettes become RGB or RGBA, which changes no sample.

    Raises:
        ImageError: it cannot be read, or has samples that no mode here keeps (16-bit colour, CMYK, floats, animation).
    """
    name = "the picture" if isinstance(source, bytes) else str(source)
    with opened(source, name, max_pixels) as (picture, kind), decoding(name):
        if kind == "PNG":
            _refuse_deep_png(source, name)
        if getattr(picture, "n_frames", 1) > 1:
            raise ImageError(f"{name} has several frames; an animation or a stack is not compressed")
        mode = picture.mode
        if mode == "1":
            picture, mode = picture.convert("L"), "L"
        if mode in ("P", "PA"):
            mode = "RGBA" if "transparency" in picture.info or mode == "PA" else "RGB"
            picture = picture.convert(mode)
        if mode in ("L", "RGB") and "transparency" in picture.info:
            mode = "RGBA" if mode == "RGB" else "LA"
            picture = picture.convert(mode)
        if mode in _EXACT_MODES:
            upright = ImageOps.exif_transpose(picture)
            return np.array(upright)
        if mode not in ("RGB", "YCbCr"):
            raise ImageError(
                f"{name} has samples of kind {mode}, which would be changed by compressing; convert it to RGB"
            )
        if kind == "TIFF" and _is_deep_tiff(picture):
            raise ImageError(f"{name} has 16-bit colour, which would be changed by compressing; convert it to 8 bits")
    return open_image(source, max_pixels=max_pixels)


def to_pillow(pixels: Pixels) -> PillowImage.Image:
    """Return Pillow's picture of the same samples."""
    return PillowImage.fromarray(pixels)


def describe_kind(pixels: Pixels) -> str:
    """Return words for the kind of samples, such as "8-bit RGB"."""
    bits = pixels.dtype.itemsize * 8
    names = {1: "grey", 2: "grey with alpha", 3: "RGB", 4: "RGB with alpha"}
    return f"{bits}-bit {names[1 if pixels.ndim == 2 else pixels.shape[2]]}"


def _refuse_deep_png(source: Path | bytes, name: str) -> None:
    """Pillow opens 16-bit colour as 8-bit without a word; the header tells."""
    if isinstance(source, bytes):
        head = source[:26]
    else:
        with Path(source).open("rb") as file:
            head = file.read(26)
    depth, kind = head[24], head[25]
    if depth == 16 and kind in _DEEP_PNG_TYPES:
        raise ImageError(
            f"{name} has 16-bit {_DEEP_PNG_TYPES[kind]}, which would be changed by compressing; convert it to 8 bits"
        )


def _is_deep_tiff(picture: PillowImage.Image) -> bool:
    bits = getattr(picture, "tag_v2", {}).get(258, 8)  # BitsPerSample
    return max(bits) > 8 if isinstance(bits, tuple) else int(bits) > 8
