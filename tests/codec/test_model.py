"""The learned codec: any size, any batch, any machine."""

import contextlib
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.codec import LearnedCodec, Stream, transforms
from core.codec.quality import psnr
from core.codec.weights import SHIPPED, load_weights
from core.errors import DamagedFileError, NotPreparedError

from .conftest import scene

GOLDEN = Path(__file__).parent / "golden.json"
DECODE = """
import json, sys, hashlib
import numpy as np
import torch
torch.set_num_threads(int(sys.argv[1]))
from core.codec import LearnedCodec, Stream
given = json.load(sys.stdin)
streams = [Stream(bytes.fromhex(one["data"]), one["position"], one["width"], one["height"]) for one in given]
codec = LearnedCodec(threads=int(sys.argv[1]))
size = int(sys.argv[2])
pictures = [p for start in range(0, len(streams), size) for p in codec.decode(streams[start : start + size])]
print(json.dumps([p.tolist() for p in pictures]))
"""


@given(height=st.integers(1, 70), width=st.integers(1, 70), position=st.integers(0, 40))
@settings(max_examples=25, deadline=None)
def test_a_picture_of_any_size_comes_back_in_its_size(
    codec: LearnedCodec, height: int, width: int, position: int
) -> None:
    picture = scene(height, width, height)
    stream = codec.encode([picture], position)[0]
    restored = codec.decode([stream])[0]
    assert restored.shape == picture.shape
    assert restored.dtype == np.uint8


def test_the_batch_does_not_change_streams(codec: LearnedCodec, pictures: list) -> None:
    together = codec.encode(pictures, 16)
    alone = [codec.encode([picture], 16)[0] for picture in pictures]
    # Convolutions of another batch size may round a latent to another integer, so lengths are compared, not bytes.
    assert [abs(len(a.data) - len(b.data)) <= 1 for a, b in zip(together, alone, strict=True)] == [True] * len(pictures)
    one_by_one = [codec.decode([stream])[0].astype(int) for stream in together]
    for first, second in zip(codec.decode(together), one_by_one, strict=True):
        assert np.abs(first.astype(int) - second).max() <= 1


@pytest.mark.parametrize(("threads", "batch"), [(1, 1), (2, 6)])
def test_a_fresh_process_restores_the_same_from_bytes_alone(
    codec: LearnedCodec, pictures: list, threads: int, batch: int
) -> None:
    streams = codec.encode(pictures, [0, 8, 16, 24, 32, 40])
    given_streams = [
        {"data": s.data.hex(), "position": s.position, "width": s.width, "height": s.height} for s in streams
    ]
    command = [sys.executable, "-c", DECODE, str(threads), str(batch)]
    root = Path(__file__).parents[2]
    done = subprocess.run(
        command, input=json.dumps(given_streams), capture_output=True, text=True, check=True, cwd=root
    )
    for ours, theirs in zip(codec.decode(streams), json.loads(done.stdout), strict=True):
        assert np.abs(ours.astype(int) - np.array(theirs)).max() <= 1  # symbols are equal; pixels are floats, rounded


def test_stored_streams_decode_to_the_symbols_that_they_were_made_of(codec: LearnedCodec) -> None:
    golden = json.loads(GOLDEN.read_text())
    assert codec.sha256 == golden["model"], (
        "new weights: write tests/codec/golden.json anew (python tests/codec/golden.py)"
    )
    for one in golden["streams"]:
        rows, columns = transforms.latent_size(one["height"], one["width"])
        positions = np.array([one["position"]])
        symbols = codec.coder.decode([bytes.fromhex(one["data"])], positions, rows, columns)
        assert hashlib.sha256(symbols.astype("<i4").tobytes()).hexdigest() == one["symbols_sha256"]


def test_better_qualities_cost_more_and_are_nearer(codec: LearnedCodec) -> None:
    picture = scene(128, 128, 3)
    streams = [codec.encode([picture], position)[0] for position in (0, 10, 20, 30, 40)]
    sizes = [len(stream.data) for stream in streams]
    nearness = [psnr(picture, restored) for restored in codec.decode(streams)]
    assert sizes == sorted(sizes)
    assert nearness == sorted(nearness)


def test_a_number_of_bytes_is_kept_and_used(codec: LearnedCodec) -> None:
    picture = scene(128, 128, 4)
    for n_bytes in (100, 200, 400):
        stream = codec.encode_to_bytes(picture, n_bytes)
        assert len(stream.data) <= n_bytes
        next_one = codec.encode([picture], min(40, stream.position + 1))[0]
        assert stream.position == 40 or len(next_one.data) > n_bytes - 12


def test_the_smallest_stream_is_given_when_no_quality_fits(codec: LearnedCodec) -> None:
    assert codec.encode_to_bytes(scene(128, 128, 4), 1).position == 0


def test_pieces_of_a_large_picture_join_without_a_seam(codec: LearnedCodec, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = scene(700, 90, 5)
    positions = np.array([24])
    whole = codec.transforms.analyse(picture[None], positions)
    symbols = codec.coder.encode(whole, positions)[1]
    restored = codec.transforms.synthesise(symbols, positions, 700, 90)
    monkeypatch.setattr(transforms, "_KEPT", 17)
    np.testing.assert_allclose(codec.transforms.analyse(picture[None], positions), whole, atol=2e-3)
    joined = codec.transforms.synthesise(symbols, positions, 700, 90)
    assert np.abs(joined.astype(int) - restored.astype(int)).max() <= 1  # rounding


def test_streams_that_cannot_be_are_refused(codec: LearnedCodec) -> None:
    for stream in (
        Stream(b"", 99, 16, 16),
        Stream(b"", -1, 16, 16),
        Stream(b"", 3, 0, 16),
        Stream(b"", 3, 16, 1 << 20),
    ):
        with pytest.raises(DamagedFileError):
            codec.decode([stream])


@given(data=st.binary(max_size=40))
@settings(max_examples=20, deadline=None)
def test_any_bytes_decode_to_a_picture_or_are_refused(codec: LearnedCodec, data: bytes) -> None:
    with contextlib.suppress(DamagedFileError):
        assert codec.decode([Stream(data, 20, 40, 30)])[0].shape == (30, 40, 3)


def test_misuse_is_said_in_words(codec: LearnedCodec) -> None:
    picture = scene(20, 20, 0)
    with pytest.raises(ValueError, match="uint8"):
        codec.encode([picture[:, :, 0]], 0)
    with pytest.raises(ValueError, match="position"):
        codec.encode([picture], 41)
    with pytest.raises(ValueError, match="one entry"):
        codec.encode([picture], [1, 2])
    with pytest.raises(ValueError, match="quality"):
        codec.position_of(5.1)


def test_qualities_and_positions_are_each_others_inverse(codec: LearnedCodec) -> None:
    assert [codec.position_of(codec.quality_of(p)) for p in range(41)] == list(range(41))


def test_the_shipped_weights_are_small_and_absent_or_foreign_ones_are_named(tmp_path: Path) -> None:
    assert SHIPPED.stat().st_size <= 6_000_000
    with pytest.raises(NotPreparedError, match="train codec"):
        load_weights(tmp_path / "none.safetensors")
    (tmp_path / "foreign.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{}      ")
    with pytest.raises(DamagedFileError):
        load_weights(tmp_path / "foreign.safetensors")
    (tmp_path / "cut.safetensors").write_bytes(SHIPPED.read_bytes()[:5000])
    with pytest.raises(DamagedFileError):
        load_weights(tmp_path / "cut.safetensors")
