"""Starting the page: flags, ports, what is imported, and what is left behind."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import app
from core.search import Engine
from core.settings import Settings

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """Calls of the function that would serve; nothing is served or prepared."""
    calls: list[tuple[object, ...]] = []
    monkeypatch.setattr(app, "_serve", lambda *values, **named: calls.append((*values, named)))
    monkeypatch.setattr(app, "_prepare", lambda settings: None)
    for name in ("GRADIO_SERVER_NAME", "GRADIO_SERVER_PORT", "SPACE_ID"):
        monkeypatch.delenv(name, raising=False)
    return calls


def test_it_listens_on_this_machine_only(free_port, served, tmp_path: Path) -> None:
    port = free_port()
    assert app.main(["--port", str(port), "--root", str(tmp_path)]) == 0
    settings, host, used, auth, _, options = served[0]
    assert (settings.root, host, used, auth, options) == (
        tmp_path, "127.0.0.1", port, None, {"strict": True, "mcp": False},
    )  # fmt: skip


@pytest.mark.parametrize("flags", [["--auth", "me:secret:with colon"], ["--public"]])
def test_another_address_needs_a_password_or_an_explicit_word(free_port, served, flags: list[str], capsys) -> None:
    with pytest.raises(SystemExit) as misused:
        app.main(["--host", "0.0.0.0", "--port", str(free_port())])
    assert misused.value.code == 2
    assert "--auth USER:PASSWORD" in capsys.readouterr().err
    assert app.main(["--host", "0.0.0.0", "--port", str(free_port()), *flags]) == 0
    assert served[0][3] == (("me", "secret:with colon") if flags[0] == "--auth" else None)


@pytest.mark.parametrize("text", ["", "me", "me:", ":secret"])
def test_a_password_without_a_user_is_refused(served, text: str) -> None:
    with pytest.raises(SystemExit) as misused:
        app.main(["--auth", text])
    assert misused.value.code == 2


def test_a_space_is_public_and_takes_its_address_from_the_environment(free_port, served, monkeypatch) -> None:
    port = free_port()
    monkeypatch.setenv("SPACE_ID", "someone/pentimento")
    monkeypatch.setenv("GRADIO_SERVER_NAME", "0.0.0.0")
    monkeypatch.setenv("GRADIO_SERVER_PORT", str(port))
    assert app.main([]) == 0
    assert served[0][1:3] == ("0.0.0.0", port)
    assert served[0][-1] == {"strict": False, "mcp": False}


def test_a_port_in_use_is_said_with_another_to_try(served, capsys) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        assert app.main(["--port", str(port)]) == 1
    said = capsys.readouterr().err
    assert f"cannot listen on 127.0.0.1:{port}" in said
    assert "--port" in said
    assert not served


@pytest.mark.parametrize("port", ["0x", "-1", "70000"])
def test_a_port_that_is_none_is_refused(served, port: str) -> None:
    try:
        code = app.main(["--port", port])
    except SystemExit as misused:
        code = misused.code
    assert code in (1, 2)
    assert not served


def test_only_what_is_missing_is_prepared(prepared: Settings, monkeypatch, capsys) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("nothing is missing")

    monkeypatch.setattr("core.search.prepare_gallery", refuse)
    app._prepare(prepared)
    assert capsys.readouterr().err == ""


def test_a_password_guards_the_page_its_pictures_and_its_end_points(
    free_port, prepared: Settings, tmp_path: Path
) -> None:
    port = free_port()
    command = [sys.executable, "app.py", "--port", str(port), "--root", str(prepared.root), "--auth", "me:secret"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    url = f"http://127.0.0.1:{port}/"
    dataset = Engine(prepared).dataset("paintings")
    thumbnail = dataset.thumbnail_path(dataset.catalog.get(1))
    with subprocess.Popen(command, cwd=PROJECT, env=environment, stderr=subprocess.PIPE) as server:
        try:
            for _ in range(600):
                with contextlib.suppress(urllib.error.URLError):
                    urllib.request.urlopen(url, timeout=20).close()
                    break
                time.sleep(0.2)
            assert list(tmp_path.glob("pentimento-*"))  # where uploads go
            for path in (f"gradio_api/file={thumbnail}", "gradio_api/info", "config"):
                with pytest.raises(urllib.error.HTTPError) as refused:
                    urllib.request.urlopen(url + path)
                assert refused.value.code == 401
        finally:
            server.terminate()
            server.wait(30)
    assert not list(tmp_path.glob("pentimento-*")), "uploads must be removed at the end"


def test_building_the_page_imports_neither_torch_nor_umap(prepared: Settings) -> None:
    code = (
        "import sys; from pathlib import Path;"
        "from core.settings import Settings; from gradio_ui.blocks import build_app;"
        f"build_app(Settings(root=Path({str(prepared.root)!r})));"
        "print([name for name in ('torch', 'umap', 'numba', 'sklearn', 'timm', 'torchvision') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, timeout=200)
    assert done.stdout.strip() == "[]", done.stderr
