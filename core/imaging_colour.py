"""Pixels of any mode and colour profile to 8-bit sRGB on white."""

import io
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as PillowImage
from PIL.Image import Image as Pillow

if TYPE_CHECKING:
    from PIL.ImageCms import ImageCmsTransform

_WHITE = (255, 255, 255)


def to_srgb(picture: Pillow) -> Pillow:
    """Return a decoded picture in mode RGB: profile applied, alpha composited on white, 16 bits reduced to 8.

    Rules where a file does not say how it wants to be shown: 16-bit values are divided by 257; 32-bit integers that
    fit in 16 bits likewise; other integers, and real numbers outside 0..1, are stretched from their least to their
    largest value.
    """
    profile = picture.info.get("icc_profile")
    has_transparency = "transparency" in picture.info
    if picture.mode.startswith(("I", "F")):
        return _deep_to_grey(picture).convert("RGB")
    if picture.mode == "LAB":
        return _from_lab().apply(picture)
    if picture.mode in ("P", "PA") or has_transparency or picture.mode in ("RGBa", "La"):
        with_alpha = has_transparency or picture.mode not in ("P",)
        picture = picture.convert("RGBA" if with_alpha else "RGB")
    alpha = picture.getchannel("A") if picture.mode in ("RGBA", "LA") else None
    if picture.mode in ("RGBA", "RGBX"):
        picture = picture.convert("RGB")
    elif picture.mode in ("LA", "1"):
        picture = picture.convert("L")
    colour = _apply(profile, picture) if profile else None
    if colour is None:
        colour = picture if picture.mode == "RGB" else picture.convert("RGB")
    if alpha is None:
        return colour
    on_white = PillowImage.new("RGB", colour.size, _WHITE)
    on_white.paste(colour, mask=alpha)
    return on_white


def _deep_to_grey(picture: Pillow) -> Pillow:
    values = np.asarray(picture).astype(np.float32)  # (H, W)
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    if picture.mode != "F" and low >= 0 and high <= 65535:
        low, high = 0.0, 65535.0
    elif picture.mode == "F" and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    scaled = (np.nan_to_num(values, nan=low, posinf=high, neginf=low) - low) * (255 / (high - low) if high > low else 0)
    return PillowImage.fromarray(np.clip(scaled + 0.5, 0, 255).astype(np.uint8))


def _apply(profile: bytes, picture: Pillow) -> Pillow | None:
    """Return the picture in sRGB; None where the profile says sRGB already, is broken, or is of another mode."""
    transform = _transform(bytes(profile), picture.mode)
    return None if transform is None else transform.apply(picture)


@lru_cache(maxsize=1)
def _from_lab() -> "ImageCmsTransform":
    from PIL import ImageCms

    source, target = (ImageCms.ImageCmsProfile(ImageCms.createProfile(name)) for name in ("LAB", "sRGB"))
    return ImageCms.ImageCmsTransform(source, target, "LAB", "RGB", flags=ImageCms.Flags.NOCACHE)


@lru_cache(maxsize=32)
def _transform(profile: bytes, mode: str) -> "ImageCmsTransform | None":
    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "srgb" in ImageCms.getProfileDescription(source).lower():
            return None
        return ImageCms.ImageCmsTransform(
            source,
            ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.NOCACHE,  # its one-pixel cache is not safe between threads
        )
    except (OSError, ValueError, ImageCms.PyCMSError):
        return None
