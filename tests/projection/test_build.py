"""Building, storing, extending and reading maps."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import Cancelled, NotPreparedError
from core.projection.build import Source, build_from
from core.projection.neighbours import exact_neighbours
from core.projection.publish import CHUNK
from core.projection.store import GalleryMap
from core.settings import Address, Settings
from core.storage import verify

from .conftest import make_source

HERE = Address("groups", "synthetic")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(root=tmp_path_factory.mktemp("maps"), threads=1)


@pytest.fixture(scope="module")
def built(home: Settings, source: Source) -> GalleryMap:
    return build_from(source, HERE, home)


def public(map_: GalleryMap, name: str, dtype: str) -> np.ndarray:
    return np.fromfile(map_.public / name, dtype)


def test_a_map_is_stored_with_everything_that_its_manifest_says(built: GalleryMap) -> None:
    assert verify(built.folder) == []
    assert built.manifest.params["projection"] == "umap"
    assert built.manifest.built_from == {"seed": 0, "n": 300}
    assert not [path for path in built.folder.rglob("*") if path.suffix in (".pkl", ".pickle")]


def test_groups_lie_apart_and_the_map_can_be_trusted(built: GalleryMap) -> None:
    assert built.summary["trustworthiness"] > 0.9  # six groups that hardly touch; UMAP gives .96 to .99 on such data
    assert built.summary["mean_trust"] > 0.5


def test_published_columns_are_in_the_order_of_the_ids(built: GalleryMap, source: Source) -> None:
    ids = public(built, "ids.u32", "<u4").astype(np.int64)
    assert sorted(ids) == source.ids.tolist()
    fields = [field["name"] for field in built.summary["fields"]]
    number = fields.index("label")
    codes = public(built, f"fields/{number}.u8", "u1")
    names = [value for value, _ in built.summary["fields"][number]["values"]]
    labels = {record.image_id: record.label for record in source.records}
    assert [names[code] for code in codes] == [labels[int(i)] for i in ids]
    places = built.frame.to_page(built.layout.places)[np.searchsorted(built.layout.ids, ids)]
    np.testing.assert_array_equal(public(built, "xy.f32", "<f4").reshape(-1, 2), places)


def test_the_grid_holds_each_point_in_its_cell(built: GalleryMap) -> None:
    side, (x0, y0, x1, y1) = built.summary["grid"]["side"], built.summary["grid"]["bounds"]
    starts = public(built, "grid.u32", "<u4")
    places = public(built, "xy.f32", "<f4").reshape(-1, 2).astype(np.float64)
    assert starts[0] == 0
    assert starts[-1] == len(places)
    cells = np.repeat(np.arange(side * side), np.diff(starts.astype(np.int64)))
    columns = np.clip(((places[:, 0] - x0) / (x1 - x0) * side).astype(int), 0, side - 1)
    rows = np.clip(((places[:, 1] - y0) / (y1 - y0) * side).astype(int), 0, side - 1)
    np.testing.assert_array_equal(cells, rows * side + columns)


def test_texts_lie_in_chunks_of_one_line_per_point(built: GalleryMap) -> None:
    lines = (built.public / "text" / "0.txt").read_text().split("\n")
    assert len(lines) == min(300, CHUNK)
    ids = public(built, "ids.u32", "<u4")
    assert lines[7].split("\t")[0].endswith(f"number {ids[7] - 1}")


def test_a_picture_lies_in_the_atlas_at_its_slot(built: GalleryMap, source: Source) -> None:
    ids, slots = public(built, "ids.u32", "<u4"), public(built, "slots.u32", "<u4")
    assert sorted(slots) == list(range(300))
    point, size = 11, 64
    across = built.summary["atlas"]["page"] // size
    page, at = divmod(int(slots[point]), across * across)
    sheet = np.asarray(Image.open(built.public / "atlas" / str(size) / f"{page}.webp").convert("L"), float)
    top, left = at // across * size, at % across * size
    assert source.picture_of is not None
    expected = float(source.picture_of(int(ids[point]) - 1).mean())
    assert abs(sheet[top + 10 : top + 30, left + 10 : left + 50].mean() - expected) < 6  # WebP is lossy


def test_clusters_are_named_by_the_labels_of_their_groups(built: GalleryMap) -> None:
    names = {cluster["name"] for cluster in built.summary["clusters"] if cluster["level"] == 0}
    words = {"harbour", "orchard", "glacier", "market", "chapel", "desert"}
    assert len({word for name in names for word in words if word in name}) >= 4


def test_the_same_source_gives_the_same_map(built: GalleryMap, source: Source, tmp_path: Path) -> None:
    again = build_from(source, HERE, Settings(root=tmp_path, threads=1))
    np.testing.assert_array_equal(again.layout.places, built.layout.places)
    assert again.summary == built.summary


def test_adding_and_removing_pictures_keeps_the_coordinates_of_the_others(source: Source, tmp_path: Path) -> None:
    settings = Settings(root=tmp_path, threads=1)
    first = build_from(cut(source, slice(0, 280)), HERE, settings)
    second = build_from(cut(source, slice(10, 300)), HERE, settings)
    stay = slice(10, 280)
    np.testing.assert_array_equal(second.layout.places[:270], first.layout.places[stay])
    assert second.frame == first.frame
    assert second.summary["n_placed"] == 20
    assert (second.layout.fitted[:270] >= 0).all()
    assert (second.layout.fitted[270:] == -1).all()
    third = build_from(source, HERE, settings)  # placed pictures stay where they were placed
    np.testing.assert_array_equal(third.layout.places[10:], second.layout.places)


def test_placed_pictures_lie_among_their_true_neighbours(source: Source, tmp_path: Path) -> None:
    settings = Settings(root=tmp_path, threads=1)
    build_from(cut(source, slice(0, 280)), HERE, settings)
    extended = build_from(source, HERE, settings)
    assert extended.trust[280:].mean() > 0.5 * extended.trust[:280].mean()


def test_a_refit_is_due_when_a_tenth_is_new_and_made_when_a_third_is(source: Source, tmp_path: Path) -> None:
    settings = Settings(root=tmp_path, threads=1)
    build_from(cut(source, slice(0, 250)), HERE, settings)
    due = build_from(source, HERE, settings)
    assert "came after the map was fitted" in due.summary["refit_due"]
    settings = Settings(root=tmp_path / "other", threads=1)
    build_from(cut(source, slice(0, 150)), HERE, settings)
    assert build_from(source, HERE, settings).summary["n_placed"] == 0


def test_a_changed_vector_is_placed_anew(source: Source, tmp_path: Path) -> None:
    settings = Settings(root=tmp_path, threads=1)
    first = build_from(source, HERE, settings)
    vectors = source.vectors.copy()
    vectors[5] = vectors[60]
    second = build_from(dataclasses.replace(source, vectors=vectors), HERE, settings)
    np.testing.assert_allclose(second.layout.places[5], first.layout.places[60], atol=1e-4)
    assert second.summary["n_placed"] == 1


def test_an_upload_is_placed_with_its_exact_neighbours(built: GalleryMap, source: Source) -> None:
    new = make_source(4, seed=77).vectors
    for vector in new:
        placed = built.place(vector, source.vectors, source.ids, k=8)
        truth = exact_neighbours(source.vectors, vector[None], 8)
        np.testing.assert_array_equal(placed.ids, source.ids[truth.rows[0]])
        np.testing.assert_allclose(placed.similarities, source.vectors[truth.rows[0]] @ vector, atol=1e-5)
        assert placed.doubts == ()


def test_an_upload_like_nothing_in_the_gallery_is_called_doubtful(built: GalleryMap, source: Source) -> None:
    strange = -source.vectors.mean(axis=0)
    placed = built.place(strange / np.linalg.norm(strange), source.vectors, source.ids)
    assert "nothing in this gallery resembles it closely" in placed.doubts


@pytest.mark.parametrize("n", [0, 1, 2, 5, 16])
@pytest.mark.parametrize("identical", [False, True])
def test_tiny_galleries_and_equal_pictures_have_maps(
    n: int, identical: bool, sources: Callable[..., Source], tmp_path: Path
) -> None:
    made = build_from(sources(n, identical=identical), HERE, Settings(root=tmp_path, threads=1))
    places = made.layout.places
    assert places.shape == (n, 2)
    assert np.isfinite(places).all()
    assert len(np.unique(places, axis=0)) == n  # coinciding points are spread, so that each can be pointed at
    assert json.loads((made.public / "map.json").read_text())["n"] == n
    if n:
        assert (
            made.place(sources(1, seed=5).vectors[0], sources(n, identical=identical).vectors, made.layout.ids).ids[0]
            > 0
        )


def test_an_empty_map_says_that_nothing_can_be_placed_on_it(sources: Callable[..., Source], tmp_path: Path) -> None:
    made = build_from(sources(0), HERE, Settings(root=tmp_path, threads=1))
    with pytest.raises(NotPreparedError, match="empty"):
        made.place(sources(1).vectors[0], sources(0).vectors, made.layout.ids)


def test_a_gallery_without_a_map_says_how_to_make_it(settings: Settings) -> None:
    with pytest.raises(NotPreparedError, match="python -m core map groups@synthetic"):
        GalleryMap.open(HERE, settings)


def test_a_cancelled_build_leaves_the_old_map(source: Source, tmp_path: Path) -> None:
    settings = Settings(root=tmp_path, threads=1)
    small = cut(source, slice(0, 12))
    before = build_from(small, HERE, settings)

    def stop(done: int, total: int | None, what: str) -> None:
        if "thumbnails" in what:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        build_from(cut(source, slice(0, 14)), HERE, settings, stop)
    assert GalleryMap.open(HERE, settings).folder == before.folder


def cut(source: Source, part: slice) -> Source:
    """A source of some of the pictures."""
    start = part.start or 0

    def picture(row: int) -> object:
        assert source.picture_of is not None
        return source.picture_of(row + start)

    return dataclasses.replace(
        source,
        vectors=source.vectors[part],
        ids=source.ids[part],
        records=source.records[part],
        picture_of=picture,
    )
