"""Range coding: what was put comes back, in as few bytes as the interval allows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.codec.entropy import Decoder, Encoder, TableCoder
from core.codec.tables import (
    MEAN_PARTS,
    N_SCALES,
    N_SYMBOLS,
    REACH,
    TOTAL,
    costs_of,
    counts_from,
    logistic_masses,
    mixed_with_observed,
)
from core.errors import DamagedFileError

COUNTS = counts_from(logistic_masses())
CODER = TableCoder(COUNTS)
OFFSETS = st.integers(-REACH - 3000, REACH + 3000) | st.integers(-2, 2)
PARTS = st.lists(st.lists(st.tuples(OFFSETS, st.integers(0, N_SCALES * MEAN_PARTS - 1)), max_size=12), max_size=5)


@given(parts=PARTS)
@settings(max_examples=120, deadline=None)
def test_symbols_of_any_distance_come_back(parts: list[list[tuple[int, int]]]) -> None:
    encoder = Encoder(CODER)
    arrays = [(np.array([o for o, _ in p], np.int32), np.array([t for _, t in p], np.int64)) for p in parts]
    for offsets, tables in arrays:
        encoder.put(offsets, tables)
    decoder = Decoder(CODER, encoder.finish())
    for offsets, tables in arrays:
        np.testing.assert_array_equal(decoder.get(tables), offsets)


def test_a_stream_is_at_most_a_byte_and_a_half_longer_than_its_information() -> None:
    rng = np.random.default_rng(0)
    excess = []
    for n in range(1, 400, 7):
        tables = rng.integers(0, N_SCALES * MEAN_PARTS, n)
        offsets = np.array([rng.choice(N_SYMBOLS - 1, p=p) for p in _shares(tables)], np.int32) - REACH
        encoder = Encoder(CODER)
        encoder.put(offsets, tables)
        bits = costs_of(COUNTS).reshape(-1, N_SYMBOLS)[tables, offsets + REACH].sum()
        excess.append(len(encoder.finish()) - bits / 8)
    assert np.mean(excess) < 1.0  # rounding up to whole bytes costs half of one on average
    assert max(excess) < 2.0


def test_nothing_is_coded_in_no_bytes() -> None:
    encoder = Encoder(CODER)
    encoder.put(np.empty(0, np.int32), np.empty(0, np.int64))
    assert encoder.finish() == b""


@given(stream=st.binary(max_size=60), seed=st.integers(0, 1000))
@settings(max_examples=150, deadline=None)
def test_any_bytes_decode_to_something_or_are_refused(stream: bytes, seed: int) -> None:
    tables = np.random.default_rng(seed).integers(0, N_SCALES * MEAN_PARTS, 200)
    try:
        assert Decoder(CODER, stream).get(tables).shape == (200,)
    except DamagedFileError as error:
        assert "damaged" in str(error)


def test_a_symbol_beyond_all_limits_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="within"):
        Encoder(CODER).put(np.array([2**30], np.int32), np.array([0]))


def test_every_table_sums_to_its_total_and_gives_every_symbol_a_chance() -> None:
    assert (COUNTS.sum(axis=2) == TOTAL).all()
    assert COUNTS.min() >= 1


def test_tables_fitted_to_observations_follow_them_and_share_mirrored_ones() -> None:
    observed = np.zeros((N_SCALES, MEAN_PARTS, N_SYMBOLS), np.int64)
    observed[10, 1, REACH + 1] = 100_000
    fitted = mixed_with_observed(observed)
    assert (fitted.sum(axis=2) == TOTAL).all()
    assert fitted[10, 1].argmax() == REACH + 1
    assert fitted[10, MEAN_PARTS - 1].argmax() == REACH - 1
    np.testing.assert_array_equal(fitted[11], COUNTS[11])


def _shares(tables: np.ndarray) -> np.ndarray:
    inner = COUNTS.reshape(-1, N_SYMBOLS)[tables][:, :-1].astype(float)
    return inner / inner.sum(axis=1, keepdims=True)
