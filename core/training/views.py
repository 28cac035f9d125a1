"""Views of a picture as another sensor, season or distance might give them, and their vectors, made once and kept."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from core.datasets.parallel import in_order
from core.encoders.base import PictureEncoder
from core.settings import Settings
from core.storage import atomic_path, digest, require_space
from core.training.pictures import Pictures
from core.types import Image, Progress, Vectors, no_progress

Strength = Literal["mild", "strong"]
_CHUNK = 64


def view(image: Image, size: int, rng: np.random.Generator, *, upright: bool, strength: Strength = "strong") -> Image:
    """Return (size, size, 3) pixels of a random part of a picture, turned, coarsened and recoloured at random.

    Args:
        upright: only mirror left and right; else any of the eight turns, as seen from above.
        strength: "mild": at least 60 % of the area and small changes of brightness; "strong": from 25 %, coarser
            resolutions, contrast, saturation, colour balance, noise.
    """
    strong = strength == "strong"
    height, width = image.shape[:2]
    share = np.sqrt(rng.uniform(0.25 if strong else 0.6, 1.0))
    part_w, part_h = max(1, round(width * share)), max(1, round(height * share))
    left, top = int(rng.integers(width - part_w + 1)), int(rng.integers(height - part_h + 1))
    picture = Pillow.fromarray(np.ascontiguousarray(image[top : top + part_h, left : left + part_w]))
    if strong and rng.random() < 0.5:  # a coarser sensor
        coarse = int(rng.uniform(24, max(25, size)))
        picture = picture.resize((coarse, coarse), Pillow.Resampling.BOX)
    pixels = np.asarray(picture.resize((size, size), Pillow.Resampling.BICUBIC))
    pixels = pixels[:, ::-1] if rng.random() < 0.5 else pixels
    if not upright:
        pixels = np.rot90(pixels, int(rng.integers(4)))
    return recolour(pixels.astype(np.float32) / 255, rng, strong=strong)


def recolour(pixels: NDArray[Any], rng: np.random.Generator, *, strong: bool) -> Image:
    """Return 8-bit pixels of (S, S, 3) values in 0..1 under other light, or of another sensor."""
    if not strong:
        return _to_bytes(pixels * rng.uniform(0.9, 1.1) * rng.uniform(0.95, 1.05, 3))
    if rng.random() < 0.8:
        pixels = pixels ** np.exp(rng.uniform(-0.35, 0.35))
        mean = pixels.mean(axis=(0, 1), keepdims=True)
        gain = rng.uniform(0.75, 1.33, 3) if rng.random() < 0.5 else rng.uniform(0.75, 1.33)
        pixels = (pixels - mean) * rng.uniform(0.6, 1.5) + mean * gain
        grey = pixels.mean(axis=2, keepdims=True)
        pixels = grey + (pixels - grey) * rng.uniform(0.3, 1.5)
    if rng.random() < 0.2:
        pixels = pixels + rng.normal(0, rng.uniform(0, 0.05), pixels.shape)
    return _to_bytes(pixels)


def view_vectors(
    pictures: Pictures,
    encoder: PictureEncoder,
    settings: Settings,
    *,
    number: int,
    strength: Strength,
    seed: int,
    progress: Progress = no_progress,
) -> Vectors:
    """Return (N, D) vectors of one view of every picture; they are kept on disk for the next run.

    Raises:
        StorageError: too little disk.
    """
    sums = [record.sha256 for record in pictures.records]
    state = digest(encoder.fingerprint, sums, pictures.domains.tolist(), number, strength, seed, 1)
    path = settings.cache / "views" / f"{state}.npy"
    if path.is_file():
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    require_space(settings.cache, 4 * len(pictures.records) * encoder.dim, "vectors of augmented views")

    def one(row: int) -> Image:
        dataset = pictures.sets[int(pictures.domains[row])]
        image = dataset.load(pictures.records[row], min_side=2 * encoder.input_size)
        rng = np.random.default_rng([seed, number, row])
        return view(image, encoder.input_size, rng, upright=dataset.kind != "satellite", strength=strength)

    vectors = np.empty((len(pictures.records), encoder.dim), np.float32)
    waiting: list[Image] = []
    for done, pixels in enumerate(in_order(one, range(len(vectors)), settings.threads), start=1):
        waiting.append(pixels)
        if len(waiting) == _CHUNK or done == len(vectors):
            vectors[done - len(waiting) : done] = encoder.encode(waiting)
            waiting.clear()
            progress(done, len(vectors), f"encoding view {number + 1}")
    _keep(path, vectors)
    return vectors


def _keep(path: Path, vectors: Vectors) -> None:
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.save(file, vectors, allow_pickle=False)


def _to_bytes(pixels: NDArray[Any]) -> Image:
    clipped: Image = np.clip(pixels * 255 + 0.5, 0, 255).astype(np.uint8)
    return clipped
