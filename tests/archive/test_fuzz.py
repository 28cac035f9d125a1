"""Damage anywhere in an archive is noticed or harmless, and never crashes."""

from pathlib import Path

import numpy as np
import pytest

from core.archive.reader import Archive
from core.archive.unpack import restore
from core.archive.writer import create
from core.codec import LearnedCodec
from core.codec.modes import Coded, Mode, lossless
from core.errors import DamagedFileError, RetrievalError, VersionError
from core.settings import Settings

from .conftest import scene

FLIPS = 600  # single bits, spread over the file; each restores every record


@pytest.fixture(scope="module")
def small(codec: LearnedCodec, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[Coded]]:
    """The bytes of an archive of three small pictures with search codes, and its records."""
    path = tmp_path_factory.mktemp("small") / "a.pent"
    streams = codec.encode([scene(16, 32, 0), scene(16, 32, 1)], 8)
    records = [Coded(Mode.LEARNED, s.position, s.width, s.height, s.data) for s in streams]
    records.append(lossless(scene(4, 4, 2)[:, :, 0]))
    search = {"encoder": "e", "fingerprint": "f", "dim": 32, "sha256": bytes(32)}
    with create(path, codec_sha256=codec.sha256, search=search, title="t") as archive:
        for number, record in enumerate(records):
            archive.add(f"n{number}.png", record, code=np.arange(16, dtype=np.uint8), fields={"year": 1900 + number})
    return path.read_bytes(), records


def test_a_file_cut_anywhere_is_refused_in_words(small: tuple[bytes, list[Coded]], tmp_path: Path) -> None:
    path = tmp_path / "cut.pent"
    for length in range(len(small[0])):
        path.write_bytes(small[0][:length])
        with pytest.raises(DamagedFileError, match=r"truncated|empty|not a \.pent"):
            Archive.open(path)


def test_a_flipped_bit_is_noticed_or_changes_nothing(
    small: tuple[bytes, list[Coded]], codec: LearnedCodec, tmp_path: Path
) -> None:
    data, records = small
    path = tmp_path / "flipped.pent"
    rng = np.random.default_rng(0)
    noticed = 0
    for bit in rng.choice(8 * len(data), min(FLIPS, 8 * len(data)), replace=False):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << (bit % 8)
        path.write_bytes(damaged)
        try:
            with Archive.open(path) as archive:
                faults = archive.faults()
                found = [_record(archive, row) for row in range(len(archive))]
        except (DamagedFileError, VersionError):
            noticed += 1
            continue
        assert faults, f"bit {bit} went unnoticed"
        noticed += 1
        for wanted, one in zip(records, found, strict=True):
            assert one is None or one == wanted
    assert noticed == min(FLIPS, 8 * len(data))


def test_one_damaged_record_is_named_and_the_others_are_restored(
    small: tuple[bytes, list[Coded]], codec: LearnedCodec, tmp_path: Path
) -> None:
    data, records = small
    at = data.index(records[1].data)
    path = tmp_path / "one.pent"
    path.write_bytes(data[:at] + bytes([data[at] ^ 64]) + data[at + 1 :])
    with Archive.open(path) as archive:
        results = restore(archive, codec, range(3), Settings(root=tmp_path))
    assert isinstance(results[1], DamagedFileError)
    assert "n1.png" in str(results[1])
    assert [type(one) for one in (results[0], results[2])] == [np.ndarray, np.ndarray]


def test_random_bytes_after_a_good_header_never_crash(small: tuple[bytes, list[Coded]], tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    path = tmp_path / "noise.pent"
    for _ in range(200):
        path.write_bytes(small[0][:16] + rng.bytes(int(rng.integers(0, 400))) + small[0][-28:])
        with pytest.raises(RetrievalError):
            Archive.open(path)


def _record(archive: Archive, row: int) -> Coded | None:
    try:
        return archive.record(row)
    except DamagedFileError:
        return None
