"""Downloads against a server on this machine that behaves as badly as servers do."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from core.datasets.download import Mirror, Patience, download, get
from core.errors import DownloadError, StorageError

BODY = bytes(range(256)) * 4000  # 1 MB
SHA = "sha256:" + hashlib.sha256(BODY).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves BODY under every path; the path says how."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str]] = []  # (path, Range header)
        self.agents: set[str] = set()
        self.etag = '"one"'

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{path}"

    def times(self, path: str) -> int:
        return sum(asked == f"/{path}" for asked, _ in self.asked)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range", "")
        self.server.asked.append((self.path, wanted))
        self.server.agents.add(self.headers.get("User-Agent", ""))
        name = self.path.strip("/")
        if name == "absent":
            return self.send_error(404)
        if name == "busy" and self.server.times("busy") < 3:
            self.send_response(503)
            self.send_header("Retry-After", "7")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        if name == "down":
            return self.send_error(500)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        same = self.headers.get("If-Range", self.server.etag) == self.server.etag
        if name == "no-ranges" or not same:
            start = 0
        if start >= len(BODY):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(BODY)}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(BODY) - start))
        self.send_header("ETag", self.server.etag)
        self.end_headers()
        body = BODY[start:]
        if name == "wrong":
            body = b"x" * len(body)
        if name in ("stops", "no-ranges") and self.server.times(name) < 4:
            body = body[: 1 + len(BODY) // 5]
            self.close_connection = True
        self.wfile.write(body)
        return None

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def patience(waits: list[float]) -> Patience:
    return Patience(attempts=4, first_wait_s=1.0, timeout_s=5.0, sleep=waits.append)


def test_a_file_arrives_whole_and_is_not_asked_for_twice(server: Server, tmp_path: Path, patience: Patience) -> None:
    seen: list[tuple[int, int | None]] = []
    mirrors = [Mirror(server.url("file"), SHA)]
    for _ in range(2):
        path = download(
            mirrors,
            tmp_path / "f.zip",
            patience=patience,
            progress=lambda done, total, what: seen.append((done, total)),
        )
    assert path.read_bytes() == BODY
    assert len(server.asked) == 1
    assert seen[-1] == (len(BODY), len(BODY))
    assert [p.name for p in tmp_path.iterdir()] == ["f.zip"]
    assert all("Pentimento" in agent for agent in server.agents)


def test_a_connection_that_breaks_is_continued_where_it_stopped(
    server: Server, tmp_path: Path, patience: Patience
) -> None:
    path = download([Mirror(server.url("stops"), SHA)], tmp_path / "f.zip", patience=patience)
    assert path.read_bytes() == BODY
    starts = [int(asked.removeprefix("bytes=").rstrip("-") or 0) for _, asked in server.asked]
    assert starts == sorted(set(starts)) and len(starts) == 4


def test_a_server_without_ranges_sends_it_again_from_the_start(
    server: Server, tmp_path: Path, patience: Patience
) -> None:
    path = download([Mirror(server.url("no-ranges"), SHA)], tmp_path / "f.zip", patience=patience)
    assert path.read_bytes() == BODY


def test_a_download_that_was_given_up_goes_on_in_the_next_call(
    server: Server, tmp_path: Path, patience: Patience
) -> None:
    class Stop(Exception):
        pass

    def stop(done: int, total: int | None, what: str) -> None:
        raise Stop

    with pytest.raises(Stop):
        download([Mirror(server.url("file"), SHA)], tmp_path / "f.zip", patience=patience, progress=stop)
    kept = (tmp_path / "f.zip.part").stat().st_size
    assert 0 < kept < len(BODY)
    assert download([Mirror(server.url("file"), SHA)], tmp_path / "f.zip", patience=patience).read_bytes() == BODY
    assert server.asked[-1] == ("/file", f"bytes={kept}-")


def test_another_version_of_the_file_is_not_joined_to_the_first(
    server: Server, tmp_path: Path, patience: Patience
) -> None:
    (tmp_path / "f.zip.part").write_bytes(b"old" * 100)
    (tmp_path / "f.zip.part.origin").write_text(f'{server.url("file")}\n"of before"')
    assert download([Mirror(server.url("file"), SHA)], tmp_path / "f.zip", patience=patience).read_bytes() == BODY


def test_a_file_that_is_complete_but_was_not_checked_yet_is_checked(
    server: Server, tmp_path: Path, patience: Patience
) -> None:
    (tmp_path / "f.zip.part").write_bytes(BODY)
    (tmp_path / "f.zip.part.origin").write_text(f"{server.url('file')}\n{server.etag}")
    assert download([Mirror(server.url("file"), SHA)], tmp_path / "f.zip", patience=patience).read_bytes() == BODY
    assert server.asked == [("/file", f"bytes={len(BODY)}-")]


def test_a_busy_server_is_asked_again_after_the_time_that_it_names(
    server: Server, tmp_path: Path, patience: Patience, waits: list[float]
) -> None:
    download([Mirror(server.url("busy"), SHA)], tmp_path / "f.zip", patience=patience)
    assert waits == [7.0, 7.0]


def test_a_broken_server_is_given_up_after_ever_longer_waits(
    server: Server, tmp_path: Path, patience: Patience, waits: list[float]
) -> None:
    with pytest.raises(DownloadError, match="answered 500"):
        download([Mirror(server.url("down"))], tmp_path / "f.zip", patience=patience)
    assert server.times("down") == 4
    assert waits == sorted(waits) and waits[0] < waits[-1]


def test_an_absent_file_is_not_asked_for_again_and_the_next_mirror_serves(
    server: Server, tmp_path: Path, patience: Patience
) -> None:
    mirrors = [Mirror(server.url("absent"), SHA), Mirror(server.url("file"), SHA)]
    assert download(mirrors, tmp_path / "f.zip", patience=patience).read_bytes() == BODY
    assert server.times("absent") == 1


def test_a_file_with_another_checksum_is_kept_aside_and_never_used(
    server: Server, tmp_path: Path, patience: Patience
) -> None:
    with pytest.raises(DownloadError, match=r"sha256 sum is .* expected .*rejected"):
        download([Mirror(server.url("wrong"), SHA)], tmp_path / "f.zip", patience=patience)
    assert not (tmp_path / "f.zip").exists()
    assert (tmp_path / "f.zip.rejected").is_file()
    mirrors = [Mirror(server.url("wrong"), SHA), Mirror(server.url("file"), SHA)]
    assert download(mirrors, tmp_path / "f.zip", patience=patience).read_bytes() == BODY


def test_too_little_disk_is_said_before_anything_is_asked_for(
    server: Server, tmp_path: Path, patience: Patience
) -> None:
    with pytest.raises(StorageError, match="free some space"):
        download([Mirror(server.url("file"))], tmp_path / "f.zip", n_bytes=10**16, patience=patience)
    assert not server.asked


def test_only_web_addresses_are_opened(tmp_path: Path, patience: Patience) -> None:
    with pytest.raises(DownloadError, match="not an http"):
        download([Mirror("file:///etc/hostname")], tmp_path / "f", patience=patience)


def test_small_documents_are_fetched_with_the_same_patience(
    server: Server, patience: Patience, waits: list[float]
) -> None:
    assert get(server.url("busy"), patience=patience) == BODY
    assert waits == [7.0, 7.0]
    with pytest.raises(DownloadError, match="404"):
        get(server.url("absent"), patience=patience)
    with pytest.raises(DownloadError, match="larger than"):
        get(server.url("file"), patience=patience, max_bytes=1000)
