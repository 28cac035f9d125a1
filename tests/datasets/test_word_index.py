"""Searching a catalog by words: what is found, in which order, and that the index follows every write."""

import sqlite3
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.datasets import word_index
from core.datasets.base import FieldSpec
from core.datasets.catalog import Catalog, Row
from core.datasets.words import words_of
from core.errors import UnavailableError

WORKS = (
    ("A Storm at Sea", "Claude Monet", "Oil on canvas", "French"),
    ("Water Lilies", "Claude Monet", "Oil on canvas, painted after the storm", "French"),
    ("Boating", "Édouard Manet", "Oil on canvas", "French"),
    ("Self-Portrait", "Rembrandt", "Oil on wood", "Dutch"),
    ("富嶽三十六景", "Hokusai", "Woodblock print", "Japan"),
    ("Stormy Weather", "Unknown artist", "Ink", "China"),
)


def row(number: int, title: str, artist: str = "", medium: str = "", culture: str = "") -> Row:
    fields = {"artist": artist, "medium": medium, "culture": culture, "licence": "CC0 storm"}
    return Row(f"{number}.jpg", f"{number:064}", 100, 80, title, fields=fields)


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    catalog = Catalog.create(tmp_path / "catalog.sqlite", {}, [FieldSpec("culture", "Culture", "choice")])
    catalog.write([row(number, *work) for number, work in enumerate(WORKS, start=1)])
    return catalog


def found(catalog: Catalog, text: str, most: int = 10, **where: object) -> list[int]:
    return catalog.search_words(text, where, most).ids.tolist()


def test_a_word_in_the_title_comes_before_the_same_word_in_the_notes(catalog: Catalog) -> None:
    order = found(catalog, "storm")
    assert order.index(1) < order.index(2)


def test_a_word_stands_for_those_that_begin_with_it_after_the_word_itself(catalog: Catalog) -> None:
    assert set(found(catalog, "sto")) == {1, 2, 6}
    assert found(catalog, "storm")[0] == 1
    assert found(catalog, "stormy") == [6]
    assert found(catalog, "st") == []  # two letters are a word or nothing


def test_all_words_must_be_there_in_any_order_and_any_column(catalog: Catalog) -> None:
    assert found(catalog, "monet storm") == found(catalog, "STORM, Monet!") == [1, 2]
    assert catalog.search_words("monet storm", {}).every


def test_where_no_picture_has_all_words_those_with_some_are_found_and_that_is_said(catalog: Catalog) -> None:
    answer = catalog.search_words("rembrandt lilies", {}, 10)
    assert (set(answer.ids.tolist()), answer.total, answer.every) == ({2, 4}, 2, False)


def test_accents_and_mistyped_words_are_forgiven_and_said(catalog: Catalog) -> None:
    assert found(catalog, "edouard") == found(catalog, "Édouard") == [3]
    answer = catalog.search_words("rembrant", {}, 10)
    assert answer.ids.tolist() == [4]
    assert [(one.typed, one.terms, one.how) for one in answer.read] == [("rembrant", ("rembrandt",), "mistyped")]


def test_a_word_that_occurs_is_not_taken_for_another(catalog: Catalog) -> None:
    assert set(found(catalog, "manet")) == {3}
    assert set(found(catalog, "monet")) == {1, 2}


def test_signs_are_found_within_a_run_and_in_their_order(catalog: Catalog) -> None:
    assert found(catalog, "三十六") == [5]
    assert found(catalog, "六三") == []


def test_filters_hold_and_licences_are_not_searched(catalog: Catalog) -> None:
    assert found(catalog, "oil", culture=["Dutch"]) == [4]
    assert found(catalog, "cc0") == []
    with pytest.raises(ValueError, match="unknown field"):
        found(catalog, "oil", nonsense=1)


def test_without_a_number_all_are_returned_by_ascending_id(catalog: Catalog) -> None:
    answer = catalog.search_words("oil", {})
    assert answer.ids.tolist() == [1, 2, 3, 4]
    assert (answer.ids.dtype, answer.total) == (np.int64, 4)


@pytest.mark.parametrize(
    "text", ["", "   ", "😀🎨", "!!!", "x" * 10_000, "storm " * 2_000, "NEAR(" * 2_000, "\x00", "\ud800"]
)
def test_odd_questions_are_answered(catalog: Catalog, text: str) -> None:
    answer = catalog.search_words(text, {}, 10)
    assert answer.total == (3 if "storm" in text else 0)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.lists(
        st.sampled_from(
            ['"', "'", "*", "(", ")", ":", "^", "-", "+", "AND", "OR", "NOT", "NEAR", "title", "{title artist}",
             "storm", "monet", ";", "DROP TABLE images", "--", "%", "_", "\\", "x'", "rowid", "rank", ","]
        ),
        max_size=12,
    )
)  # fmt: skip
def test_nothing_that_is_typed_is_syntax(catalog: Catalog, parts: list[str]) -> None:
    text = " ".join(parts)
    plain = " ".join(text[word.start : word.end] for word in words_of(text))
    assert found(catalog, text) == found(catalog, plain)
    assert len(catalog) == len(WORKS)


def test_the_index_follows_every_write(catalog: Catalog) -> None:
    assert found(catalog, "monet") == [1, 2]
    new = catalog.write([row(7, "Haystacks", "Claude Monet")])
    assert set(found(catalog, "monet")) == {1, 2, *new}
    assert found(catalog, "haystcks") == new  # its words are known at once
    catalog.write([row(7, "Poplars", "Claude Monet")])  # the same file: only its title has changed
    assert (found(catalog, "haystacks"), found(catalog, "poplars")) == ([], new)
    catalog.write(moved={new[0]: Row("autumn/7.jpg", f"{7:064}", 100, 80, "Poplars")})
    assert (found(catalog, "autumn"), found(catalog, "monet")) == (new, [1, 2])
    catalog.write(removed=new)
    assert found(catalog, "poplars") == []
    assert catalog.faults() == []


def test_a_following_index_equals_one_that_is_built_anew(catalog: Catalog, tmp_path: Path) -> None:
    found(catalog, "monet")
    catalog.write([row(9, "A Storm", "Turner")], removed=[1])

    def content() -> list[tuple[object, ...]]:
        with sqlite3.connect(catalog.path) as connection:
            return connection.execute("SELECT rowid, * FROM words ORDER BY rowid").fetchall()

    followed = content()
    with sqlite3.connect(catalog.path) as connection:
        connection.execute("UPDATE word_state SET version = 0")
    found(catalog, "monet")
    assert content() == followed


def test_a_catalog_whose_rows_were_changed_without_the_index_is_indexed_again(catalog: Catalog) -> None:
    assert found(catalog, "monet") == [1, 2]
    with sqlite3.connect(catalog.path) as connection:  # as a version without an index of words would
        connection.execute("UPDATE images SET title = 'Gladioli' WHERE image_id = 3")
        connection.execute("UPDATE meta SET value = ? WHERE key = 'state'", ["f" * 32])
    assert found(catalog, "gladioli") == [3]


def test_where_very_many_match_titles_and_artists_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_index, "_RANKED", 5)
    catalog = Catalog.create(tmp_path / "many.sqlite", {})
    rows = [row(number, "Stormy" if number == 11 else "Calm", medium="storm") for number in range(1, 20)]
    catalog.write([*rows, row(20, "Storm")])
    answer = catalog.search_words("storm", {}, 4)
    assert (answer.ids.tolist(), answer.total) == ([20, 1, 2, 3], 20)
    assert not answer.read[0].begins  # so many have the word itself that "Stormy" is not looked for
    assert catalog.search_words("storms", {}, 4).read[0].how == "mistyped"
    assert sorted(catalog.search_words("storm", {}, 30).ids.tolist()) == list(range(1, 21))


def test_a_python_without_full_text_search_is_told_what_to_do(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(word_index, "_SCHEMA", "CREATE VIRTUAL TABLE words USING fts99(title)")
    with pytest.raises(UnavailableError, match="FTS5"):
        found(catalog, "monet")
