"""How the page is served: theme, style sheets, privacy, limits and headers; the same for the app and for its tests."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import gradio as gr
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse

from core.settings import Settings
from gradio_ui.document import with_own_head
from gradio_ui.mcp_answers import MCP_PATH, answer_in_json, is_foreign
from gradio_ui.static_files import FAVICON, stylesheets
from gradio_ui.theme import PentimentoTheme

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]

# Gradio evaluates templates and inserts styles, hence the two "unsafe"; nothing may come from or go to another host.
_POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'"
)


class Envelope:
    """Wraps every answer: headers that keep requests on this host, and our own head in the page's document."""

    def __init__(self, app: Any, *, strict: bool = True) -> None:
        """Wrap an ASGI application; `strict` forbids the browser to ask any other host for anything."""
        self.app = app
        self.strict = strict

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = str(scope.get("path", ""))
        if path.startswith(MCP_PATH) and is_foreign(scope):
            await PlainTextResponse("pages of other hosts may not call these tools", 403)(scope, receive, send)
            return
        start: _Message = {}
        document: list[bytes] | None = None

        async def enveloped(message: _Message) -> None:
            nonlocal start, document
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *self._headers(path)]
                kind = dict(message["headers"]).get(b"content-type", b"")
                if path == "/" and kind.startswith(b"text/html"):
                    start, document = message, []  # held back until its length is known
                    return
            elif document is not None:
                document.append(message.get("body", b""))
                if message.get("more_body"):
                    return
                body = with_own_head(b"".join(document))
                kept = [(name, value) for name, value in start["headers"] if name != b"content-length"]
                await send({**start, "headers": [*kept, (b"content-length", str(len(body)).encode())]})
                message = {"type": "http.response.body", "body": body}
            await send(message)

        await self.app(scope, receive, enveloped)

    def _headers(self, path: str) -> list[tuple[bytes, bytes]]:
        added = [(b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer")]
        if self.strict:
            added.append((b"content-security-policy", _POLICY.encode()))
        if "/file=" in path:
            kept = b"private, max-age=3600" if "/thumbnails/" in path else b"private, no-cache"
            added.append((b"cache-control", kept))
        return added


def launch(
    blocks: gr.Blocks,
    settings: Settings,
    *,
    host: str = "127.0.0.1",
    port: int = 7860,
    auth: tuple[str, str] | None = None,
    root_path: str | None = None,
    strict: bool = True,
    wait: bool = True,
    mcp: bool = False,
) -> str:
    """Serve the page and return its address.

    Args:
        blocks: the page.
        settings: the largest upload.
        host: address to listen on.
        port: port to listen on; it must be free.
        auth: user and password that are asked for.
        root_path: where the page is when a proxy serves it under a path.
        strict: forbid the browser any request to another host; a host that frames the page may need it off.
        wait: return only when the server has ended.
        mcp: let assistants call the public functions as MCP tools, at `gradio_api/mcp/`.

    Raises:
        OSError: the port is in use.
    """
    blocks.queue(default_concurrency_limit=4)
    _, url, _ = blocks.launch(
        server_name=host,
        server_port=port,
        auth=auth,
        root_path=root_path,
        theme=PentimentoTheme(),
        css_paths=stylesheets(),
        favicon_path=FAVICON,
        max_file_size=settings.max_upload_bytes,
        app_kwargs={"middleware": [Middleware(Envelope, strict=strict)]},
        footer_links=[],
        run_history=False,
        share=False,
        ssr_mode=False,
        mcp_server=mcp,
        show_error=True,
        quiet=True,
        prevent_thread_lock=True,
    )
    if mcp:
        answer_in_json(blocks)
    if wait:
        blocks.block_thread()
    return str(url)
