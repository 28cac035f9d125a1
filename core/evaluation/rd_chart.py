"""A rate-distortion chart as SVG, without any drawing library."""

import html
import math
from collections.abc import Mapping, Sequence

Curve = Sequence[tuple[float, float]]  # (bytes, value)

_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 90, 12, 40
_COLOURS = {
    "ours": "var(--pm-accent, #2B4C9B)", "webp": "var(--pm-chart-webp, #7A5600)",
    "avif": "var(--pm-chart-avif, #1F7A5C)",
    "jxl": "var(--pm-chart-jxl, #8B3F74)", "jpeg": "var(--pm-chart-jpeg, #5F5D58)",
}  # fmt: skip


def rd_chart(
    curves: Mapping[str, tuple[str, Curve]],
    *,
    unit: str = "PSNR, dB",
    marked: tuple[float, float] | None = None,
    width: int = 760,
    height: int = 360,
    title: str = "Rate and distortion",
) -> str:
    """Return an SVG element; colours follow the page's CSS variables where there are any.

    Args:
        curves: key -> (title, points); the key "ours" is drawn strongest.
        marked: a (bytes, value) point to point out.
    """
    points = [point for _, curve in curves.values() for point in curve]
    if not points:
        raise ValueError("a chart needs points")
    low_x, high_x = math.log10(min(p[0] for p in points)), math.log10(max(p[0] for p in points))
    low_y, high_y = min(p[1] for p in points), max(p[1] for p in points)
    span_x, span_y = max(high_x - low_x, 1e-6), max(high_y - low_y, 1e-6)

    def x(value: float) -> float:
        return _LEFT + (math.log10(value) - low_x) / span_x * (width - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return height - _BOTTOM - (value - low_y) / span_y * (height - _TOP - _BOTTOM)

    parts = [
        f'<svg class="pm-chart" viewBox="0 0 {width} {height}" role="img" aria-label="{html.escape(title)}" '
        'xmlns="http://www.w3.org/2000/svg" font-family="system-ui, sans-serif" font-size="12" fill="currentColor">'
    ]
    for value in _ticks_log(low_x, high_x, wide=width > 500):
        parts.append(_grid(x(value), _TOP, x(value), height - _BOTTOM))
        parts.append(
            f'<text x="{x(value):.1f}" y="{height - _BOTTOM + 16}" text-anchor="middle">{_bytes(value)}</text>'
        )
    for value in _ticks(low_y, high_y):
        parts.append(_grid(_LEFT, y(value), width - _RIGHT, y(value)))
        parts.append(f'<text x="{_LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:g}</text>')
    parts.append(f'<text x="{(_LEFT + width - _RIGHT) / 2:.0f}" y="{height - 6}" text-anchor="middle">bytes</text>')
    middle = (_TOP + height - _BOTTOM) / 2
    parts.append(
        f'<text x="14" y="{middle:.0f}" text-anchor="middle" transform="rotate(-90 14 {middle:.0f})">{unit}</text>'
    )
    labels = sorted(((y(curve[-1][1]), key) for key, (_, curve) in curves.items() if curve), key=lambda one: one[0])
    heights = _apart([at for at, _ in labels], 15)
    for (_, key), at in zip(labels, heights, strict=True):
        name, curve = curves[key]
        ordered = sorted(curve)
        path = " ".join(f"{x(rate):.1f},{y(value):.1f}" for rate, value in ordered)
        colour, strength = _COLOURS.get(key, "currentColor"), 2.5 if key == "ours" else 1.5
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{strength}"/>')
        parts += [f'<circle cx="{x(r):.1f}" cy="{y(v):.1f}" r="2.5" fill="{colour}"/>' for r, v in ordered]
        weight = "600" if key == "ours" else "400"
        text = f'<text x="{width - _RIGHT + 10}" y="{at + 4:.1f}" fill="{colour}" font-weight="{weight}">'
        parts.append(f"{text}{html.escape(name)}</text>")
    if marked:
        parts.append(
            f'<circle cx="{x(marked[0]):.1f}" cy="{y(marked[1]):.1f}" r="6" fill="none" stroke="{_COLOURS["ours"]}" '
            'stroke-width="2"/>'
        )
    return "".join([*parts, "</svg>"])


def _grid(x0: float, y0: float, x1: float, y1: float) -> str:
    return (
        f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}" stroke="currentColor" stroke-opacity="0.12"/>'
    )


def _ticks(low: float, high: float) -> list[float]:
    step = 10 ** math.floor(math.log10(max(high - low, 1e-9) / 2))
    step = next(step * factor for factor in (1, 2, 5, 10) if (high - low) / (step * factor) <= 6)
    return [round(step * n, 6) for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _ticks_log(low: float, high: float, *, wide: bool) -> list[float]:
    factors = (1, 2, 5) if wide else (1,)
    values = [factor * 10**power for power in range(math.floor(low), math.ceil(high) + 1) for factor in factors]
    return [value for value in values if low <= math.log10(value) <= high]


def _bytes(value: float) -> str:
    return f"{value:g} B" if value < 1000 else f"{value / 1000:g} kB" if value < 1e6 else f"{value / 1e6:g} MB"


def _apart(positions: list[float], least: float) -> list[float]:
    """Return ascending positions pushed down until neighbours are `least` apart."""
    placed: list[float] = []
    for position in positions:
        placed.append(max(position, placed[-1] + least) if placed else position)
    return placed
