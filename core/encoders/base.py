"""What every encoder is made of: a back end that can be asked whether it works here, and the encoder that it loads."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from PIL import Image as Pillow

from core.arrays import normalize
from core.settings import Settings
from core.types import Image, Vectors


@dataclass(frozen=True)
class EncoderInfo:
    """What can be said of an encoder without loading it.

    Attributes:
        dim: length of its vectors.
        reason: why it is not available here and what to do about it; empty when it is.
    """

    name: str
    title: str
    dim: int
    available: bool
    reason: str


@dataclass(frozen=True)
class Preparation:
    """How a picture becomes the square of pixels that a network sees.

    EfficientNet-Lite0's precision@10 by squashing less that by cropping, with its 95 % interval: -0.003 (-0.010, 0.003)
    on 1,020 pictures of Caltech-101, -0.008 (-0.017, 0.002) on 107 pictures in 27 painting styles. What lies at the
    edges of a picture, or of a region of it, should count: hence squashing unless a network was trained otherwise.

    Attributes:
        size: side of the square in pixels.
        fit: "squash" scales both sides to the square, so that nothing is lost at the edges; "crop" scales the shorter
            side and cuts the middle out, so that proportions stay.
    """

    size: int
    fit: Literal["squash", "crop"] = "squash"

    def __call__(self, image: Image) -> Image:
        """Return (size, size, 3) pixels, antialiased; a square of that size comes back as it is."""
        height, width = image.shape[:2]
        if height == width == self.size:
            return np.ascontiguousarray(image)
        box = (0.0, 0.0, float(width), float(height))
        if self.fit == "crop":
            side = min(width, height)
            left, top = (width - side) / 2, (height - side) / 2
            box = (left, top, left + side, top + side)
        picture = Pillow.fromarray(np.ascontiguousarray(image))
        # reducing_gap: very large pictures are first reduced by whole numbers, to no less than three times the size.
        return np.asarray(picture.resize((self.size, self.size), Pillow.Resampling.BICUBIC, box, reducing_gap=3.0))

    def min_side(self, region: tuple[float, float, float, float] | None = None) -> int:
        """Return how small the shorter side may be decoded so that `region` (fractions) still fills the square."""
        if region is None:
            return self.size
        x0, y0, x1, y1 = region
        return math.ceil(self.size / max(min(x1 - x0, y1 - y0), 1e-3))


class PictureEncoder(ABC):
    """The base of all encoders; satisfies `core.types.Encoder`. Concurrent calls are safe.

    Work is spread over threads that each encode a few pictures, not over the threads of one large batch: on a CPU
    EfficientNet-Lite0 encodes 151 pictures/s one at a time and 99/s in batches of 32, which leave the cache.

    Args:
        fingerprint: a digest that changes with the weights, the preprocessing, the input size or the runtime.
        threads: pictures, or batches of them, that `encode` works on at the same time.
        batch: pictures that go through the network at once.
    """

    def __init__(
        self, name: str, dim: int, preparation: Preparation, fingerprint: str, *, threads: int = 1, batch: int = 1
    ) -> None:
        self.name = name
        self.dim = dim
        self.preparation = preparation
        self.fingerprint = fingerprint
        self._threads = threads
        self._batch = batch

    @property
    def input_size(self) -> int:
        """Side in pixels of the square that is encoded."""
        return self.preparation.size

    def prepare(self, image: Image) -> Image:
        """Return the (input_size, input_size, 3) pixels that are encoded; preparing twice changes nothing."""
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
            raise ValueError(f"a picture must be (H, W, 3) uint8, got {image.shape} {image.dtype}")
        return self.preparation(image)

    def encode(self, images: Sequence[Image]) -> Vectors:
        """Return (len(images), dim) vectors, rows of L2 norm 1."""
        if not len(images):
            return np.empty((0, self.dim), np.float32)
        batches = [images[start : start + self._batch] for start in range(0, len(images), self._batch)]
        if self._threads == 1 or len(batches) == 1:
            parts = [self._encode_batch(batch) for batch in batches]
        else:
            with ThreadPoolExecutor(self._threads) as pool:
                parts = list(pool.map(self._encode_batch, batches))
        return normalize(np.ascontiguousarray(np.concatenate(parts), dtype=np.float32))

    def _encode_batch(self, images: Sequence[Image]) -> Vectors:
        return self._embed(np.stack([self.prepare(image) for image in images]))  # (B, S, S, 3)

    @abstractmethod
    def _embed(self, squares: Image) -> Vectors:
        """Return (B, dim) vectors of any length for (B, S, S, 3) uint8 pixels."""


class BackEnd(Protocol):
    """What the registry holds: enough to describe an encoder, and the way to load it."""

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str: ...

    @property
    def dim(self) -> int: ...

    def missing(self, settings: Settings) -> str:
        """Return what is missing here to load it and what to do about it, or nothing."""
        ...

    def load(self, settings: Settings) -> PictureEncoder:
        """Return the encoder.

        Raises:
            UnavailableError: weights or a package are missing; the message says where to get them.
        """
        ...
