"""The integer context networks: one answer, whatever computes it."""

import numpy as np
import pytest

from core.codec import LearnedCodec
from core.codec.coder import StreamCoder
from core.codec.context import Context, split_mean
from core.codec.shape import N_PHASES
from core.codec.tables import MEAN_PARTS


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 2), (5, 7)])
def test_floating_point_and_integers_predict_the_same(codec: LearnedCodec, height: int, width: int) -> None:
    rng = np.random.default_rng(height)
    tables = codec.weights.context
    fast, exact = Context(tables), Context(tables, np.int64)
    positions = rng.integers(0, codec.shape.n_positions, 3)
    state, whole = fast.start(3, height, width), exact.start(3, height, width)
    for group in range(len(codec.shape.groups) - 1):
        for phase in range(N_PHASES):
            found = fast.predict(state, group, phase, positions)
            wanted = exact.predict(whole, group, phase, positions)
            np.testing.assert_array_equal(found[0], wanted[0])
            np.testing.assert_array_equal(found[1], wanted[1])
            # Far beyond what pictures give, so that every limit is reached.
            symbols = np.rint(rng.standard_cauchy(found[0].shape) * 5).clip(-5000, 5000).astype(np.int32)
            fast.store(state, group, phase, positions, symbols)
            exact.store(whole, group, phase, positions, symbols)
    np.testing.assert_array_equal(state, whole)


def test_a_stream_decodes_to_the_same_symbols_with_integer_arithmetic(codec: LearnedCodec, pictures: list) -> None:
    positions = np.array([24])
    values = codec.transforms.analyse(pictures[0][None], positions)
    streams, symbols = codec.coder.encode(values, positions)
    integers = StreamCoder(Context(codec.weights.context, np.int64), codec.weights.counts)
    np.testing.assert_array_equal(integers.decode(streams, positions, *values.shape[1:3]), symbols)
    assert integers.encode(values, positions)[0] == streams


def test_sums_stay_below_what_float64_holds_exactly(codec: LearnedCodec) -> None:
    for group in codec.weights.context.groups:
        for weights, bias, most in ((group.enter, group.enter_bias, 2**16), (group.middle, group.middle_bias, 2**17)):
            bound = np.abs(weights.astype(np.int64)).sum(axis=0).max() * most + np.abs(bias).max()
            assert bound < 2**53


def test_a_mean_is_split_into_the_nearest_integer_and_what_remains() -> None:
    means = np.arange(-40, 41)
    centres, rest = split_mean(means)
    np.testing.assert_array_equal(centres * MEAN_PARTS + rest - MEAN_PARTS // 2, means)
    assert rest.min() == 0
    assert rest.max() == MEAN_PARTS - 1
