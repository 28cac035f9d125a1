"""Start Pentimento: prepare the embedded galleries if they are absent, and serve the page.

    python app.py [--host 127.0.0.1] [--port 7860] [--auth USER:PASSWORD | --public] [--root FOLDER] [--mcp]

A Hugging Face Space starts this file too, without flags.
"""

import argparse
import atexit
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from core.errors import RetrievalError, UnavailableError
from core.settings import Settings

_LOCAL = ("127.0.0.1", "localhost", "::1")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the page until it is stopped; return the exit code: 0, 1 (could not) or 2 (misused)."""
    parser = _parser()
    options = parser.parse_args(arguments)
    host = options.host or os.environ.get("GRADIO_SERVER_NAME") or "127.0.0.1"
    port = options.port or _environment_port(parser) or 7860
    on_space = bool(os.environ.get("SPACE_ID"))
    auth = _auth(parser, options.auth)
    if host not in _LOCAL and not (auth or options.public or on_space):
        parser.error(
            f"{host} can be reached by others: ask for a password with --auth USER:PASSWORD, "
            "or say --public if everybody may use the page"
        )
    if options.mcp and auth:
        parser.error("--mcp cannot go with --auth: assistants have no way to log in; leave one of them out")
    try:
        if options.mcp:
            _require_mcp()
        settings = Settings.from_environment(options.root)
        _require_free(host, port)
        _prepare(settings)
    except (RetrievalError, ValueError) as error:
        print(f"pentimento: {error}", file=sys.stderr)
        return 1
    _serve(settings, host, port, auth, options.root_path, strict=not on_space, mcp=options.mcp)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="app.py", description="Pentimento: visual search, as a page in the browser.")
    parser.add_argument("--host", help="address to listen on (GRADIO_SERVER_NAME, else 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on (GRADIO_SERVER_PORT, else 7860)")
    parser.add_argument("--auth", metavar="USER:PASSWORD", help="ask for this user and password")
    parser.add_argument("--public", action="store_true", help="let everybody who can reach the address use the page")
    parser.add_argument("--root", type=Path, metavar="FOLDER", help="folder of datasets/, features/ and indexes/")
    parser.add_argument("--root-path", metavar="PATH", help="path under which a proxy serves the page")
    parser.add_argument("--mcp", action="store_true", help="let assistants search, describe, compress and map by MCP")
    parser.add_argument("--share", choices=["never"], default="never", help="the page never opens a public tunnel")
    return parser


def _environment_port(parser: argparse.ArgumentParser) -> int | None:
    text = os.environ.get("GRADIO_SERVER_PORT")
    if not text:
        return None
    if not text.isdigit():
        parser.error(f"GRADIO_SERVER_PORT must be a number, got {text!r}")
    return int(text)


def _auth(parser: argparse.ArgumentParser, text: str | None) -> tuple[str, str] | None:
    if text is None:
        return None
    user, colon, password = text.partition(":")
    if not (user and colon and password):
        parser.error("--auth must be USER:PASSWORD")
    return user, password


def _require_mcp() -> None:
    """Raise UnavailableError if the package that speaks MCP is not installed."""
    if find_spec("mcp") is None:
        raise UnavailableError(
            "MCP needs a package more; run: .venv/bin/pip install -c requirements.txt mcp==1.30.0 "
            "(requirements-scale.txt has it, too)"
        )


def _require_free(host: str, port: int) -> None:
    """Raise ValueError if nobody can listen there."""
    if not 1 <= port <= 65535:
        raise ValueError(f"port must be 1 to 65535, got {port}")
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        raise ValueError(
            f"cannot listen on {host}:{port} ({error.strerror}); stop what is running there, "
            f"or choose another port: python app.py --port {min(65535, port + 1)}"
        ) from error


def _prepare(settings: Settings) -> None:
    """Prepare the embedded galleries that are not ready, with progress on stderr."""
    from core import datasets
    from core.search import Engine, prepare_gallery

    ready = {info.dataset for info in Engine(settings).galleries() if info.ready}
    for name in datasets.EMBEDDED:
        if name not in ready:
            print(f"Preparing {name}; this is done once.", file=sys.stderr)
            report = prepare_gallery(name, settings, progress=_Progress())
            print(f"\r\033[K{name}: ready after {report.seconds:.0f} s", file=sys.stderr)


class _Progress:
    """Writes one line on stderr that changes; lines of their own where stderr is a file."""

    def __init__(self) -> None:
        self._shown = ""

    def __call__(self, done: int, total: int | None, what: str) -> None:
        """Show what is being done, and how much of it."""
        if sys.stderr.isatty():
            share = f" {done}/{total}" if total else f" {done}" if done else ""
            print(f"\r\033[K  {what}{share}", end="", file=sys.stderr, flush=True)
        elif what != self._shown:
            print(f"  {what}", file=sys.stderr, flush=True)
        self._shown = what


def _serve(
    settings: Settings,
    host: str,
    port: int,
    auth: tuple[str, str] | None,
    root_path: str | None,
    *,
    strict: bool,
    mcp: bool,
) -> None:
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    uploads = tempfile.mkdtemp(prefix="pentimento-")  # readable by this user only
    os.environ["GRADIO_TEMP_DIR"] = uploads
    atexit.register(shutil.rmtree, uploads, ignore_errors=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that uploads are removed then, too
    logging.getLogger("httpx").setLevel(logging.WARNING)

    from gradio_ui.blocks import build_app
    from gradio_ui.launching import launch

    blocks = build_app(settings)
    shown = "localhost" if host in _LOCAL else host
    print(f"Pentimento is on http://{shown}:{port}  (Ctrl-C ends it)", file=sys.stderr, flush=True)
    if mcp:
        print(f"Assistants find its tools at http://{shown}:{port}/gradio_api/mcp/", file=sys.stderr, flush=True)
    launch(blocks, settings, host=host, port=port, auth=auth, root_path=root_path, strict=strict, mcp=mcp)


if __name__ == "__main__":
    sys.exit(main())
