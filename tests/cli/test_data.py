"""The verb `data`: what it prints, for people and for programs, and how it ends."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from click.testing import Result
from PIL import Image as PillowImage
from typer.testing import CliRunner

from core import datasets
from core.cli.app import build
from core.settings import Settings

APP = build()


@pytest.fixture(autouse=True)
def home(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("PENTIMENTO_HOME", str(settings.root))
    monkeypatch.setenv("PENTIMENTO_THREADS", "2")
    return settings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "pictures"
    for seed in range(4):
        coarse = np.random.default_rng(seed).integers(0, 255, (6, 6, 3), np.uint8)
        path = root / f"kind {seed % 2}" / f"{seed}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        PillowImage.fromarray(coarse).resize((60, 40)).save(path)
    return root


def run(*arguments: object) -> Result:
    return CliRunner().invoke(APP, ["data", *map(str, arguments)])


def result(*arguments: object, status: int = 0) -> dict[str, Any]:
    done = run(*arguments, "--json")
    assert done.exit_code == status, done.output
    value: dict[str, Any] = json.loads(done.stdout)
    return value


def test_an_import_is_reported_to_people_and_to_programs(folder: Path) -> None:
    done = run("import", folder, "--name", "mine", "--title", "My pictures")
    assert done.exit_code == 0
    assert "mine: 4 pictures (4 added, 0 changed, 0 moved, 0 removed)" in done.stdout
    assert "4 pictures, 4 of them new: about" in done.stderr
    report = result("import", folder, "--name", "mine")
    assert (report["count"], report["added"], report["skipped"]) == (4, 0, [])


def test_an_import_that_skips_files_lists_them_and_ends_with_3(folder: Path) -> None:
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xffjunk")
    (folder / "notes.txt").write_text("hello")
    done = run("import", folder, "--name", "mine")
    assert done.exit_code == 3
    assert "skipped: broken.jpg" in done.stderr
    assert "1 files that are no pictures were ignored" in done.stdout
    report = result("import", folder, "--name", "mine", status=3)
    assert [path for path, _ in report["skipped"]] == ["broken.jpg"]
    assert report["ignored"] == 1


def test_an_estimate_imports_nothing(folder: Path, home: Settings) -> None:
    expected = result("import", folder, "--name", "mine", "--estimate")
    assert expected["pictures"] == expected["new"] == 4
    assert expected["total_bytes"] == expected["thumbnail_bytes"] + expected["vector_bytes"]
    assert "4 pictures, 4 of them new" in run("import", folder, "--name", "mine", "--estimate").stdout
    assert datasets.names(home) == []


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (("import", "/nowhere", "--name", "mine"), 1, "/nowhere is not a folder"),
        (("import", "FOLDER", "--name", "My Pictures"), 2, "a-z 0-9"),
        (("import", "FOLDER", "--name", "paintings"), 2, "published set"),
        (("import", "FOLDER"), 2, "--name"),
        (("get", "louvre"), 1, "there is no data set 'louvre'"),
        (("info", "mine"), 1, "there is no gallery 'mine'"),
        (("info", "paintings"), 1, "python -m core data get paintings"),
        (("remove", "mine"), 1, "there is no gallery 'mine'"),
        (("check", "mine"), 1, "there is no gallery 'mine'"),
        (("rename", "mine", "other"), 1, "there is no gallery 'mine'"),
        (("relocate", "mine", "FOLDER"), 1, "there is no gallery 'mine'"),
        (("paint",), 2, "No such command"),
    ],
)
def test_what_goes_wrong_is_one_sentence_and_a_status(
    folder: Path, arguments: tuple[str, ...], status: int, sentence: str
) -> None:
    done = run(*(str(folder) if argument == "FOLDER" else argument for argument in arguments))
    assert done.exit_code == status
    assert sentence in done.stderr
    assert "Traceback" not in done.output


def test_the_list_shows_what_is_prepared_and_what_can_be_had(folder: Path) -> None:
    assert "no gallery is prepared yet" in run("list").stdout
    run("import", folder, "--name", "mine")
    listed = result("list")
    assert [row["name"] for row in listed["prepared"]] == ["mine"]
    assert listed["prepared"][0]["count"] == 4
    assert listed["prepared"][0]["source_folder"] == str(folder)
    available = {row["name"]: row for row in listed["available"]}
    assert set(available) == set(datasets.known())
    assert not available["satellite"]["needs_source"]
    text = run("list").stdout
    assert "mine" in text
    assert "data get satellite" in text


def test_a_damaged_gallery_does_not_hide_the_others(folder: Path, home: Settings) -> None:
    for name in ("one", "two"):
        run("import", folder, "--name", name)
    for path in (home.datasets / "one").glob("catalog.sqlite*"):
        path.write_bytes(b"junk" * 100)
    rows = {row["name"]: row for row in result("list")["prepared"]}
    assert "damaged" in rows["one"]["fault"]
    assert rows["two"]["count"] == 4
    assert "damaged" in run("list").stdout


def test_info_shows_fields_and_facets(folder: Path) -> None:
    run("import", folder, "--name", "mine")
    shown = result("info", "mine")
    assert shown["count"] == 4
    assert shown["facets"][0]["values"] == [["kind 0", 2], ["kind 1", 2]]
    text = run("info", "mine").stdout
    assert "kind 0 (2), kind 1 (2)" in text
    assert str(folder.name) in text


def test_getting_an_embedded_gallery_makes_it(home: Settings, prepared_satellite: Path) -> None:
    report = result("get", "satellite")
    assert (report["count"], report["added"]) == (612, 0)
    assert "satellite: 612 pictures" in run("get", "satellite").stdout
    text = run("info", "satellite").stdout
    assert "latitude" in text
    assert "-85.333 to 85.333" in text


@pytest.fixture
def prepared_satellite(home: Settings) -> Path:
    datasets.prepare("satellite", home)
    return home.datasets / "satellite"


def test_a_check_ends_with_1_where_something_is_wrong(folder: Path) -> None:
    shutil.copy(folder / "kind 0" / "0.png", folder / "copy.png")
    with PillowImage.open(folder / "kind 1" / "1.png") as picture:
        picture.save(folder / "other.webp", quality=60)
    run("import", folder, "--name", "mine")
    done = run("check", "mine", "--deep")
    assert done.exit_code == 0
    assert "the same file: copy.png, kind 0/0.png" in done.stdout
    assert "look the same" in done.stdout
    assert "mine: 6 pictures, 0 faults, 1 groups of equal files, 1 pairs that look the same" in done.stdout
    (folder / "kind 0" / "2.png").unlink()
    report = result("check", "mine", status=1)
    assert [path for path, _ in report["faults"]] == ["kind 0/2.png"]
    assert report["equal"] == [["copy.png", "kind 0/0.png"]]
    assert sorted(report["near"][0][:2]) == ["kind 1/1.png", "other.webp"]
    assert "kind 0/2.png: " in run("check", "mine").stdout


def test_a_gallery_is_renamed_relocated_and_removed(folder: Path, home: Settings, tmp_path: Path) -> None:
    run("import", folder, "--name", "mine")
    assert "mine is called yours now" in run("rename", "mine", "yours").stdout
    moved = folder.rename(tmp_path / "moved")
    (moved / "kind 0" / "0.png").unlink()
    done = run("relocate", "yours", moved)
    assert "3 of 4 pictures of yours found" in done.stdout
    assert f"data import {moved} --name yours" in done.stdout
    assert "yours is removed" in run("remove", "yours").stdout
    assert datasets.names(home) == []
    assert (moved / "kind 0" / "2.png").exists()


def test_the_verb_can_be_added_to_any_application() -> None:
    from core.cli.data import register

    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    done = CliRunner().invoke(app, ["data", "--help"])
    assert done.exit_code == 0
    for verb in ("list", "get", "import", "info", "remove", "rename", "relocate", "check"):
        assert verb in done.stdout
