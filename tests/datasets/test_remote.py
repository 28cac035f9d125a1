"""Galleries whose pictures, and thumbnails, lie behind an address: a folder's, a web server's, an object store's."""

import functools
import http.server
import os
import shutil
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from typer.testing import CliRunner

from core import datasets
from core.cli.app import build
from core.datasets.remote import Cache, Remote
from core.errors import DownloadError, ImageError, NotPreparedError, UnavailableError
from core.search import Engine, Query, prepare_gallery
from core.settings import Settings
from core.storage import sha256_of

PROJECT = Path(__file__).resolve().parents[2]


def pictures(folder: Path, numbers: range = range(6)) -> Path:
    """Write small pictures with awkward names into two folders, and a file that is none."""
    for number in numbers:
        blocks = np.random.default_rng(number).integers(0, 256, (6, 8, 3), np.uint8)
        path = folder / ("old masters", "new & odd")[number % 2] / f"picture {number} é.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(blocks.repeat(10, axis=0).repeat(10, axis=1)).save(path)
    (folder / "notes.txt").write_text("no picture")
    return folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return pictures(tmp_path / "there")


@pytest.fixture
def web(source: Path) -> Iterator[str]:
    """The folder behind a web server that lists its files."""
    pytest.importorskip("aiohttp", reason="aiohttp is not installed: make setup-scale")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(source)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def store(free_port: Callable[[], int]) -> Iterator[str]:
    """An S3-compatible server with an empty bucket; its keys are in the environment."""
    pytest.importorskip("obstore", reason="obstore is not installed: make setup-scale")
    own = PROJECT / ".venv" / "servers" / "bin" / "moto_server"
    moto = str(own) if own.is_file() else shutil.which("moto_server")
    if moto is None:
        pytest.skip("moto_server is not installed: make setup-scale")
    port = free_port()
    process = subprocess.Popen(
        [moto, "-H", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    keys = {"AWS_ACCESS_KEY_ID": "me", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}
    before = dict(os.environ)
    os.environ.update(keys, AWS_ENDPOINT_URL=url)
    try:
        until = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(urllib.request.Request(f"{url}/bucket", method="PUT")).close()
                break
            except OSError:
                assert process.poll() is None and time.monotonic() < until, "moto_server did not start"
                time.sleep(0.1)
        yield "s3://bucket/folder"
    finally:
        os.environ.clear()
        os.environ.update(before)
        process.kill()
        process.wait()


def local(settings: Settings, source: Path) -> list[tuple[str, str, int]]:
    """What an import of the folder itself finds: label, sum and width of every picture."""
    datasets.import_folder(source, "local", settings)
    return [(record.label, record.sha256, record.width) for record in datasets.open("local", settings)]


def assert_serves(settings: Settings, source: Path, url: str) -> None:
    """Import, encode, search, look at and update a gallery behind an address, and compare with the folder itself."""
    report = datasets.import_remote(url, "far", settings)
    assert (report.count, report.added, report.skipped) == (6, 6, [])
    far = datasets.open("far", settings)
    assert sorted((record.label, record.sha256, record.width) for record in far) == sorted(local(settings, source))
    assert all(far.thumbnail_path(record).is_file() for record in far)
    again = datasets.import_remote(url, "far", settings)
    assert (again.count, again.added, again.changed, again.removed) == (6, 0, 0, 0)
    for name in ("far", "local"):
        prepare_gallery(f"{name}@histogram", settings, indexes=["flat"])
    record = next(iter(far))
    assert sha256_of(far.source_path(record)) == record.sha256
    engine = Engine(settings)
    answers = [engine.search(f"{name}@histogram", Query.stored(1), k=6).results for name in ("far", "local")]
    np.testing.assert_allclose(*[[result.similarity for result in answer] for answer in answers], atol=1e-6)


def test_a_folders_address_serves_like_the_folder(settings: Settings, source: Path) -> None:
    assert_serves(settings, source, f"file://{source}")


def test_a_web_server_serves_like_the_folder(settings: Settings, source: Path, web: str) -> None:
    assert_serves(settings, source, web)


def test_an_object_store_serves_like_the_folder(settings: Settings, source: Path, store: str) -> None:
    remote = Remote(store)
    for path in sorted(source.rglob("*.*")):
        remote.write(path.relative_to(source).as_posix(), path.read_bytes())
    assert_serves(settings, source, store)


def test_thumbnails_move_into_a_store_and_come_back_as_they_are_seen(
    settings: Settings, source: Path, store: str
) -> None:
    datasets.import_remote(f"file://{source}", "far", settings)
    far = datasets.open("far", settings)
    before = {record.image_id: far.thumbnail_path(record).read_bytes() for record in far}
    assert datasets.offload("far", f"{store}/thumbs", settings, drop=True) == 6
    assert not list(far.folder.glob("thumbnails/*/*.webp"))
    assert {record.image_id: far.thumbnail_path(record).read_bytes() for record in far} == before
    assert len(list(far.folder.glob("thumbnails/*/*.webp"))) == 6
    assert datasets.import_remote(f"file://{source}", "far", settings).added == 0


def test_what_is_new_changed_and_gone_behind_the_address_is_followed(settings: Settings, source: Path) -> None:
    url = f"file://{source}"
    datasets.import_remote(url, "far", settings)
    ids = {record.path: record.image_id for record in datasets.open("far", settings)}
    names = sorted(ids)
    (source / names[0]).unlink()
    PIL.Image.new("RGB", (30, 20), (200, 10, 10)).save(source / names[1])
    (source / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    pictures(source, range(6, 8))
    report = datasets.import_remote(url, "far", settings)
    assert (report.count, report.added, report.changed, report.removed) == (7, 2, 1, 1)
    assert [path for path, _ in report.skipped] == ["broken.jpg"]
    after = {record.path: record.image_id for record in datasets.open("far", settings)}
    assert after[names[1]] != ids[names[1]]
    assert after[names[2]] == ids[names[2]]


def test_what_changed_or_went_since_the_import_is_said(settings: Settings, source: Path) -> None:
    datasets.import_remote(f"file://{source}", "far", settings)
    far = datasets.open("far", settings)
    first, second = list(far)[:2]
    (source / first.path).unlink()
    (source / second.path).write_bytes(b"another")
    with pytest.raises(ImageError, match="is not there"):
        far.source_path(first)
    with pytest.raises(ImageError, match="is another picture than was imported; run the import"):
        far.load(second)


def test_addresses_that_cannot_be_read_are_named(settings: Settings, source: Path, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="nonsense:// addresses cannot be read here"):
        datasets.import_remote("nonsense://x", "far", settings)
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotPreparedError, match="holds no pictures"):
        datasets.import_remote(f"file://{tmp_path / 'empty'}", "far", settings)
    datasets.import_remote(f"file://{source}", "far", settings)
    with pytest.raises(ValueError, match="there is a gallery 'far' of file://"):
        datasets.import_remote(f"file://{tmp_path / 'empty'}", "far", settings)


def test_a_server_that_is_away_is_an_error_with_its_address(
    settings: Settings, web: str, free_port: Callable[[], int]
) -> None:
    pytest.importorskip("aiohttp", reason="aiohttp is not installed: make setup-scale")
    port = free_port()
    with pytest.raises(DownloadError, match=f"http://127.0.0.1:{port}.* cannot be reached"):
        datasets.import_remote(f"http://127.0.0.1:{port}", "far", settings)


def test_the_cache_lets_go_of_what_was_not_used_for_longest(source: Path, tmp_path: Path) -> None:
    cache, remote = Cache(tmp_path / "cache", most_bytes=1000), Remote(f"file://{source}")
    sums = {file.path: sha256_of(source / file.path) for file in remote.pictures()}
    for path, sum_ in sums.items():
        last = cache.fetch(remote, path, sum_)
    kept = list((tmp_path / "cache").rglob("*.png"))
    assert last in kept
    assert sum(path.stat().st_size for path in kept if path != last) <= 1000


def test_the_command_line_imports_an_address(settings: Settings, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENTIMENTO_HOME", str(settings.root))
    done = CliRunner().invoke(build(), ["data", "import", f"file://{source}", "--name", "far"])
    assert done.exit_code == 0, done.output
    assert done.stdout == "far: 6 pictures (6 added, 0 changed, 0 moved, 0 removed)\n"
    moved = CliRunner().invoke(build(), ["data", "offload", "far", f"file://{settings.root / 'store'}", "--drop"])
    assert moved.stdout.startswith("far: 6 thumbnails at file://")
    assert f"file://{source}" in CliRunner().invoke(build(), ["data", "list", "--json"]).stdout
