"""Which colours two pictures have in common, by name: what a share of CIELAB bins means to a person."""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from core.encoders.histogram import bin_centres, to_srgb

# Hue angles in CIELAB, in degrees, up to which a colour has this name: about half-way between the usual focal colours
# (red 27, orange 60, yellow 95, green 140, turquoise 195, blue 265 to 300, violet 315).
_HUES = ((15, "pink"), (45, "red"), (75, "orange"), (110, "yellow"), (165, "green"), (220, "turquoise"), (305, "blue"))
_GREY = 9.0  # chroma below which a colour has no hue


@dataclass(frozen=True)
class SharedColour:
    """A colour that both pictures have.

    Attributes:
        name: such as "dark brown".
        rgb: sRGB, each 0..255.
        share: of either picture's area, 0..1.
    """

    name: str
    rgb: tuple[int, int, int]
    share: float


def shared_colours(first: NDArray[np.float32], second: NDArray[np.float32], count: int = 5) -> list[SharedColour]:
    """Return the colours that both have most in common, largest share first, those of one name taken together.

    Args:
        first: (800,) shares of `core.encoders.histogram.colour_shares`.
        second: (800,) likewise.
        count: at most so many; shares below one in a hundred are left out.
    """
    common = np.minimum(first, second)
    names = _names()
    found = []
    for name in dict.fromkeys(names):
        bins = np.array([one == name for one in names])
        share = float(common[bins].sum())
        if share >= 0.01:
            middle = (common[bins, None] * bin_centres()[bins]).sum(axis=0) / share
            red, green, blue = (int(value) for value in to_srgb(middle.astype(np.float32)))
            found.append(SharedColour(name, (red, green, blue), share))
    return sorted(found, key=lambda colour: -colour.share)[:count]


def colour_name(lab: NDArray[np.float32]) -> str:
    """Return the name of a CIELAB colour: black, grey, dark brown, light blue, ..."""
    lightness, a, b = (float(value) for value in lab)
    chroma, hue = math.hypot(a, b), math.degrees(math.atan2(b, a)) % 360
    if lightness < 6 or (lightness < 14 and chroma < 14):
        return "black"
    if chroma < _GREY:
        limits = ((32, "dark grey"), (62, "grey"), (85, "light grey"))
        return next((name for limit, name in limits if lightness < limit), "white")
    name = next((name for limit, name in _HUES if hue < limit), "violet" if hue < 335 else "pink")
    if name in ("orange", "yellow") and chroma < 32 and lightness > 65:
        return "cream" if lightness > 80 else "beige"
    if name == "orange" and lightness < 65:
        return "dark brown" if lightness < 26 else "brown"
    if name == "yellow" and lightness < 75:
        return "olive" if lightness < 45 else "ochre"
    return f"dark {name}" if lightness < 35 else f"light {name}" if lightness > 75 and name != "yellow" else name


@cache
def _names() -> tuple[str, ...]:
    return tuple(colour_name(lab) for lab in bin_centres())
