"""Latents to streams and back: channel groups, phases, contexts, and the choice of cheaper symbols while encoding."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.codec.context import Array, Context, split_mean
from core.codec.entropy import Decoder, Encoder, TableCoder
from core.codec.shape import N_PHASES, PHASE_OFFSETS
from core.codec.tables import MEAN_PARTS, REACH, Counts, costs_of

DISTORTION_WEIGHT = np.float32(8.656)  # bits per squared quantiser step, as in training (`network.choose`)
_SYMBOL_LIMIT = 2**19

Symbols = NDArray[np.int32]  # (B, h, w, n_latents)


class StreamCoder:
    """Codes pictures of one size together; each gets a stream of its own."""

    def __init__(self, context: Context, counts: Counts) -> None:
        self.context = context
        self._coder = TableCoder(counts)
        self._costs = costs_of(counts).reshape(-1, counts.shape[2])

    def encode(
        self, values: NDArray[np.float32], positions: NDArray[np.int64], observed: NDArray[np.int64] | None = None
    ) -> tuple[list[bytes], Symbols]:
        """Return streams and the symbols that they decode to.

        Args:
            values: (B, h, w, n_latents) latents in quantiser steps.
            positions: (B,) quality position of each picture.
            observed: if given, counts of (table, symbol) are added to it, for fitting the tables.
        """
        count, height, width, _ = values.shape
        groups = self.context.shape.groups
        encoders = [Encoder(self._coder) for _ in range(count)]
        state = self.context.start(count, height, width)
        symbols = np.zeros(values.shape, np.int32)
        for group in range(len(groups) - 1):
            channels = slice(groups[group], groups[group + 1])
            for phase in range(N_PHASES):
                row, column = PHASE_OFFSETS[phase]
                means, scales = self.context.predict(state, group, phase, positions)
                centres, rest = split_mean(means)
                tables = scales * MEAN_PARTS + rest
                part = values[:, row::2, column::2, channels]
                chosen = self._choose(part, centres, tables)
                self.context.store(state, group, phase, positions, chosen)
                symbols[:, row::2, column::2, channels] = chosen
                offsets = (chosen - centres).astype(np.int32)
                for encoder, one, its_tables in zip(encoders, offsets, tables, strict=True):
                    encoder.put(one.ravel(), its_tables.ravel())
                if observed is not None:
                    seen = np.where(np.abs(offsets) > REACH, 2 * REACH + 1, offsets + REACH)
                    np.add.at(observed, (tables.ravel(), seen.ravel()), 1)
        return [encoder.finish() for encoder in encoders], symbols

    def decode(self, streams: Sequence[bytes], positions: NDArray[np.int64], height: int, width: int) -> Symbols:
        """Return the (B, height, width, n_latents) symbols of streams of pictures of one size.

        Raises:
            DamagedFileError: a stream is not one that the encoder writes.
        """
        groups = self.context.shape.groups
        decoders = [Decoder(self._coder, stream) for stream in streams]
        state: Array = self.context.start(len(streams), height, width)
        symbols = np.zeros((len(streams), height, width, groups[-1]), np.int32)
        for group in range(len(groups) - 1):
            channels = slice(groups[group], groups[group + 1])
            for phase in range(N_PHASES):
                row, column = PHASE_OFFSETS[phase]
                means, scales = self.context.predict(state, group, phase, positions)
                centres, rest = split_mean(means)
                tables = scales * MEAN_PARTS + rest
                offsets = [
                    decoder.get(its_tables.ravel()).reshape(its_tables.shape)
                    for decoder, its_tables in zip(decoders, tables, strict=True)
                ]
                chosen = np.clip(np.stack(offsets) + centres, -_SYMBOL_LIMIT, _SYMBOL_LIMIT).astype(np.int32)
                self.context.store(state, group, phase, positions, chosen)
                symbols[:, row::2, column::2, channels] = chosen
        return symbols

    def _choose(self, values: NDArray[np.float32], centres: NDArray[np.int64], tables: NDArray[np.int64]) -> Symbols:
        """Return the nearest integers, or the next ones towards the mean where that costs less in all."""
        nearest = np.clip(np.rint(values), -_SYMBOL_LIMIT, _SYMBOL_LIMIT).astype(np.int64)
        offsets = nearest - centres
        nearer = offsets - np.sign(offsets)
        distance = values - centres.astype(np.float32)
        flat = tables.ravel()

        def cost(candidate: NDArray[np.int64]) -> NDArray[np.float32]:
            place = np.where(np.abs(candidate) > REACH, 2 * REACH + 1, candidate + REACH)
            bits = self._costs[flat, place.ravel()].reshape(values.shape)
            error: NDArray[np.float32] = DISTORTION_WEIGHT * (distance - candidate.astype(np.float32)) ** 2 + bits
            return error

        better = np.where(cost(nearer) < cost(offsets), nearer, offsets)
        return (better + centres).astype(np.int32)
