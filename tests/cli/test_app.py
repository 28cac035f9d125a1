"""The command line: results on stdout, one line of error on stderr, exit codes."""

import functools
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from core.cli.app import VERBS, build
from core.cli.search import parse_where
from core.datasets import Dataset
from core.search import Engine, Query, prepare_gallery
from core.settings import Settings

Make = Callable[..., Dataset]
Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in this process: `run(settings, "search", "paintings", "id:3")`."""

    def call(settings: Settings, *arguments: str) -> Result:
        monkeypatch.setenv("PENTIMENTO_HOME", str(settings.root))
        return CliRunner().invoke(build(), list(arguments))

    return call


def error(result: Result) -> str:
    """The one line on stderr that says what went wrong."""
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, result.stderr
    assert "Traceback" not in result.stderr
    return lines[0]


def test_search_prints_the_json_that_programs_rely_on(prepared: Settings, run: Run) -> None:
    engine = Engine(prepared)
    path = engine.dataset("paintings").source_path(engine.record("paintings", 7))
    result = run(prepared, "search", "paintings", str(path), "-k", "4", "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    expected = engine.search("paintings", Query.picture(path), k=4).to_json()
    assert found["results"] == expected["results"]
    assert [entry["rank"] for entry in found["results"]] == [1, 2, 3, 4]
    assert found["results"][0]["image_id"] == 7
    assert (found["gallery"], found["encoder"]) == ("paintings@efficientnet_lite0", "efficientnet_lite0")


def test_search_understands_ids_indexes_regions_and_filters(prepared: Settings, run: Run) -> None:
    options = ["--index", "flat", "--where", "latitude=-30..30", "--where", "surface=land", "--where", "surface=coast"]
    result = run(prepared, "search", "satellite", "id:5", "--region", "0,0,0.5,1", "-k", "8", "--json", *options)
    assert result.exit_code == 0, result.stderr
    where = {"latitude": {"min": -30, "max": 30}, "surface": ["land", "coast"]}
    query = Query.stored(5, region=(0, 0, 0.5, 1))
    expected = Engine(prepared).search("satellite", query, k=8, index="flat", where=where).to_json()
    assert json.loads(result.stdout)["results"] == expected["results"]
    assert len(expected["results"]) == 8


def test_search_without_json_prints_a_line_for_each_result(prepared: Settings, run: Run) -> None:
    result = run(prepared, "search", "paintings", "id:2", "-k", "3")
    lines = result.stdout.splitlines()
    assert len(lines) == 3
    assert "id:2 " in lines[0]
    assert "1.000" in lines[0]
    assert "searched 174 pictures" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["search", "nothing", "id:1"], 1, "there is no gallery 'nothing'; there are: paintings"),
        (["search", "paintings@magic", "id:1"], 1, "there is no encoder 'magic'"),
        (["search", "paintings", "id:1", "-i", "magic"], 1, "there is no index 'magic'"),
        (["search", "paintings", "absent.jpg"], 1, "absent.jpg does not exist"),
        (["search", "paintings", __file__], 1, "is not a picture"),
        (["search", "paintings@histogram", "id:1"], 1, "run: python -m core features paintings@histogram"),
        (["search", "paintings", "id:1", "-k", "0"], 2, "k must be between 1 and 174, got 0"),
        (["search", "paintings", "id:1", "-k", "175"], 2, "k must be between 1 and 174, got 175"),
        (["search", "paintings", "id:x"], 2, "an id must be id:NUMBER"),
        (["search", "paintings", "id:1", "--where", "colour=red"], 2, "unknown field 'colour'"),
        (["search", "paintings", "id:1", "--where", "colour"], 2, "--where must be FIELD=VALUE"),
        (["search", "paintings", "id:1", "--knob", "n_probe=3"], 2, "no knob 'n_probe'"),
        (["search", "paintings", "id:1", "--knob", "n_probe"], 2, "--knob must be NAME=NUMBER"),
        (["search", "paintings", "id:1", "--region", "0,0,1"], 2, "--region must be X0,Y0,X1,Y1"),
        (["search", "paintings", "id:1", "--region", "0,0,2,1"], 2, "region must have 0 <= x0 < x1 <= 1"),
        (["features", "nothing"], 1, "there is no gallery 'nothing'"),
        (["index", "paintings", "-i", "magic"], 1, "there is no index 'magic'"),
        (["verify", "nothing"], 1, "there is no gallery 'nothing'"),
    ],
)
def test_mistakes_end_with_one_line_and_the_exit_code(
    prepared: Settings, run: Run, arguments: list[str], code: int, words: str
) -> None:
    result = run(prepared, *arguments)
    assert result.exit_code == code
    assert words in error(result)
    assert result.stdout == ""


@pytest.mark.parametrize("arguments", [["nonsense"], ["search"], ["search", "paintings", "id:1", "--loud"]])
def test_misuse_of_the_syntax_is_exit_code_2(prepared: Settings, run: Run, arguments: list[str]) -> None:
    assert run(prepared, *arguments).exit_code == 2


def test_serve_asks_for_a_password_off_localhost_and_names_a_port_in_use(prepared: Settings, run: Run) -> None:
    result = run(prepared, "serve", "--host", "0.0.0.0")
    assert result.exit_code == 2
    assert "--auth USER:PASSWORD" in result.stderr
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = run(prepared, "serve", "--port", str(port))
    assert result.exit_code == 1
    assert f"cannot listen on 127.0.0.1:{port}" in result.stderr


def test_index_prepares_verify_checks_and_doctor_is_content(settings: Settings, make_gallery: Make, run: Run) -> None:
    make_gallery(settings)
    result = run(settings, "index", "mine@histogram", "-i", "flat", "-i", "faiss-flat", "--json")
    assert result.exit_code == 0, result.stderr
    (report,) = json.loads(result.stdout)["galleries"]
    assert (report["gallery"], report["count"], report["encoded"]) == ("mine@histogram", 12, 12)
    assert {entry["outcome"] for entry in report["indexes"]} == {"built"}
    assert run(settings, "verify").exit_code == 0
    assert run(settings, "verify", "mine@histogram").exit_code == 0
    path = next((settings.indexes / "mine").rglob("vectors.npy"))
    data = bytearray(path.read_bytes())
    data[-5] ^= 1  # opening does not notice, verify does
    path.write_bytes(data)
    result = run(settings, "verify")
    assert result.exit_code == 1
    assert str(path) in result.stdout
    assert "run: python -m core index mine@histogram --rebuild" in result.stdout
    assert run(settings, "index", "mine@histogram", "-i", "flat", "-i", "faiss-flat", "--rebuild").exit_code == 0
    assert run(settings, "verify").exit_code == 0


def test_index_without_arguments_is_about_every_prepared_gallery(prepared: Settings, run: Run, tmp_path: Path) -> None:
    result = run(prepared, "index", "-i", "flat", "--json")
    assert result.exit_code == 0
    reports = json.loads(result.stdout)["galleries"]
    assert [report["gallery"] for report in reports] == [
        "paintings@efficientnet_lite0", "satellite@efficientnet_lite0",
    ]  # fmt: skip
    assert all(report["encoded"] == 0 for report in reports)
    assert {entry["outcome"] for report in reports for entry in report["indexes"]} == {"kept"}


def test_skipped_pictures_are_listed_with_exit_code_3(settings: Settings, make_gallery: Make, run: Run) -> None:
    dataset = make_gallery(settings)
    record = dataset.catalog.records()[4]
    dataset.source_path(record).write_bytes(b"no picture any more")
    for verb in (["features", "mine@histogram"], ["index", "mine@histogram", "-i", "flat"]):
        result = run(settings, *verb)
        assert result.exit_code == 3
        assert any(line.startswith("skipped: ") and record.path in line for line in result.stderr.splitlines())
        assert "11 pictures" in result.stdout


def test_doctor_says_what_is_missing_and_what_to_run(settings: Settings, make_gallery: Make, run: Run) -> None:
    result = run(settings, "doctor", "--json")
    assert result.exit_code == 1
    assert "python -m core index paintings satellite" in json.loads(result.stdout)["to_run"]
    make_gallery(settings, count=6)
    prepare_gallery("mine@histogram", settings, indexes=["flat"])
    make_gallery(settings, count=7)
    report = json.loads(run(settings, "doctor", "--json").stdout)
    states = {entry["gallery"]: entry["state"] for entry in report["galleries"]}
    assert states == {"mine@efficientnet_lite0": "missing", "mine@histogram": "stale"}
    assert "python -m core index mine@histogram" in report["to_run"]
    assert report["packages"]["numpy"]
    text = run(settings, "doctor").stdout
    assert "histogram            ready" in text
    assert "python -m core index mine@histogram" in text


def test_doctor_finds_nothing_to_do_where_all_is_prepared(prepared: Settings, run: Run) -> None:
    report = json.loads(run(prepared, "doctor", "--json").stdout)
    assert {entry["state"] for entry in report["galleries"]} == {"ready"}
    assert report["to_run"] == []


def test_a_damaged_catalog_is_said_by_doctor_and_verify(settings: Settings, make_gallery: Make, run: Run) -> None:
    make_gallery(settings)
    (settings.datasets / "mine" / "catalog.sqlite").write_bytes(b"damaged " * 4000)
    for extra in ("-wal", "-shm"):
        (settings.datasets / "mine" / f"catalog.sqlite{extra}").unlink(missing_ok=True)
    result = run(settings, "verify")
    assert result.exit_code == 1
    assert "catalog.sqlite" in result.stderr + result.stdout
    report = json.loads(run(settings, "doctor", "--json").stdout)
    assert report["galleries"][0]["state"] == "damaged"


def test_conditions_are_values_lists_and_ranges() -> None:
    assert parse_where(["a=x", "a=y=z", "b=1..2.5", "c=..-3", "d=..", "e=7"]) == {
        "a": ["x", "y=z"], "b": {"min": 1, "max": 2.5}, "c": {"max": -3}, "d": [".."], "e": ["7"],
    }  # fmt: skip
    for wrong in (["b=1..2", "b=3"], ["b=3", "b=1..2"], ["=x"]):
        with pytest.raises(ValueError, match="--where"):
            parse_where(wrong)


def test_help_lists_every_verb_and_imports_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from core.cli.app import build\n"
        "try:\n"
        "    build()(['--help'])\n"
        "finally:\n"
        "    heavy = {'numpy', 'PIL', 'torch', 'faiss', 'gradio', 'numba', 'onnxruntime', 'scipy'} & set(sys.modules)\n"
        "    assert not heavy, heavy\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    for verb in VERBS:
        assert f" {verb} " in result.stdout


def test_searching_imports_neither_torch_nor_umap(prepared: Settings) -> None:
    engine = Engine(prepared)
    path = engine.dataset("paintings").source_path(engine.record("paintings", 3))
    script = (
        "import sys\n"
        "from core.cli.app import build\n"
        "try:\n"
        "    build()(sys.argv[1:])\n"
        "finally:\n"
        "    heavy = {'torch', 'umap', 'gradio', 'timm'} & set(sys.modules)\n"
        "    assert not heavy, heavy\n"
    )
    environment = {**os.environ, "PENTIMENTO_HOME": str(prepared.root)}
    command = [sys.executable, "-c", script, "search", "paintings", str(path), "-k", "1"]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert result.returncode == 0, result.stderr
    assert "id:3 " in result.stdout


def test_an_interrupt_ends_with_130_and_the_next_run_continues(
    settings: Settings, make_gallery: Make, run: Run
) -> None:
    make_gallery(settings, count=400)
    environment = {**os.environ, "PENTIMENTO_HOME": str(settings.root), "PENTIMENTO_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "core", "features", "mine@histogram"],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background jobs ignore SIGINT, and so do their children.
        preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stderr is not None
    assert "encoding mine" in process.stderr.readline()  # it has begun
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=120)[1]
    assert process.returncode == 130
    assert "error: interrupted; run the same command again to continue" in rest
    assert "Traceback" not in rest
    assert not list((settings.features / "mine" / "histogram").glob("generations/*"))
    result = run(settings, "features", "mine@histogram")
    assert result.exit_code == 0
    assert "400 pictures" in result.stdout
