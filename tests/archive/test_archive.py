"""The container: what is written is read, appended to, and checked."""

from pathlib import Path

import cbor2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.archive import layout, writer
from core.archive.names import fault_of, restored_names
from core.archive.reader import Archive
from core.codec.modes import Coded, Mode
from core.errors import DamagedFileError, StaleError, StorageError, VersionError

MODEL = "ab" * 32
OTHER = "cd" * 32
RECORDS = st.lists(
    st.tuples(
        st.text("abcdefgh/é-", min_size=1, max_size=12), st.sampled_from(list(Mode)), st.integers(0, 40),
        st.integers(1, 70000), st.binary(max_size=50),
    ),
    max_size=8, unique_by=lambda one: one[0],
)  # fmt: skip


def write(path: Path, count: int = 3, **options: object) -> None:
    """Write an archive of made-up lossless records."""
    with writer.create(path, codec_sha256=MODEL, **options) as archive:  # type: ignore[arg-type]
        for number in range(count):
            archive.add(f"a/{number}.png", Coded(Mode.LOSSLESS, 0, 10, 20 + number, bytes([number] * (5 + number))))


@given(records=RECORDS)
@settings(max_examples=60, deadline=None)
def test_every_record_comes_back_as_it_was_given(records: list, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("archive") / "a.pent"
    kept = [one for one in records if fault_of(one[0]) is None]
    with writer.create(path, codec_sha256=MODEL, title="ü") as archive:
        for name, mode, position, side, data in kept:
            archive.add(name, Coded(mode, position, side, side + 1, data), fields={"size": side, "note": None})
    with Archive.open(path) as archive:
        assert archive.names == [one[0] for one in kept]
        for row, (_, mode, position, side, data) in enumerate(kept):
            assert archive.record(row) == Coded(mode, position, side, side + 1, data)
        assert archive.fields() == [{"size": one[3]} for one in kept]
        assert archive.faults() == []
        assert archive.directory["title"] == "ü"


def test_appending_leaves_what_is_there_untouched(tmp_path: Path) -> None:
    path = tmp_path / "a.pent"
    write(path)
    before = path.read_bytes()
    with writer.append(path, codec_sha256=MODEL) as archive:
        archive.add("b.png", Coded(Mode.LEARNED, 3, 16, 16, b"xyz"))
    assert path.read_bytes().startswith(before)
    with Archive.open(path) as archive:
        assert archive.names == ["a/0.png", "a/1.png", "a/2.png", "b.png"]
        assert archive.record(3) == Coded(Mode.LEARNED, 3, 16, 16, b"xyz")
        assert archive.record(1).data == bytes([1] * 6)
        assert archive.codec_sha256 == MODEL


def test_an_interrupted_append_leaves_the_archive_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.pent"
    write(path)
    before = path.read_bytes()
    with pytest.raises(KeyboardInterrupt), writer.append(path, codec_sha256=MODEL) as archive:
        archive.add("b.png", Coded(Mode.LEARNED, 3, 16, 16, b"xyz"))
        raise KeyboardInterrupt
    assert path.read_bytes() == before
    path.write_bytes(before + b"half a segment")  # as after a power cut
    with Archive.open(path) as archive:
        assert len(archive) == 3
        assert "14 bytes after the last complete write are ignored" in archive.note
    with writer.append(path, codec_sha256=MODEL) as archive:
        archive.add("b.png", Coded(Mode.LEARNED, 3, 16, 16, b"xyz"))
    with Archive.open(path) as archive:
        assert len(archive) == 4
        assert archive.faults() == []


def test_names_are_not_given_twice_and_lead_nowhere_else(tmp_path: Path) -> None:
    with writer.create(tmp_path / "a.pent", codec_sha256=MODEL) as archive:
        archive.add("x.png", Coded(Mode.LOSSLESS, 0, 1, 1, b""))
        for name in ("x.png", "../x", "/x", "a//b", "a/./b", "c:x", "a\\b", "", "a\0", "a ", "b/..", "x" * 2000):
            with pytest.raises(ValueError, match="name"):
                archive.add(name, Coded(Mode.LOSSLESS, 0, 1, 1, b""))


def test_restored_names_end_in_png_and_never_collide() -> None:
    names = ["a/b.jpg", "a/b.png", "A/B.gif", "c.tar.webp", ".hidden", "d"]
    found = restored_names(names)
    assert found == ["a/b.jpg.png", "a/b.png.png", "A/B.gif.png", "c.tar.png", ".hidden.png", "d.png"]
    assert len({name.casefold() for name in found}) == len(names)


def test_an_existing_file_is_kept_unless_forced(tmp_path: Path) -> None:
    path = tmp_path / "a.pent"
    write(path)
    with pytest.raises(StorageError, match="--force"):
        write(path)
    write(path, 1, force=True)
    with Archive.open(path) as archive:
        assert len(archive) == 1


def test_a_failed_write_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), writer.create(tmp_path / "a.pent", codec_sha256=MODEL):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_another_model_cannot_be_mixed_in(tmp_path: Path) -> None:
    path = tmp_path / "a.pent"
    with writer.create(path, codec_sha256=MODEL) as archive:
        archive.add("x.png", Coded(Mode.LEARNED, 0, 1, 1, b""))
    with pytest.raises(StaleError, match=r"abababababab.*cdcdcdcdcdcd"), writer.append(path, codec_sha256=OTHER):
        pass


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"), (b"PK\3\4" + bytes(40), "not a .pent archive"),
        (layout.MAGIC, "truncated"), (layout.header(), "truncated"),
    ],
)  # fmt: skip
def test_what_is_no_archive_is_said_in_words(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "x.pent"
    path.write_bytes(content)
    with pytest.raises(DamagedFileError, match=words):
        Archive.open(path)


def test_a_folder_a_missing_file_and_a_newer_version_are_named(tmp_path: Path) -> None:
    import struct
    import zlib

    with pytest.raises(DamagedFileError, match="is a folder"):
        Archive.open(tmp_path)
    with pytest.raises(DamagedFileError, match="does not exist"):
        Archive.open(tmp_path / "none.pent")
    path = tmp_path / "new.pent"
    write(path)
    start = struct.pack("<8sBBH", layout.MAGIC, layout.MAJOR + 1, 0, 0)
    path.write_bytes(start + struct.pack("<I", zlib.crc32(start)) + path.read_bytes()[16:])
    with pytest.raises(VersionError, match=r"format 2.*reads up to 1"):
        Archive.open(path)


@pytest.mark.parametrize(
    "change",
    [
        {"segments": None}, {"segments": [{"count": -1, "planes": {}}]}, {"segments": [{"count": 10**9, "planes": {}}]},
        {"segments": [{"count": 3, "planes": {}}]}, {"segments": [[]]},
    ],
)  # fmt: skip
def test_a_directory_that_lies_is_refused(tmp_path: Path, change: dict) -> None:
    path = tmp_path / "a.pent"
    write(path)
    with Archive.open(path) as archive:
        directory, end = archive.directory | change, archive.end
    packed = layout.pack_directory(directory)
    path.write_bytes(path.read_bytes()[:end] + packed + layout.trailer(end, packed))
    with pytest.raises(DamagedFileError):
        Archive.open(path)


def test_parts_that_would_unpack_to_too_much_are_refused() -> None:
    import zlib

    bomb = zlib.compress(bytes(10_000_000), 9)
    with pytest.raises(ValueError, match="length"):
        layout.inflate(bomb, 1000)
    with pytest.raises(ValueError, match="length"):
        layout.unpack_integers(bomb, {"kind": "u4", "packed": True}, 100)
    with pytest.raises(DamagedFileError):
        layout.unpack_directory(zlib.compress(b"\x9b\x7f" + b"\xff" * 7), "x")  # a list that claims 2**62 items
    with pytest.raises(ValueError):
        layout.unpack_cbor(zlib.compress(cbor2.dumps([1])[:-1]), 100)


@given(values=st.lists(st.integers(0, 2**63 - 1), max_size=30))
@settings(max_examples=60, deadline=None)
def test_columns_of_integers_come_back(values: list[int]) -> None:
    data, plane = layout.pack_integers(values)
    np.testing.assert_array_equal(layout.unpack_integers(data, plane, len(values)), np.array(values, np.int64))
