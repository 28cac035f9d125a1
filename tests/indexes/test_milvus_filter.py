"""Filters in Milvus select exactly what the catalog's SQL selects, and no value is ever read as syntax."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from core.datasets import Catalog, FieldSpec
from core.datasets.catalog import Row
from core.indexes.milvus_filter import MAX_TEXT_BYTES, NO_NUMBER, NO_TEXT, column_of, expression, literal, stored

FIELDS = [FieldSpec("artist", "Artist", "choice"), FieldSpec("year", "Year", "range"), FieldSpec("größe", "Size")]
HOSTILE = [
    'x" or image_id > 0 or f_artist == "',
    "' or '1' == '1",
    "\\",
    '\\"',
    "a\nb\tc\rd",
    "]) or (image_id in [1, 2",
    "{artist}",
    "'; DROP TABLE images; --",
    "🌊 storm",
    "Ž" * 200,
    "null",
    "true",
    "",
    " ",
    "1890",
    "-3.5",
    "∅",
    "∅∅ none",
]
ARTISTS: list[Any] = [*HOSTILE, "Monet", "Hokusai", 1890, 7.0, None, "absent"]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_literal_ends_where_it_began_whatever_the_text_holds(text: str) -> None:
    inner = literal(text)[1:-1]
    assert '"' not in inner.replace("\\\\", "").replace('\\"', "")
    assert not set(inner) & {"\n", "\r", "\t"}


def test_nothing_asked_for_is_an_empty_expression_and_none_of_no_values_selects_nothing() -> None:
    assert expression({}, FIELDS) == ""
    assert expression({"artist": []}, FIELDS) is None
    assert expression({"artist": "x" * (MAX_TEXT_BYTES + 1)}, FIELDS) is None  # no column can hold it


def test_unknown_fields_and_impossible_values_are_refused_in_the_catalogs_words() -> None:
    with pytest.raises(ValueError, match="unknown field 'colour'; there are: artist"):
        expression({"colour": "red"}, FIELDS)
    with pytest.raises(ValueError, match="year is a number"):
        expression({"year": "late"}, FIELDS)


def test_columns_have_names_that_milvus_allows_and_values_that_they_can_hold() -> None:
    assert column_of("in") == "f_in"
    assert column_of("größe").isascii()
    assert stored("Ž" * MAX_TEXT_BYTES, "text") == "Ž" * (MAX_TEXT_BYTES // 2)
    assert (stored(7.0, "choice"), stored(1890, "choice"), stored(0.5, "choice")) == ("7", "1890", "0.5")
    assert (stored(None, "choice"), stored("x", "range"), stored(3, "range")) == (NO_TEXT, NO_NUMBER, 3.0)
    assert stored(NO_TEXT, "choice") not in (NO_TEXT, stored(NO_TEXT * 2, "choice"))
    assert stored("\ud800", "text") == "?"


def test_a_condition_on_the_partition_field_goes_to_the_partition_key() -> None:
    assert expression({"artist": "Monet"}, FIELDS, "artist") == 'partition in ["Monet"]'
    assert expression({"artist": None}, FIELDS, "artist") == 'f_artist in ["∅"]'
    assert expression({"artist": ["Monet", None]}, FIELDS, "artist") == 'f_artist in ["Monet", "∅"]'


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Catalog, Any]]:
    """A catalog of awkward values, and the index in Milvus Lite that was loaded from it."""
    pytest.importorskip("pymilvus", reason="pymilvus is not installed: make setup-scale")
    pytest.importorskip("milvus_lite", reason="milvus-lite is not installed: make setup-scale")
    from core.indexes.milvus import MilvusIndex
    from core.indexes.milvus_client import MilvusServer
    from core.indexes.milvus_loading import load
    from core.indexes.milvus_schema import MilvusOptions, create

    folder = tmp_path_factory.mktemp("filters")
    catalog = Catalog.create(folder / "catalog.sqlite", {"title": "T"}, FIELDS)
    rows = []
    for number in range(3 * len(ARTISTS)):
        fields: dict[str, Any] = {"artist": ARTISTS[number % len(ARTISTS)], "größe": HOSTILE[number % len(HOSTILE)]}
        if fields["artist"] == "absent":
            del fields["artist"]
        if number % 3:
            fields["year"] = [1890, -3.5, 0, 1e-7, 2**40][number % 5]
        rows.append(
            Row(f"{number}.png", f"{number:064}", 10 + number, 20, HOSTILE[number % 5], "ab"[number % 2], "", fields)
        )
    catalog.write(rows)
    ids = catalog.ids()
    vectors = np.random.default_rng(0).standard_normal((len(ids), 8)).astype(np.float32)
    server = MilvusServer(str(folder / "lite.db"))
    options = MilvusOptions("FLAT")
    create(server, "filters", 8, FIELDS, options)
    index = MilvusIndex(8, collection="filters", options=options.to_json())
    index.use(server)
    load(index, folder / "notes", ids, vectors, catalog)
    yield catalog, index
    server.close()


def selected(both: tuple[Catalog, Any], where: dict[str, Any]) -> tuple[list[int], list[int]]:
    """The ids that the catalog selects and those that Milvus does, ascending."""
    catalog, index = both
    found = index.search_where(np.zeros((1, 8), np.float32), len(catalog), where, catalog.fields()).ids[0]
    return catalog.select(where).tolist(), sorted(found[found >= 0].tolist())


@pytest.mark.parametrize("artist", ARTISTS)
def test_a_value_finds_the_rows_that_hold_it_and_no_other(both: tuple[Catalog, Any], artist: Any) -> None:
    wanted, found = selected(both, {"artist": artist})
    assert found == wanted
    assert wanted or artist == "absent"


VALUES = st.sampled_from(["artist", "größe", "title"]).flatmap(
    lambda name: st.tuples(st.just(name), st.lists(st.sampled_from(ARTISTS) | st.text(max_size=8), max_size=4))
)
BOUND = st.none() | st.sampled_from([-3.5, 0, 1e-7, 1890, 2**40, 5])
RANGES = st.tuples(
    st.sampled_from(["year", "width"]),
    st.fixed_dictionaries({"min": BOUND, "max": BOUND}) | st.lists(BOUND, max_size=3),
)


@given(st.lists(VALUES | RANGES, max_size=3).map(dict))
@examples(max_examples=40, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_filter_selects_in_milvus_what_it_selects_in_the_catalog(
    both: tuple[Catalog, Any], where: dict[str, Any]
) -> None:
    wanted, found = selected(both, where)
    assert found == wanted


def test_rows_can_be_left_out_by_their_ids(both: tuple[Catalog, Any], tmp_path: Path) -> None:
    catalog, index = both
    without = catalog.ids()[:5]
    found = index.search_where(np.zeros((1, 8), np.float32), len(catalog), {}, catalog.fields(), without=without).ids[0]
    assert sorted(found[found >= 0].tolist()) == catalog.ids()[5:].tolist()
