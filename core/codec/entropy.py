"""Range coding of symbols whose tables are known, with an escape for far ones and no byte too many at the end.

G. N. N. Martin, "Range encoding", 1979; the coder is the `constriction` package's (R. Bamler, arXiv 2201.01741).
Probabilities are handed to it as multiples of 2**-22 in float32, of which all sums are exact.
"""

import constriction
import numpy as np
from numpy.typing import NDArray

from core.codec.tables import N_SYMBOLS, REACH, TOTAL, Counts
from core.errors import DamagedFileError

_ESCAPE = N_SYMBOLS - 1
_MOST_EXTRA_BITS = 20  # an escaped symbol is within 2**20 of its mean
_ROWS_AT_ONCE = 1 << 16
_WORD = 32
_Family = constriction.stream.model.Categorical(perfect=False)
_Coin = constriction.stream.model.Uniform(2)


class TableCoder:
    """What encoder and decoder share: the tables, as constriction wants them."""

    def __init__(self, counts: Counts) -> None:
        self.probabilities = (counts.reshape(-1, N_SYMBOLS) / np.float32(TOTAL)).astype(np.float32)

    def rows(self, tables: NDArray[np.int64]) -> NDArray[np.float32]:
        return self.probabilities[tables]


class Encoder:
    """Encodes arrays of symbols, one after the other, into one stream."""

    def __init__(self, coder: TableCoder) -> None:
        self._coder = coder
        self._range = constriction.stream.queue.RangeEncoder()

    def put(self, offsets: NDArray[np.int32], tables: NDArray[np.int64]) -> None:
        """Encode (n,) distances of symbols from their means, each with its table number."""
        far = np.abs(offsets) > REACH
        coded = np.where(far, _ESCAPE, offsets + REACH).astype(np.int32)
        for start in range(0, len(coded), _ROWS_AT_ONCE):
            some = slice(start, start + _ROWS_AT_ONCE)
            self._range.encode(coded[some], _Family, self._coder.rows(tables[some]))
        if far.any():
            bits = [bit for offset in offsets[far] for bit in _extra_bits(int(offset))]
            self._range.encode(np.array(bits, dtype=np.int32), _Coin)

    def finish(self) -> bytes:
        """Return the shortest byte string whose continuation with zeros decodes to what was put.

        The coder's state is an interval of 64 bit numbers; of those, the one with most trailing zero bytes is taken.
        """
        n_words, (lower, span) = self._range.pos()  # words that are out, and the interval of the 64 bits behind them
        words = bytes(self._range.get_compressed().astype(">u4").tobytes())
        n_bytes = 4 * n_words + 8
        if len(words) > n_bytes:
            return words.rstrip(b"\0")
        inside = int.from_bytes(words.ljust(n_bytes, b"\0"), "big")  # some number of the interval
        window = 1 << (2 * _WORD)
        head = inside // window - (inside % window < lower)  # less if the interval reaches over the window's end
        start = head * window + lower
        best = inside
        for n_zeros in range(1, 9):
            unit = 1 << (8 * n_zeros)
            rounded = -(-start // unit) * unit
            if rounded < start + span:
                best = rounded
        return best.to_bytes(n_bytes, "big").rstrip(b"\0")


class Decoder:
    """Reads back what `Encoder` wrote."""

    def __init__(self, coder: TableCoder, stream: bytes) -> None:
        self._coder = coder
        padded = stream + bytes(-len(stream) % 4 + 8)
        self._range = constriction.stream.queue.RangeDecoder(np.frombuffer(padded, dtype=">u4").astype(np.uint32))

    def get(self, tables: NDArray[np.int64]) -> NDArray[np.int32]:
        """Decode len(tables) distances from the means.

        Raises:
            DamagedFileError: the stream cannot have been written by the encoder.
        """
        starts = range(0, len(tables), _ROWS_AT_ONCE)
        try:
            parts = [
                self._range.decode(_Family, self._coder.rows(tables[start : start + _ROWS_AT_ONCE])) for start in starts
            ]
        except (ValueError, AssertionError) as error:
            raise DamagedFileError(f"the stream is damaged ({error})") from error
        coded = np.concatenate(parts) if parts else np.empty(0, np.int32)
        offsets: NDArray[np.int32] = (coded - REACH).astype(np.int32)
        for place in np.flatnonzero(coded == _ESCAPE):
            offsets[place] = self._extra()
        return offsets

    def _extra(self) -> int:
        negative = self._bit()
        length = 0
        while self._bit():
            length += 1
            if length > _MOST_EXTRA_BITS:
                raise DamagedFileError("the stream is damaged (an escaped value is too long)")
        value = 1
        for _ in range(length):
            value = 2 * value + self._bit()
        value += REACH
        return -value if negative else value

    def _bit(self) -> int:
        try:
            return int(self._range.decode(_Coin))
        except (ValueError, AssertionError) as error:
            raise DamagedFileError(f"the stream is damaged ({error})") from error


def _extra_bits(offset: int) -> list[int]:
    """Return sign and Elias gamma code of how far an escaped offset lies beyond the reach."""
    value = abs(offset) - REACH
    length = value.bit_length() - 1
    if length > _MOST_EXTRA_BITS:
        raise ValueError(f"a symbol must be within 2**{_MOST_EXTRA_BITS} of its mean, got {offset}")
    digits = [(value >> place) & 1 for place in range(length - 1, -1, -1)]
    return [int(offset < 0), *[1] * length, 0, *digits]
