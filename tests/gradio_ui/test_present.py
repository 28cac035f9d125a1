"""Captions, sentences and numbers as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.datasets import ImageRecord
from gradio_ui import present


def record(**given: object) -> ImageRecord:
    facts = {"title": "", "label": "", "split": "", "fields": {}, **given}
    return ImageRecord(image_id=7, path="a/b.jpg", sha256="0" * 64, width=640, height=480, **facts)  # type: ignore[arg-type]


def test_a_painting_is_captioned_by_artist_title_date_culture_and_medium() -> None:
    fields = {"artist": "Jan Steen", "date": "1660", "culture": "Dutch", "medium": "Oil on canvas"}
    caption = present.caption(record(title="Merry Company", fields=fields))
    assert caption == {"lead": "Jan Steen", "title": "Merry Company", "date": "1660", "second": "Dutch · Oil on canvas"}
    assert present.spoken(caption) == "Jan Steen, Merry Company, 1660"


def test_a_tile_is_captioned_by_its_place_label_and_ground_scale() -> None:
    scale = "7.4 km per pixel north to south, 5.1 km east to west"
    fields = {"latitude": 38.4, "longitude": -20.13, "ground_scale": scale}
    caption = present.caption(record(title="whatever", label="temperate coast", fields=fields))
    assert caption["title"] == "38.4° N, 20.1° W"
    assert caption["second"] == "temperate coast · 7.4 km per pixel"


def test_a_picture_without_anything_is_captioned_by_its_file_and_label() -> None:
    caption = present.caption(record(label="holidays"))
    assert caption == {"lead": "", "title": "b.jpg", "date": "", "second": "holidays"}


@pytest.mark.parametrize(
    ("latitude", "longitude", "said"),
    [(0.0, 0.0, "0.0° N, 0.0° E"), (-12.34, 179.96, "12.3° S, 180.0° E"), (89.9, -0.04, "89.9° N, 0.0° W")],
)
def test_coordinates_are_said_with_hemispheres(latitude: float, longitude: float, said: str) -> None:
    assert present.coordinates(latitude, longitude) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.004, "0.00 ms"), (0.046, "0.05 ms"), (0.24, "0.2 ms"), (9.96, "10.0 ms"), (31.4, "31 ms"), (1234.0, "1.2 s")],
)
def test_durations_have_as_many_digits_as_matter(value: float, said: str) -> None:
    assert present.milliseconds(value) == said


def test_the_account_mentions_only_what_happened() -> None:
    timings = {"decode": 12.2, "encode": 30.9, "search": 0.21}
    assert present.account(timings, 612, "satellite", "faiss-flat") == (
        "Decoded in 12 ms, encoded in 31 ms, searched 612 tiles in 0.2 ms, faiss-flat"
    )
    stored = {"decode": 0.0, "encode": 0.0, "search": 0.21}
    assert present.account(stored, 1, "paintings", "flat") == "Searched 1 painting in 0.2 ms, flat"
    cached = present.account(stored, 9, "pictures", "flat", cached=True)
    assert cached.startswith("Query remembered, searched 9 pictures")


@given(st.integers(0, 10_000))
def test_the_headline_counts_in_the_right_number(count: int) -> None:
    said = present.headline(count, "Mine")
    assert said.endswith("in Mine")
    if count:
        assert said.startswith(f"{count} look-alike")
        assert ("look-alikes" in said) == (count != 1)


def test_metadata_comes_in_the_order_of_the_fields_without_empty_ones() -> None:
    fields = {"medium": "Oil", "artist": "X", "culture": None, "period": "", "extra_fact": 0.5, "licence": "CC0"}
    rows = present.metadata(record(fields=fields), {"artist": "Artist", "medium": "Medium"})
    assert [row["label"] for row in rows] == ["Artist", "Medium", "Extra fact", "Size", "File", "Number"]
    assert rows[3]["value"] == "640 × 480 pixels"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("land_share", 0.123, "12%"),
        ("latitude", 38.4, "38.40°"),
        ("begin_year", 1503, "1503"),
        ("weight", 2.0, "2"),
        ("weight", 2.345, "2.35"),
        ("signed", True, "yes"),
    ],
)
def test_values_have_units(name: str, value: object, said: str) -> None:
    assert present.field_value(name, value) == said


def test_rights_fall_back_to_the_gallery_and_say_when_nothing_is_recorded() -> None:
    assert present.rights(record(fields={"licence": "CC0"}), "MIT")["licence"] == "CC0"
    assert present.rights(record(), "MIT")["licence"] == "MIT"
    assert present.rights(record())["licence"] == "not recorded"


def test_only_web_addresses_become_source_links() -> None:
    for url in ("javascript:alert(1)", "file:///etc/passwd", "data:text/html,x", ""):
        assert present.rights(record(fields={"source_url": url}))["source_url"] == ""
    assert present.rights(record(fields={"source_url": "https://a.b/c"}))["source_url"] == "https://a.b/c"
