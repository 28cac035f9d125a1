"""Filters select what they say, and facets are what there is to choose from."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.datasets.base import FieldSpec
from core.datasets.catalog import Catalog, Row

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


ROWS = [
    row("0", label="cat", split="train", fields={"artist": "Monet", "year": 1890, "medium": "Oil"}),
    row("1", label="cat", split="test", fields={"artist": "Manet", "year": 1860.5}),
    row("2", label="dog", split="train", fields={"artist": "Monet", "year": None}),
    row("3", fields={"artist": "' OR 1=1 --", "year": -50}),
    row("4", fields={}),
]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({}, [0, 1, 2, 3, 4]),
        ({"artist": "Monet"}, [0, 2]),
        ({"artist": ["Monet", "Manet"]}, [0, 1, 2]),
        ({"artist": "Monet", "label": "cat"}, [0]),
        ({"artist": "' OR 1=1 --"}, [3]),
        ({"artist": "'; DROP TABLE images; --"}, []),
        ({"artist": []}, []),
        ({"artist": None}, [4]),
        ({"artist": [None, "Manet"]}, [1, 4]),
        ({"year": {"min": 1860}}, [0, 1]),
        ({"year": {"min": -100, "max": 1860.5}}, [1, 3]),
        ({"year": {"max": None, "min": "1880"}}, [0]),
        ({"year": 1890}, [0]),
        ({"year": "1890"}, [0]),
        ({"year": {"min": None}}, [0, 1, 2, 3, 4]),
        ({"width": {"min": 10, "max": 10}}, [0, 1, 2, 3, 4]),
        ({"path": "3"}, [3]),
        ({"path": 3}, [3]),
        ({"split": ["train"]}, [0, 2]),
        ({"medium": ("Oil",)}, [0]),
    ],
)
def test_a_filter_selects_what_it_says(catalog: Catalog, where: dict[str, Any], expected: list[int]) -> None:
    catalog.write(ROWS)
    ids = catalog.select(where)
    assert ids.dtype == np.int64
    assert (ids - 1).tolist() == expected
    assert len(catalog) == 5


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        ({"painter": "Monet"}, "unknown field 'painter'; there are: artist, year, medium, label, split"),
        ({'artist"; --': 1}, "unknown field"),
        ({"year": "early"}, "year is a number"),
        ({"year": {"from": 3}}, "for ranges"),
        ({"year": {}}, "for ranges"),
        ({"artist": {"min": 3}}, "artist is a choice"),
        ({"artist": True}, "text or a number"),
        ({"artist": [{"a": 1}]}, "text or a number"),
        ({"year": {"min": float("inf")}}, "finite"),
        ({"year": {"min": [1]}}, "year is a number"),
    ],
)
def test_a_filter_that_makes_no_sense_is_a_value_error(catalog: Catalog, where: dict[str, Any], sentence: str) -> None:
    catalog.write(ROWS)
    with pytest.raises(ValueError, match=sentence):
        catalog.select(where)


@settings(deadline=None, max_examples=40)
@given(values=st.lists(st.one_of(st.none(), st.integers(-9, 9), st.floats(-9, 9)), max_size=8), low=st.integers(-9, 9))
def test_a_range_agrees_with_python(values: list[float | None], low: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        catalog = Catalog.create(Path(folder) / "catalog.sqlite", {}, FIELDS)
        catalog.write([row(str(at), fields={"year": value}) for at, value in enumerate(values)])
        found = (catalog.select({"year": {"min": low, "max": low + 3}}) - 1).tolist()
        assert found == [at for at, value in enumerate(values) if value is not None and low <= value <= low + 3]
        catalog.close()


def test_facets_count_choices_and_bound_ranges(catalog: Catalog) -> None:
    catalog.write(ROWS)
    facets = {facet.name: facet for facet in catalog.facets()}
    assert list(facets) == ["artist", "year", "label", "split"]
    assert facets["artist"].values == [("Monet", 2), ("' OR 1=1 --", 1), ("Manet", 1)]
    assert (facets["year"].low, facets["year"].high) == (-50, 1890)
    assert facets["label"].values == [("cat", 2), ("dog", 1)]
    assert facets["split"].values == [("train", 2), ("test", 1)]
    catalog.write(removed=catalog.select({"label": "dog"}))
    assert len(catalog) == 4
    assert "label" not in {facet.name for facet in catalog.facets()}


def test_choices_that_begin_with_a_number_are_in_its_order(catalog: Catalog) -> None:
    catalog.write([row(str(at), label=f"{at}th century") for at in (19, 8, 15)])
    labels = next(facet for facet in catalog.facets() if facet.name == "label")
    assert [value for value, _ in labels.values] == ["8th century", "15th century", "19th century"]


def test_a_field_needs_an_identifier_and_a_known_kind() -> None:
    with pytest.raises(ValueError, match="identifier"):
        FieldSpec('a"b', "Bad")
    with pytest.raises(ValueError, match="kind"):
        FieldSpec("a", "Bad", "colour")  # type: ignore[arg-type]
