"""Steering and its reasons on the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from core.cli.app import build
from core.search import Engine, Query
from core.settings import Settings

Run = Callable[..., Result]


@pytest.fixture
def run(prepared: Settings, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("PENTIMENTO_HOME", str(prepared.root))
    return lambda *arguments: CliRunner().invoke(build(), list(arguments))


def test_search_is_steered_as_the_engine_is(prepared: Settings, run: Run) -> None:
    options = ["--plus", "9", "--minus", "20", "--minus", "133", "--also", "id:30", "--colour", ".5", "--texture", ".2"]
    more = ["--variety", ".3", "--no-duplicates"]
    result = run("search", "paintings", "id:5", "-k", "6", "--json", *options, *more)
    assert result.exit_code == 0, result.stderr
    query = Query.stored(5).steered(
        also=(Query.stored(30),), plus=(9,), minus=(20, 133), colour=0.5, texture=0.2, variety=0.3, hide_duplicates=True
    )
    wanted = Engine(prepared).search("paintings", query, k=6).to_json()
    found = json.loads(result.stdout)
    assert found["results"] == wanted["results"]
    assert found["steering"]["minus"] == [20, 133]


def test_why_says_what_connects_two_pictures(run: Run, tmp_path: Path) -> None:
    sheet = tmp_path / "why.png"
    result = run("why", "paintings", "id:32", "62", "--out", str(sheet))
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].startswith("Side by side for what they show")
    assert any(line.startswith("colour") and "random pairs" in line for line in lines)
    assert any(line.startswith("both have") for line in lines)
    assert any(line.startswith("region 1:") for line in lines)
    with Image.open(sheet) as shown:
        assert shown.height == 480
        assert shown.width > 600
    found = json.loads(run("why", "paintings", "id:32", "62", "--json").stdout)
    assert [one["name"] for one in found["aspects"]] == ["content", "colour", "texture"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["search", "paintings", "id:5", "--variety", "2"], 2, "variety must be within"),
        (["search", "paintings", "id:5", "--plus", "3", "--minus", "3"], 2, "cannot be a plus and a minus"),
        (["search", "paintings", "id:5", "--plus", "99999"], 1, "no picture 99999"),
        (["search", "paintings", "--words", "gold", "--plus", "3"], 2, "words alone cannot be steered"),
        (["why", "paintings", "id:5", "99999"], 1, "no picture 99999"),
    ],
)
def test_mistakes_are_named(run: Run, arguments: list[str], code: int, words: str) -> None:
    result = run(*arguments)
    assert result.exit_code == code
    assert words in result.stderr
