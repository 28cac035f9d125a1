"""The context networks in integers: the same symbols' distributions on every machine.

Weights and activations are integers in fixed point. They are evaluated in float64, where every product and every
partial sum is an integer below 2**53 and hence exact: neither the order of a sum, nor fused multiply-add, nor the
number of threads can change a bit. `arithmetic=np.int64` gives the same numbers without any floating point (tested).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.codec.shape import PHASE_OFFSETS, Shape
from core.codec.tables import MEAN_PARTS, N_SCALES

Array = NDArray[Any]  # float64 or int64, holding integers either way

ACTIVATION_BITS = 10  # fractional bits of latents and hidden values
WEIGHT_BITS = 12
SUM_BITS = ACTIVATION_BITS + WEIGHT_BITS
RATIO_BITS = 14  # of a quantiser step in units of its channel's deviation
OUTPUT_BITS = 12
MEAN_BITS = 12  # of the factor from deviations to parts of a quantiser step
SCALE_BITS = 10
_LATENT_LIMIT = 2**16  # 64 deviations
_HIDDEN_LIMIT = 2**17
_OUTPUT_LIMIT = 2**18
_LEAK_SHIFT = 3  # the leak of 1/8
_ROWS_AT_ONCE = 4096  # positions evaluated together; bounds the memory


@dataclass(frozen=True)
class GroupTables:
    """One context network.

    Attributes:
        enter: (9 * (channels up to the group + 1), width), window positions in raster order, last channel "inside".
        enter_bias: (n_positions of quality, phases, width).
        middle: (width, width); middle_bias: (width,).
        leave: (width, 2 * channels of the group), means and then log scales; leave_bias likewise.
    """

    enter: NDArray[np.int32]
    enter_bias: NDArray[np.int64]
    middle: NDArray[np.int32]
    middle_bias: NDArray[np.int64]
    leave: NDArray[np.int32]
    leave_bias: NDArray[np.int64]


@dataclass(frozen=True)
class ContextTables:
    """All integers that the contexts need.

    Attributes:
        ratio: (n_positions, n_latents) quantiser step over deviation, RATIO_BITS.
        mean_factor: (n_positions, n_latents) parts of a step per network unit, MEAN_BITS.
        scale_offset: (n_positions, n_latents) scale number of network output 0, OUTPUT_BITS + SCALE_BITS.
        scale_factor: scale numbers per network unit, SCALE_BITS.
    """

    shape: Shape
    groups: tuple[GroupTables, ...]
    ratio: NDArray[np.int64]
    mean_factor: NDArray[np.int64]
    scale_offset: NDArray[np.int64]
    scale_factor: int


class Context:
    """Evaluates the context networks for pictures that have one size.

    Args:
        arithmetic: np.float64 (fast) or np.int64; both give the same numbers.
    """

    def __init__(self, tables: ContextTables, arithmetic: type = np.float64) -> None:
        self.tables = tables
        self.shape = tables.shape
        self._arithmetic = arithmetic
        self._groups = [
            tuple(getattr(group, name).astype(arithmetic) for name in GroupTables.__dataclass_fields__)
            for group in tables.groups
        ]

    def start(self, count: int, height: int, width: int) -> Array:
        """Return the (count, height + 2, width + 2, 1 + n_latents) state in which nothing is known but the inside."""
        state: Array = np.zeros((count, height + 2, width + 2, 1 + self.shape.n_latents), dtype=self._arithmetic)
        state[:, 1:-1, 1:-1, 0] = 1 << ACTIVATION_BITS
        return state

    def predict(
        self, state: Array, group: int, phase: int, positions: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return means, in parts of a quantiser step, and scale numbers of what is coded next.

        Args:
            positions: (count,) quality position of each picture.

        Returns:
            Two (count, rows of the phase, columns of the phase, channels of the group) arrays.
        """
        row, column = PHASE_OFFSETS[phase]
        window_rows = (state.shape[1] - 2 - row + 1) // 2
        n_channels = self.shape.groups[group + 1] - self.shape.groups[group]
        shape = (len(state), window_rows, (state.shape[2] - 2 - column + 1) // 2, n_channels)
        means, scales = np.empty(shape, np.int64), np.empty(shape, np.int64)
        if 0 in shape:
            return means, scales
        pictures_at_once = max(1, _ROWS_AT_ONCE // (shape[1] * shape[2]))
        rows_at_once = max(1, _ROWS_AT_ONCE // shape[2]) if pictures_at_once == 1 else shape[1]
        for first in range(0, len(state), pictures_at_once):
            some = slice(first, first + pictures_at_once)
            for top in range(0, shape[1], rows_at_once):
                band = slice(top, min(top + rows_at_once, shape[1]))
                result = self._evaluate(state[some], group, phase, positions[some], band, shape[2])
                means[some, band], scales[some, band] = result
        return means, scales

    def store(
        self, state: Array, group: int, phase: int, positions: NDArray[np.int64], symbols: NDArray[np.int32]
    ) -> None:
        """Enter decided symbols, shaped as `predict` returned them, into the state."""
        row, column = PHASE_OFFSETS[phase]
        channels = slice(self.shape.groups[group], self.shape.groups[group + 1])
        ratio = self.tables.ratio[positions][:, None, None, channels]
        latents = _shift(symbols.astype(np.int64) * ratio, RATIO_BITS - ACTIVATION_BITS)
        target = state[:, 1 + row : -1 : 2, 1 + column : -1 : 2, 1 + channels.start : 1 + channels.stop]
        target[...] = np.clip(latents, -_LATENT_LIMIT, _LATENT_LIMIT)

    def _evaluate(
        self, state: Array, group: int, phase: int, positions: NDArray[np.int64], band: slice, width: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        row, column = PHASE_OFFSETS[phase]
        stop = 1 + self.shape.groups[group + 1]
        enter, enter_bias, middle, middle_bias, leave, leave_bias = self._groups[group]
        rows = band.stop - band.start
        top = row + 2 * band.start
        windows = [
            state[:, top + dy : top + dy + 2 * rows - 1 : 2, column + dx : column + dx + 2 * width - 1 : 2, :stop]
            for dy in range(3)
            for dx in range(3)
        ]
        window = np.concatenate(windows, axis=3).reshape(len(state), -1, 9 * stop)  # (B, positions, inputs)
        x = window @ enter + enter_bias[positions, phase][:, None]  # (B, positions, width), SUM_BITS
        x = np.clip(_shift(_leaky(x), WEIGHT_BITS), -_HIDDEN_LIMIT, _HIDDEN_LIMIT)
        x = np.clip(_shift(_leaky(x @ middle + middle_bias), WEIGHT_BITS), -_HIDDEN_LIMIT, _HIDDEN_LIMIT)
        x = np.clip(_shift(x @ leave + leave_bias, SUM_BITS - OUTPUT_BITS), -_OUTPUT_LIMIT, _OUTPUT_LIMIT)
        mean, log_scale = np.split(x.astype(np.int64).reshape(len(state), rows, width, -1), 2, axis=3)
        channels = slice(self.shape.groups[group], self.shape.groups[group + 1])
        factor = self.tables.mean_factor[positions][:, None, None, channels]
        offset = self.tables.scale_offset[positions][:, None, None, channels]
        means = _shift(mean * factor, OUTPUT_BITS + MEAN_BITS)
        scales = _shift(log_scale * self.tables.scale_factor + offset, OUTPUT_BITS + SCALE_BITS)
        return np.asarray(means), np.clip(scales, 0, N_SCALES - 1)


def split_mean(means: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the nearest integers to `means` and what remains, from 0 to MEAN_PARTS - 1 (MEAN_PARTS / 2 is none)."""
    half = MEAN_PARTS // 2
    centres = (means + half) // MEAN_PARTS
    return centres, means + half - centres * MEAN_PARTS


def _shift(x: Array, bits: int) -> Array:
    """Return x / 2**bits, rounded half up."""
    if x.dtype.kind == "i":
        return np.asarray((x + (1 << (bits - 1))) >> bits)
    return np.asarray(np.floor((x + float(1 << (bits - 1))) * 2.0**-bits))


def _leaky(x: Array) -> Array:
    if x.dtype.kind == "i":
        return np.asarray(np.maximum(x, x >> _LEAK_SHIFT))
    return np.asarray(np.maximum(x, np.floor(x * 2.0**-_LEAK_SHIFT)))
