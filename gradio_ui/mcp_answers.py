"""What Gradio's MCP server lacks: answers as JSON rather than as Python writes them, and a look at who is asking."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import gradio as gr

MCP_PATH = "/gradio_api/mcp"
_LOCAL = {"localhost", "127.0.0.1", "::1"}


def answer_in_json(blocks: "gr.Blocks") -> None:
    """Let the tools of a launched page answer with JSON texts; pictures and texts stay what they are."""
    server = blocks.mcp_server_obj
    if server is None:
        return
    plain = server.postprocess_output_data

    def as_json(data: Any, root_url: str) -> list[Any]:
        if len(data) == 1 and isinstance(data[0], list | tuple) and any(map(_is_file, data[0])):
            data = data[0]  # several outputs of one tool arrive as one
        return list(plain([_text(output) for output in data], root_url))

    server.postprocess_output_data = as_json  # type: ignore[method-assign]


def is_foreign(scope: Mapping[str, Any]) -> bool:
    """Say whether a request comes from a page of another host in somebody's browser, as its Origin tells.

    The MCP specification, "Streamable HTTP", demands it, against pages that reach this machine by a name of theirs.
    """
    origins = [value.decode("latin-1") for name, value in scope.get("headers", []) if name.lower() == b"origin"]
    return any(urlsplit(origin).hostname not in _LOCAL for origin in origins)


def _text(output: Any) -> Any:
    if _is_file(output) or not isinstance(output, dict | list):
        return output
    return json.dumps(output, ensure_ascii=False)


def _is_file(output: Any) -> bool:
    return isinstance(output, dict) and isinstance(output.get("meta"), dict)
