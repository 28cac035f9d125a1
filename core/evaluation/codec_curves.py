"""Rate and distortion of the codec and of standard formats on the same pictures, from files that were really written.

Bytes are means per picture. `stream` is the range coder's output; `record` adds the record's share of names, sizes,
lengths and checksums; `archive` is the file's size divided by its pictures. Search codes are left out of all three.
"""

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from core.archive import writer
from core.archive.reader import Archive
from core.archive.unpack import restore
from core.codec import other_formats, quality
from core.codec.model import LearnedCodec
from core.codec.modes import Coded, Mode
from core.errors import DamagedFileError
from core.settings import Settings
from core.types import Image, Json, Progress, no_progress

DEFAULT_QUALITIES = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0)
COMPARED_RATES = (0.1, 0.2, 0.3, 0.4, 0.5)  # bits per pixel of whole files at which formats are set side by side


@dataclass(frozen=True)
class CurvePoint:
    """One setting of a coder: means over the pictures; bytes are whole files' but for `payload_bytes`."""

    setting: float
    bytes: float
    payload_bytes: float
    psnr_db: float
    ssim: float
    ms_ssim: float


@dataclass(frozen=True)
class CodecRow:
    """One quality of ours."""

    quality: float
    stream_bytes: float
    record_bytes: float
    archive_bytes: float
    psnr_db: float
    ssim: float
    ms_ssim: float
    bits_per_pixel: float
    encode_ms: float
    decode_ms: float


def codec_rows(
    codec: LearnedCodec,
    pictures: Sequence[tuple[str, Image]],
    settings: Settings,
    *,
    qualities: Sequence[float] = DEFAULT_QUALITIES,
    progress: Progress = no_progress,
) -> list[CodecRow]:
    """Measure our learned mode: each quality is written to an archive and restored from that file alone."""
    rows = []
    images = [image for _, image in pictures]
    pixels = sum(image.shape[0] * image.shape[1] for image in images)
    with tempfile.TemporaryDirectory() as folder:
        for number, chosen in enumerate(qualities):
            path = Path(folder) / f"{number}.pent"
            started = time.perf_counter()
            streams = codec.encode(images, codec.position_of(chosen))
            encode_s = time.perf_counter() - started
            with writer.create(path, codec_sha256=codec.sha256) as archive_writer:
                for (name, _), one in zip(pictures, streams, strict=True):
                    archive_writer.add(name, Coded(Mode.LEARNED, one.position, one.width, one.height, one.data))
            with Archive.open(path) as archive:
                started = time.perf_counter()
                restored = restore(archive, codec, range(len(archive)), settings)
                decode_s = time.perf_counter() - started
                stream_bytes = float(archive.lengths.mean())
                planes = archive.segments[0].planes
                in_planes = sum(plane.get("bytes", 0) for plane in planes.values())
            values = []
            for image, picture in zip(images, restored, strict=True):
                if isinstance(picture, DamagedFileError):
                    raise picture
                values.append(_values(image, picture))  # type: ignore[arg-type]
            means = np.mean(values, axis=0)
            rows.append(
                CodecRow(
                    chosen, stream_bytes, in_planes / len(images), path.stat().st_size / len(images),
                    float(means[0]), float(means[1]), float(means[2]), 8 * stream_bytes * len(images) / pixels,
                    1000 * encode_s / len(images), 1000 * decode_s / len(images),
                )
            )  # fmt: skip
            progress(number + 1, len(qualities), "measuring the codec")
    return rows


def format_points(
    name: str, pictures: Sequence[tuple[str, Image]], *, progress: Progress = no_progress
) -> list[CurvePoint]:
    """Measure a standard format at each of its `other_formats.QUALITIES`."""
    points = []
    settings = other_formats.QUALITIES[name]
    for number, setting in enumerate(settings):
        values = []
        for _, image in pictures:
            data = other_formats.encode(image, name, setting)
            sizes = (len(data), other_formats.bare_payload(data, name))
            values.append((*sizes, *_values(image, other_formats.decode(data, name))))
        points.append(CurvePoint(setting, *(float(mean) for mean in np.mean(values, axis=0))))
        progress(number + 1, len(settings), f"measuring {other_formats.TITLES[name]}")
    return points


def bd_rates(rows: Sequence[CodecRow], points: dict[str, list[CurvePoint]], *, metric: str = "psnr_db") -> Json:
    """Return by how much our bytes differ at equal quality, as fractions: archive bytes against whole files.

    `avif_payload` compares stream bytes with AVIF's payload without its container. A format whose qualities do not
    overlap with ours is None.
    """
    archive = [(row.archive_bytes, getattr(row, metric)) for row in rows]
    stream = [(row.stream_bytes, getattr(row, metric)) for row in rows]
    rates: Json = {}
    for name, curve in points.items():
        rates[name] = _bd_rate([(p.bytes, getattr(p, metric)) for p in curve], archive)
        if name == "avif":
            rates["avif_payload"] = _bd_rate([(p.payload_bytes, getattr(p, metric)) for p in curve], stream)
    return rates


def evaluate_codec(
    dataset: str,
    codec: LearnedCodec,
    pictures: Sequence[tuple[str, Image]],
    settings: Settings,
    *,
    qualities: Sequence[float] = DEFAULT_QUALITIES,
    formats: Sequence[str] = ("webp", "jxl", "avif", "jpeg"),
    progress: Progress = no_progress,
) -> Json:
    """Return what `evaluate codec --json` prints."""
    if not pictures:
        raise ValueError("there are no pictures to measure on")
    rows = codec_rows(codec, pictures, settings, qualities=qualities, progress=progress)
    points = {name: format_points(name, pictures, progress=progress) for name in formats}
    return {
        "dataset": dataset,
        "pictures": len(pictures),
        "codec_model": codec.sha256,
        "rows": [asdict(row) for row in rows],
        "formats": {name: [asdict(point) for point in curve] for name, curve in points.items()},
        "at_equal_bytes": at_rates(rows, points, float(np.mean([i.shape[0] * i.shape[1] for _, i in pictures]))),
        "bd_rate": bd_rates(rows, points),
        "bd_rate_ms_ssim": bd_rates(rows, points, metric="ms_ssim"),
    }


def at_bytes(rows: Sequence[CodecRow], n_bytes: float, value: Callable[[CodecRow], float]) -> float:
    """Return a value of ours at a mean number of stream bytes, interpolated over the logarithm of the rate.

    Raises:
        ValueError: the rate lies outside of what was measured.
    """
    found = _interpolated([(row.stream_bytes, value(row)) for row in rows], n_bytes)
    if found is None:
        least, most = min(row.stream_bytes for row in rows), max(row.stream_bytes for row in rows)
        raise ValueError(f"{n_bytes} bytes lie outside of {least}..{most}")
    return found


def at_rates(
    rows: Sequence[CodecRow],
    points: Mapping[str, Sequence[CurvePoint]],
    pixels: float,
    rates: Sequence[float] = COMPARED_RATES,
) -> list[Json]:
    """Return PSNR and MS-SSIM at equal sizes of whole files: ours (an archive's bytes, "ours") and each format's.

    Args:
        pixels: mean number of a picture.
        rates: bits per pixel. What a coder was not measured around is None; a rate at which none was is left out.
    """
    curves: dict[str, list[tuple[float, float, float]]] = {
        "ours": [(row.archive_bytes, row.psnr_db, row.ms_ssim) for row in rows]
    }
    curves |= {name: [(p.bytes, p.psnr_db, p.ms_ssim) for p in curve] for name, curve in points.items()}
    table = []
    for rate in rates:
        entry: Json = {}
        for name, curve in curves.items():
            values = [_interpolated([(point[0], point[1 + at]) for point in curve], rate * pixels / 8) for at in (0, 1)]
            entry[name] = None if values[0] is None else {"psnr_db": values[0], "ms_ssim": values[1]}
        if any(entry.values()):
            table.append({"bits_per_pixel": rate, **entry})
    return table


def _interpolated(curve: Sequence[tuple[float, float]], n_bytes: float) -> float | None:
    """Return a curve's value at a number of bytes, linear over their logarithm, or None outside of the curve."""
    ordered = sorted(curve)
    if not ordered or not ordered[0][0] <= n_bytes <= ordered[-1][0]:
        return None
    rates, values = zip(*ordered, strict=True)
    return float(np.interp(np.log(n_bytes), np.log(rates), values))


def _values(original: Image, restored: Image) -> tuple[float, float, float]:
    return (
        quality.psnr(original, restored),
        quality.ssim(original, restored),
        quality.ms_ssim(original, restored),
    )


def _bd_rate(anchor: list[tuple[float, float]], tested: list[tuple[float, float]]) -> float | None:
    try:
        return quality.bd_rate(anchor, tested)
    except ValueError:
        return None
