"""The learned codec: pictures to streams and back, in batches of any sizes."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.arrays import as_count
from core.codec.coder import StreamCoder
from core.codec.context import Context
from core.codec.shape import Shape
from core.codec.transforms import Transforms, latent_size
from core.codec.weights import SHIPPED, Weights, load_weights
from core.errors import DamagedFileError
from core.types import Image

HIGHEST_QUALITY = 5.0
_PIXELS_AT_ONCE = 32 * 128 * 128  # of one batch; bounds the memory and still fills the matrix products
MOST_SIDE = 1 << 16  # pixels; a stream that claims more is damaged


@dataclass(frozen=True)
class Stream:
    """One coded picture.

    Attributes:
        data: the range coder's bytes and nothing else.
        position: of the quality, 0 .. n_positions - 1.
        width, height: of the picture in pixels.
    """

    data: bytes
    position: int
    width: int
    height: int


class LearnedCodec:
    """A trained model ready to code.

    Args:
        weights: a weights file or what was read from one; by default the one that is shipped.
        threads: that the pieces of a large picture are spread over.
    """

    name = "learned"

    def __init__(self, weights: Weights | Path = SHIPPED, *, threads: int = 1) -> None:
        self.weights = load_weights(weights) if isinstance(weights, Path) else weights
        self.coder = StreamCoder(Context(self.weights.context), self.weights.counts)
        self.transforms = Transforms(self.weights, threads=as_count(threads, what="threads"))

    @property
    def sha256(self) -> str:
        """Of the weights; a stream can only be decoded with the same ones."""
        return self.weights.sha256

    @property
    def shape(self) -> Shape:
        return self.weights.shape

    def position_of(self, quality: float) -> int:
        """Return the position nearest to a quality of 0 (smallest) to 5 (best)."""
        if not 0 <= quality <= HIGHEST_QUALITY:
            raise ValueError(f"quality must be between 0 and {HIGHEST_QUALITY:g}, got {quality!r}")
        return round(quality / HIGHEST_QUALITY * (self.shape.n_positions - 1))

    def quality_of(self, position: int) -> float:
        """Return the quality of a position, 0 to 5."""
        return position / (self.shape.n_positions - 1) * HIGHEST_QUALITY

    def encode(self, pictures: Sequence[Image], position: int | Sequence[int]) -> list[Stream]:
        """Return one stream for each picture.

        Args:
            pictures: (H, W, 3) uint8, of any sizes.
            position: of the quality, one for all or one for each.
        """
        positions = [position] * len(pictures) if isinstance(position, int) else list(position)
        if len(positions) != len(pictures):
            raise ValueError(f"position must have one entry for each of {len(pictures)} pictures, got {len(positions)}")
        for one in positions:
            as_count(one, what="position", least=0, most=self.shape.n_positions - 1)
        for picture in pictures:
            _check_picture(picture)
        streams: list[Stream | None] = [None] * len(pictures)
        for rows in _batches(picture.shape[:2] for picture in pictures):
            batch = np.stack([pictures[row] for row in rows])
            chosen = np.array([positions[row] for row in rows], dtype=np.int64)
            coded, _ = self.coder.encode(self.transforms.analyse(batch, chosen), chosen)
            for row, data in zip(rows, coded, strict=True):
                height, width = pictures[row].shape[:2]
                streams[row] = Stream(data, positions[row], width, height)
        return [stream for stream in streams if stream is not None]

    def decode(self, streams: Sequence[Stream]) -> list[Image]:
        """Return the restored pictures.

        Raises:
            DamagedFileError: a stream's position or size cannot be, or its data were not written by `encode`.
        """
        for stream in streams:
            if not 0 <= stream.position < self.shape.n_positions:
                raise DamagedFileError(f"the stream's quality position {stream.position} does not exist")
            if not (1 <= stream.width <= MOST_SIDE and 1 <= stream.height <= MOST_SIDE):
                raise DamagedFileError(f"the stream's size {stream.width}x{stream.height} cannot be")
        pictures: list[Image | None] = [None] * len(streams)
        for rows in _batches((stream.height, stream.width) for stream in streams):
            height, width = streams[rows[0]].height, streams[rows[0]].width
            positions = np.array([streams[row].position for row in rows], dtype=np.int64)
            symbols = self.coder.decode([streams[row].data for row in rows], positions, *latent_size(height, width))
            for row, picture in zip(rows, self.transforms.synthesise(symbols, positions, height, width), strict=True):
                pictures[row] = np.ascontiguousarray(picture)
        return [picture for picture in pictures if picture is not None]

    def encode_to_bytes(self, picture: Image, n_bytes: int) -> Stream:
        """Return the stream of the best quality that has at most `n_bytes`, or the smallest there is.

        The length grows with the position but for a byte here and there, so the position is found by halving.
        """
        as_count(n_bytes, what="n_bytes")
        low, high = 0, self.shape.n_positions - 1
        best = self.encode([picture], low)[0]
        if len(best.data) > n_bytes:
            return best
        while low < high:
            middle = (low + high + 1) // 2
            tried = self.encode([picture], middle)[0]
            if len(tried.data) <= n_bytes:
                low, best = middle, tried
            else:
                high = middle - 1
        return best


def _check_picture(picture: Image) -> None:
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise ValueError(f"a picture must be (H, W, 3) uint8, got {picture.shape} {picture.dtype}")
    if not all(1 <= side <= MOST_SIDE for side in picture.shape[:2]):
        raise ValueError(f"a picture must have sides of 1 to {MOST_SIDE} pixels, got {picture.shape[:2]}")


def _batches(sizes: Iterable[Sequence[int]]) -> list[list[int]]:
    """Return rows that have one size together, at most _PIXELS_AT_ONCE pixels (or one picture) each."""
    same: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
    for row, size in enumerate(sizes):
        same[tuple(size)].append(row)
    batches = []
    for size, rows in same.items():
        count = max(1, _PIXELS_AT_ONCE // (size[0] * size[1]))
        batches += [rows[start : start + count] for start in range(0, len(rows), count)]
    return batches
