"""How the page is served: theme, style sheets, privacy, limits and headers; the same for the app and for its tests."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from core.settings import Settings
from gradio_ui.assets import FAVICON, stylesheets
from gradio_ui.theme import PAPER, PAPER_DARK, PentimentoTheme

_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# The choice of light or dark is applied before Gradio has loaded, so that the page does not flash.
_HEAD = f"""
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<script>
(() => {{
  let choice = null;
  try {{ choice = localStorage.getItem("pentimento-theme"); }} catch {{ }}
  const dark = choice ? choice === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.style.background = dark ? "{PAPER_DARK}" : "{PAPER}";
  const apply = () => document.body.classList.toggle("dark", dark);
  if (document.body) apply(); else document.addEventListener("DOMContentLoaded", apply, {{ once: true }});
}})();
</script>
"""

# Gradio evaluates templates and inserts styles, hence the two "unsafe"; nothing may come from or go to another host.
_POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'"
)


class Headers:
    """Adds headers to every answer: no outside requests, and how long pictures and scripts may be kept."""

    def __init__(self, app: Any, *, strict: bool = True) -> None:
        """Wrap an ASGI application; `strict` forbids the browser to ask any other host for anything."""
        self.app = app
        self.strict = strict

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = str(scope.get("path", ""))

        async def with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                added = [(b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer")]
                if self.strict:
                    added.append((b"content-security-policy", _POLICY.encode()))
                if "/file=" in path:
                    kept = b"private, max-age=3600" if "/thumbnails/" in path else b"private, no-cache"
                    added.append((b"cache-control", kept))
                message["headers"] = [*message.get("headers", []), *added]
            await send(message)

        await self.app(scope, receive, with_headers)


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
        head=_HEAD,
        favicon_path=FAVICON,
        max_file_size=settings.max_upload_bytes,
        app_kwargs={"middleware": [Middleware(Headers, strict=strict)]},
        footer_links=[],
        run_history=False,
        share=False,
        ssr_mode=False,
        mcp_server=False,
        show_error=True,
        quiet=True,
        prevent_thread_lock=not wait,
    )
    return str(url)
