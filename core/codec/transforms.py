"""Runs the two transforms of a model over pictures of any size, large ones in overlapping pieces.

A piece is wider than what is kept of it by more than the network sees from any pixel, so that the joined pieces are
what one pass over the whole picture gives, up to rounding: there are no seams.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.codec.shape import BLOCK
from core.codec.weights import Weights

_KEPT = 56  # latent positions kept of a piece, along each axis (896 px); more would be faster, and take more memory
_MARGIN = 8  # further positions on each side (128 px; the synthesis sees 104)


@dataclass(frozen=True)
class Piece:
    """Ranges of latent positions along one axis: read `outer`, keep `inner` (both absolute)."""

    outer: slice
    inner: slice

    @property
    def kept(self) -> slice:
        """The inner range, counted from the start of the outer one."""
        return slice(self.inner.start - self.outer.start, self.inner.stop - self.outer.start)


class Transforms:
    """Analysis and synthesis of one model, on `threads` threads of our own pool."""

    def __init__(self, weights: Weights, *, threads: int = 1) -> None:
        import torch

        from core.codec.network import CodecNetwork

        # Pictures and pieces are spread over our own threads; torch's would be threads of threads, and two of them on a
        # busy two-core machine can be thirty times slower than one.
        torch.set_num_threads(1)
        network = CodecNetwork(weights.shape)
        state = {name: torch.from_numpy(array.astype(np.float32)) for name, array in weights.network.items()}
        network.load_state_dict(state, strict=False)
        self._network = network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._shape = weights.shape
        self._threads = threads

    def analyse(self, pictures: NDArray[np.uint8], positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return (B, h, w, n_latents) latents in quantiser steps of (B, H, W, 3) pictures of any one size."""
        padded = _pad(pictures)
        count, height, width, _ = padded.shape
        rows, columns = height // BLOCK, width // BLOCK
        latents = np.empty((count, rows, columns, self._shape.n_latents), np.float32)

        def work(piece: tuple[Piece, Piece]) -> None:
            vertical, horizontal = piece
            part = padded[:, _pixels(vertical.outer), _pixels(horizontal.outer)]
            result = self._run(part, positions, backwards=False)
            latents[:, vertical.inner, horizontal.inner] = result[:, vertical.kept, horizontal.kept]

        self._each(work, rows, columns)
        return latents

    def synthesise(
        self, symbols: NDArray[np.int32], positions: NDArray[np.int64], height: int, width: int
    ) -> NDArray[np.uint8]:
        """Return (B, height, width, 3) pictures from (B, h, w, n_latents) symbols."""
        count, rows, columns, _ = symbols.shape
        pictures = np.empty((count, rows * BLOCK, columns * BLOCK, 3), np.uint8)

        def work(piece: tuple[Piece, Piece]) -> None:
            vertical, horizontal = piece
            part = symbols[:, vertical.outer, horizontal.outer]
            result = self._run(part, positions, backwards=True)
            kept = result[:, _pixels(vertical.kept), _pixels(horizontal.kept)]
            target = pictures[:, _pixels(vertical.inner), _pixels(horizontal.inner)]
            np.copyto(target, np.rint(np.clip(kept, 0, 255)), casting="unsafe")

        self._each(work, rows, columns)
        return pictures[:, :height, :width]

    def _run(
        self, values: NDArray[np.uint8] | NDArray[np.int32], positions: NDArray[np.int64], *, backwards: bool
    ) -> NDArray[np.float32]:
        import torch

        with torch.inference_mode():
            mix = self._network.mix(torch.from_numpy(positions.astype(np.float32) / self._shape.positions_per_step))
            tensor = torch.from_numpy(np.ascontiguousarray(values)).permute(0, 3, 1, 2).float()
            transform = self._network.synthesise if backwards else self._network.analyse
            result: NDArray[np.float32] = transform(tensor, mix).permute(0, 2, 3, 1).numpy()
            return result

    def _each(self, work: object, rows: int, columns: int) -> None:
        pieces = [(vertical, horizontal) for vertical in _pieces(rows) for horizontal in _pieces(columns)]
        if len(pieces) == 1 or self._threads == 1:
            for piece in pieces:
                work(piece)  # type: ignore[operator]
            return
        with ThreadPoolExecutor(self._threads) as pool:
            list(pool.map(work, pieces))  # type: ignore[arg-type]


def latent_size(height: int, width: int) -> tuple[int, int]:
    """Return rows and columns of latent positions of a picture."""
    return -(-height // BLOCK), -(-width // BLOCK)


def _pieces(length: int) -> Iterator[Piece]:
    for start in range(0, length, _KEPT):
        stop = min(start + _KEPT, length)
        yield Piece(slice(max(0, start - _MARGIN), min(length, stop + _MARGIN)), slice(start, stop))


def _pixels(positions: slice) -> slice:
    return slice(positions.start * BLOCK, positions.stop * BLOCK)


def _pad(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Repeat the last row and column up to the next multiple of the block."""
    below, right = (-side % BLOCK for side in pictures.shape[1:3])
    if not below and not right:
        return pictures
    return np.pad(pictures, ((0, 0), (0, below), (0, right), (0, 0)), mode="edge")
