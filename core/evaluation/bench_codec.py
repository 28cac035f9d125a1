"""How fast the codec is: tiles in batches, and one large picture, with the memory that it takes."""

import resource
import sys
import time

import numpy as np

from core.archive.pipeline import in_order
from core.codec.model import LearnedCodec, Stream
from core.types import Image, Json, Progress, no_progress

_SIDE, _BATCH = 128, 32


def bench_codec(
    codec: LearnedCodec, *, threads: int, n_tiles: int = 256, quality: float = 3.0, megapixels: float = 12.0,
    progress: Progress = no_progress,
) -> Json:  # fmt: skip
    """Return tiles/s each way, and seconds each way for one large picture; a bench's picture is smooth noise.

    Args:
        threads: that batches are spread over.
        megapixels: of the large picture; 0 leaves it out.
    """
    rng = np.random.default_rng(0)
    position = codec.position_of(quality)
    tiles = [_scene(_SIDE, _SIDE, rng) for _ in range(n_tiles)]
    batches = [tiles[start : start + _BATCH] for start in range(0, n_tiles, _BATCH)]
    codec.decode(codec.encode(batches[0], position))  # the first run compiles and allocates
    started = time.perf_counter()
    coded: list[list[Stream]] = []
    for streams in in_order(lambda batch: codec.encode(batch, position), batches, threads):
        coded.append(streams)
        progress(len(coded) * _BATCH, n_tiles, "encoding tiles")
    encode_s = time.perf_counter() - started
    started = time.perf_counter()
    for number, _ in enumerate(in_order(codec.decode, coded, threads), start=1):
        progress(number * _BATCH, n_tiles, "decoding tiles")
    decode_s = time.perf_counter() - started
    result: Json = {
        "threads": threads,
        "quality": quality,
        "tile_bytes": float(np.mean([len(stream.data) for streams in coded for stream in streams])),
        "encode_tiles_per_s": n_tiles / encode_s,
        "decode_tiles_per_s": n_tiles / decode_s,
    }
    if megapixels:
        height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
        picture = _scene(height, height * 4 // 3, rng)
        started = time.perf_counter()
        stream = codec.encode([picture], position)[0]
        result["large_encode_s"] = time.perf_counter() - started
        progress(1, 2, "large picture")
        started = time.perf_counter()
        codec.decode([stream])
        result["large_decode_s"] = time.perf_counter() - started
        progress(2, 2, "large picture")
        result |= {"large_pixels": picture.shape[0] * picture.shape[1], "large_bytes": len(stream.data)}
    result["peak_memory_bytes"] = _peak_bytes()
    return result


def _scene(height: int, width: int, rng: np.random.Generator) -> Image:
    """Return noise with most of its power at low frequencies, as pictures have, from four octaves."""
    total = np.zeros((height, width, 3), np.float32)
    for side, strength in ((64, 40), (16, 20), (4, 10), (1, 5)):
        coarse = rng.standard_normal((-(-height // side), -(-width // side), 3)).astype(np.float32)
        total += strength * coarse.repeat(side, axis=0).repeat(side, axis=1)[:height, :width]
    return np.clip(total + 128, 0, 255).astype(np.uint8)


def _peak_bytes() -> int:
    """Return the most memory that the process has held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
