"""A table of pictures becomes a gallery with its words, and what does not fit together is listed."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage
from typer.testing import CliRunner

from core import datasets
from core.cli.app import build
from core.datasets.table import read_table
from core.errors import DamagedFileError, NotPreparedError
from core.settings import Settings

CSV = """File,Title,Class,Split,Year,Maker,Price
a/one.png,The first,cat,train,1889,Anna,1.5
a/two.png,,dog,test,,Anna,2
three.png,"Third, and last",cat,train,1901,Bo,
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "pictures"
    for seed, name in enumerate(["a/one.png", "a/two.png", "three.png"]):
        buffer = io.BytesIO()
        PillowImage.fromarray(np.random.default_rng(seed).integers(0, 255, (16, 24, 3), np.uint8)).save(buffer, "PNG")
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(buffer.getvalue())
    (root / "table.csv").write_text(CSV)
    return root


def by_path(settings: Settings) -> dict[str, datasets.ImageRecord]:
    return {record.path: record for record in datasets.open("mine", settings)}


def test_a_table_gives_pictures_their_words_and_fields(folder: Path, settings: Settings) -> None:
    report = datasets.import_table(folder / "table.csv", "mine", settings)
    assert (report.count, report.added, report.skipped) == (3, 3, [])
    one, two, three = (by_path(settings)[path] for path in ("a/one.png", "a/two.png", "three.png"))
    assert (one.title, one.label, one.split) == ("The first", "cat", "train")
    assert one.fields == {"year": 1889, "maker": "Anna", "price": 1.5}
    assert (two.title, two.fields) == ("two", {"maker": "Anna", "price": 2.0})
    assert three.title == "Third, and last"
    kinds = {facet.name: facet.kind for facet in datasets.open("mine", settings).catalog.facets()}
    assert kinds["year"] == kinds["price"] == "range"
    assert kinds["label"] == "choice"
    assert datasets.open("mine", settings).catalog.select({"year": {"min": 1900}}).tolist() == [three.image_id]


def test_new_words_reach_known_pictures_and_ids_stay(folder: Path, settings: Settings) -> None:
    datasets.import_table(folder / "table.csv", "mine", settings)
    before = {path: record.image_id for path, record in by_path(settings).items()}
    again = datasets.import_table(folder / "table.csv", "mine", settings)
    assert (again.added, again.changed, again.redescribed) == (0, 0, 0)
    (folder / "table.csv").write_text(CSV.replace("dog", "wolf"))
    report = datasets.import_table(folder / "table.csv", "mine", settings)
    assert (report.added, report.changed, report.redescribed) == (0, 0, 1)
    after = by_path(settings)
    assert after["a/two.png"].label == "wolf"
    assert {path: record.image_id for path, record in after.items()} == before


def test_rows_without_pictures_and_pictures_without_rows_are_listed(folder: Path, settings: Settings) -> None:
    text = CSV.replace("three.png", "gone.png") + "../out.png,,x,,1,,\na/one.png,again,x,,1,,\n"
    (folder / "table.csv").write_text(text)
    report = datasets.import_table(folder / "table.csv", "mine", settings)
    assert report.count == 2
    reasons = dict(report.skipped)
    assert "no such file" in reasons["gone.png"]
    assert "no row" in reasons["three.png"]
    assert "outside" in reasons["../out.png"]
    assert "second row" in reasons["a/one.png"]
    assert by_path(settings)["a/one.png"].title == "The first"


def test_a_table_may_lie_elsewhere_and_use_semicolons(folder: Path, settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(f"image;label\n{folder.resolve()}/a/one.png;x\nthree.png;y\n", encoding="utf-8-sig")
    report = datasets.import_table(path, "mine", settings, folder=folder)
    assert report.count == 2
    assert {record.label for record in by_path(settings).values()} == {"x", "y"}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"name,label\nx,y\n", "no column that names the files"),
        (b"path,label\n", "at least one row"),
        (b"path,label\nx\n", "row 2"),
        (b"path,path\nx,y\n", "name of its own"),
        (b"path,label\nx,\xe9\n", "not UTF-8"),
        (b"path,Old year,Old-year\nx,1,2\n", "differ in signs only"),
        (b'path,label\n"x,y\n', "well-formed"),
        (b"path\n../a.png\n", "names no picture"),
        (b"path,split\na/one.png,foo\n", "the split 'foo' in its column 'split'; a split is one of train"),
    ],
)
def test_a_bad_table_is_refused_by_name_and_nothing_is_made(
    data: bytes, message: str, folder: Path, settings: Settings
) -> None:
    (folder / "table.csv").write_bytes(data)
    with pytest.raises(DamagedFileError, match=message):
        datasets.import_table(folder / "table.csv", "mine", settings)
    assert datasets.names(settings) == []


def test_a_table_of_absent_pictures_makes_no_gallery(folder: Path, settings: Settings) -> None:
    (folder / "table.csv").write_text("path\ngone.png\n")
    with pytest.raises(NotPreparedError, match="none of the pictures"):
        datasets.import_table(folder / "table.csv", "mine", settings)


def test_parquet_reads_like_csv(folder: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    from pyarrow import parquet

    columns = {"path": ["a/one.png", "three.png"], "label": ["x", None], "year": [1889, None]}
    parquet.write_table(pyarrow.table(columns), folder / "table.parquet")
    table = read_table(folder / "table.parquet", folder.resolve())
    assert table.rows["a/one.png"].fields == {"year": 1889}
    assert (table.rows["three.png"].label, table.rows["three.png"].fields) == ("", {})
    (folder / "table.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DamagedFileError, match="no readable Parquet"):
        read_table(folder / "table.parquet", folder.resolve())


def test_the_command_lists_what_it_left_out_and_says_so_by_its_status(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENTIMENTO_HOME", str(tmp_path / "home"))
    whole = CliRunner().invoke(build(), ["data", "import", str(folder / "table.csv"), "--name", "mine"])
    assert whole.exit_code == 0, whole.output
    (folder / "table.csv").write_text(CSV.replace("three.png", "gone.png"))
    part = CliRunner().invoke(build(), ["data", "import", str(folder / "table.csv"), "--name", "mine"])
    assert part.exit_code == 3
    assert "gone.png" in part.output
