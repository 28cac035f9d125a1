"""The catalog agrees with a dictionary under any sequence of writes, and survives what goes wrong."""

import json
import sqlite3
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from core.datasets.base import FieldSpec
from core.datasets.catalog import Catalog, Row
from core.datasets.catalog_file import CatalogFile
from core.errors import DamagedFileError, NotPreparedError, StorageError, UnknownNameError, VersionError

FIELDS = [
    FieldSpec("artist", "Artist", "choice"),
    FieldSpec("year", "Year", "range"),
    FieldSpec("medium", "Medium"),
]


def row(path: str, sha256: str = "a" * 64, **facts: Any) -> Row:
    return Row(path, sha256, 10, 20, **facts)


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return Catalog.create(tmp_path / "mine" / "catalog.sqlite", {"title": "Mine"}, FIELDS)


PATHS = st.sampled_from(["a.jpg", "b/c.jpg", "ü 'quoted\".png", "d"])
SUMS = st.sampled_from(["0" * 64, "1" * 64, "2" * 64])


class CatalogAgainstDictionary(RuleBasedStateMachine):
    """Writes, moves and removes at random; a dictionary from id to row is the reference."""

    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.catalog = Catalog.create(Path(self.folder.name) / "catalog.sqlite", {}, FIELDS)
        self.rows: dict[int, Row] = {}
        self.used: set[int] = set()
        self.states: dict[str, str] = {}

    def teardown(self) -> None:
        self.catalog.close()
        self.folder.cleanup()

    @rule(batch=st.lists(st.tuples(PATHS, SUMS, st.text(max_size=3)), max_size=4, unique_by=lambda item: item[0]))
    def write(self, batch: list[tuple[str, str, str]]) -> None:
        new = [Row(path, sha256, 3, 4, title=title, fields={"artist": title}) for path, sha256, title in batch]
        ids = self.catalog.write(new)
        for image_id, written in zip(ids, new, strict=True):
            before = next((key for key, old in self.rows.items() if old.path == written.path), None)
            if before is not None and self.rows[before].sha256 == written.sha256:
                assert image_id == before
            else:
                assert image_id not in self.used
                self.rows.pop(before, None)
            self.rows[image_id] = written
            self.used.add(image_id)

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        chosen = data.draw(st.lists(st.sampled_from([*sorted(self.rows), 999_999]), max_size=2))
        self.catalog.write(removed=chosen)
        for image_id in chosen:
            self.rows.pop(image_id, None)

    @rule(data=st.data(), path=PATHS)
    def move(self, data: st.DataObject, path: str) -> None:
        if not self.rows:
            return
        image_id = data.draw(st.sampled_from(sorted(self.rows)))
        moved = Row(path, self.rows[image_id].sha256, 3, 4, label="moved")
        taken = any(old.path == path for key, old in self.rows.items() if key != image_id)
        if taken:
            with pytest.raises(ValueError, match="taken"):
                self.catalog.write(moved={image_id: moved})
        else:
            self.catalog.write(moved={image_id: moved})
            self.rows[image_id] = moved

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "rows"):
            return
        assert self.catalog.ids().tolist() == sorted(self.rows)
        assert len(self.catalog) == len(self.rows)
        for record in self.catalog.records():
            expected = self.rows[record.image_id]
            assert (record.path, record.sha256, record.title) == (expected.path, expected.sha256, expected.title)
            assert (record.label, record.fields) == (expected.label, dict(expected.fields))
        assert self.catalog.faults() == []
        rows = json.dumps([[key, str(self.rows[key])] for key in sorted(self.rows)])
        assert self.states.setdefault(rows, self.catalog.state()) == self.catalog.state()
        assert len(set(self.states.values())) == len(self.states)


CatalogAgainstDictionary.TestCase.settings = settings(max_examples=15, stateful_step_count=12, deadline=None)
TestCatalogAgainstDictionary = CatalogAgainstDictionary.TestCase


def test_an_id_is_never_reused_even_after_the_last_one_is_removed(catalog: Catalog) -> None:
    first = catalog.write([row("a"), row("b")])
    catalog.write(removed=first)
    assert catalog.state() == "0" * 32
    assert min(catalog.write([row("a")])) > max(first)


def test_a_path_whose_content_changes_gets_a_new_id(catalog: Catalog) -> None:
    [before] = catalog.write([row("a")])
    assert catalog.write([row("a", title="new title")]) == [before]
    [after] = catalog.write([row("a", "b" * 64)])
    assert after != before
    assert catalog.ids().tolist() == [after]


def test_a_new_title_changes_the_state_but_not_the_state_of_the_contents(catalog: Catalog) -> None:
    catalog.write([row("a")])
    state, content = catalog.state(), catalog.content_state()
    catalog.write([row("a", title="other")])
    assert catalog.state() != state
    assert catalog.content_state() == content
    catalog.write([row("a")])
    assert catalog.state() == state


def test_a_failing_write_leaves_everything_as_it_was(catalog: Catalog) -> None:
    catalog.write([row("a")])
    state = catalog.state()
    with pytest.raises(ValueError, match="JSON"):
        catalog.write([row("b"), row("c", fields={"year": float("nan")})])
    with pytest.raises(ValueError, match="other content"):
        catalog.write([row("b")], moved={1: row("z", "f" * 64)})
    assert catalog.state() == state
    assert len(catalog) == 1


def test_records_come_in_the_order_asked_for_and_an_unknown_id_is_named(catalog: Catalog) -> None:
    catalog.write([row(f"{at}") for at in range(5)])
    assert [record.image_id for record in catalog.records(np.array([3, 1, 3]))] == [3, 1, 3]
    assert catalog.records([]) == []
    assert catalog.get(2).path == "1"
    with pytest.raises(UnknownNameError, match="mine has no picture 77"):
        catalog.records([1, 77])


ROWS = [
    row("0", label="cat", split="train", fields={"artist": "Monet", "year": 1890, "medium": "Oil"}),
    row("1", label="cat", split="test", fields={"artist": "Manet", "year": 1860.5}),
    row("2", label="dog", split="train", fields={"artist": "Monet", "year": None}),
    row("3", fields={"artist": "' OR 1=1 --", "year": -50}),
    row("4", fields={}),
]


def test_a_missing_catalog_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(NotPreparedError, match="python -m core data get paintings"):
        len(Catalog(tmp_path / "paintings" / "catalog.sqlite"))
    assert not (tmp_path / "paintings").exists()


@pytest.mark.parametrize("damage", ["junk", "truncated", "foreign", "page"])
def test_a_damaged_catalog_says_what_to_run(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "mine" / "catalog.sqlite"
    catalog = Catalog.create(path, {}, FIELDS)
    catalog.write([row(str(at), title="x" * 200) for at in range(300)])
    catalog.close()
    data = path.read_bytes()
    if damage == "junk":
        path.write_bytes(b"this is not a database" * 100)
    elif damage == "truncated":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "page":
        path.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))
    else:
        path.unlink()
        sqlite3.connect(path).execute("CREATE TABLE t (x)")
    with pytest.raises(DamagedFileError, match="python -m core data remove mine"):
        Catalog(path).records()


def test_a_catalog_of_a_newer_version_is_not_misread(catalog: Catalog) -> None:
    catalog.close()
    with sqlite3.connect(catalog.path) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(VersionError, match="99"):
        catalog.ids()


def test_rows_changed_behind_our_back_are_noticed(catalog: Catalog) -> None:
    catalog.write(ROWS)
    assert catalog.faults() == []
    catalog.close()
    with sqlite3.connect(catalog.path) as connection:
        connection.execute("UPDATE images SET sha256 = 'x' WHERE image_id = 2")
    assert len(catalog.faults()) == 2


def test_a_full_disk_is_a_storage_error_and_loses_nothing(catalog: Catalog) -> None:
    catalog.write(ROWS)
    with catalog._file.reading() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
    limited = Catalog(catalog.path)
    with limited._file.reading() as connection:
        connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StorageError, match="full"):
        limited.write([row(f"more {at}", title="x" * 500) for at in range(500)])
    assert len(catalog) == len(ROWS)
    assert catalog.faults() == []


def test_a_writer_that_waits_in_vain_is_told_that_another_is_writing(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.datasets.catalog_file._BUSY_TIMEOUT_S", 0.05)
    with catalog._file.writing(), pytest.raises(StorageError, match="another process"):
        Catalog(catalog.path).write([row("a")])


def test_threads_read_while_another_writes(catalog: Catalog) -> None:
    catalog.write([row(f"first {at}") for at in range(20)])

    def read(_: int) -> int:
        records = catalog.records()
        assert len({record.image_id for record in records}) == len(records)
        return len(records) % 20

    with ThreadPoolExecutor(6) as pool:
        reads = pool.map(read, range(120))
        for batch in range(10):
            catalog.write([row(f"{batch} {at}") for at in range(20)])
        assert set(reads) == {0}  # whole batches only


def test_a_catalog_that_was_replaced_is_read_anew(catalog: Catalog, tmp_path: Path) -> None:
    catalog.write(ROWS)
    assert len(catalog) == 5
    other = Catalog.create(tmp_path / "other" / "catalog.sqlite", {}, [])
    other.write([row("only")])
    other.close()
    for path in catalog.path.parent.glob("catalog.sqlite-*"):
        path.unlink()
    other.path.replace(catalog.path)
    assert len(catalog) == 1


def test_a_catalog_whose_making_is_interrupted_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine" / "catalog.sqlite"
    with monkeypatch.context() as patch:
        patch.setattr("core.datasets.catalog_file._SCHEMA", "CREATE TABLE images (x); SELECT no_such_function();")
        with pytest.raises(sqlite3.OperationalError, match="no_such_function"):
            Catalog.create(path, {})
    assert list(path.parent.iterdir()) == []
    assert len(Catalog.create(path, {})) == 0


def test_creating_twice_keeps_the_rows_and_updates_the_facts(catalog: Catalog) -> None:
    catalog.write(ROWS)
    again = Catalog.create(catalog.path, {"note": "seen from far away"}, FIELDS[:1])
    assert len(again) == 5
    assert again.meta()["title"] == "Mine"
    assert again.meta()["note"] == "seen from far away"
    assert again.fields() == FIELDS[:1]
    again.set_meta(note="")
    assert catalog.meta()["note"] == ""
    CatalogFile(catalog.path).create()
    assert len(again) == 5
