"""The page as an assistant sees it: tools that a client of the Model Context Protocol lists and calls over HTTP."""

import asyncio
import base64
import io
import json
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gradio_client
import PIL.Image
import pytest

import app
from core.search import Query

TOOLS = {"galleries", "search", "details", "why", "describe", "compress", "map", "compare", "explain"}


@pytest.fixture(scope="module")
def speak(served):
    """A function that opens a session, runs `work(session)` and returns its answer."""
    pytest.importorskip("mcp", reason="the package mcp is not installed (requirements-scale.txt)")
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    def run(work: Any) -> Any:
        async def session() -> Any:
            async with (
                streamablehttp_client(f"{served.url}gradio_api/mcp/") as (read, write, _),
                ClientSession(read, write) as client,
            ):
                await client.initialize()
                return await work(client)

        with ThreadPoolExecutor(1) as pool:  # this thread may have a running loop: Playwright's
            return pool.submit(asyncio.run, session()).result()

    return run


@pytest.fixture(scope="module")
def call(speak):
    """A function that calls a tool and returns its contents: JSON as objects, pictures as pictures."""

    def run(tool: str, **arguments: Any) -> list[Any]:
        answer = speak(lambda client: client.call_tool(tool, arguments))
        assert not answer.isError, answer.content
        return [_plain(content) for content in answer.content]

    return run


def _plain(content: Any) -> Any:
    if content.type == "image":
        return PIL.Image.open(io.BytesIO(base64.b64decode(content.data)))
    try:
        return json.loads(content.text)
    except json.JSONDecodeError:
        return content.text


def test_the_tools_are_the_functions_of_the_page_and_nothing_else(speak, served) -> None:
    tools = speak(lambda client: client.list_tools()).tools
    assert {tool.name for tool in tools} == TOOLS
    client = gradio_client.Client(served.url, verbose=False, analytics_enabled=False)
    api = client.view_api(return_format="dict", print_info=False)
    assert {f"/{tool.name}" for tool in tools} == set(api["named_endpoints"])
    for tool in tools:
        assert len(tool.description) > 40
        for name, facts in tool.inputSchema["properties"].items():
            assert len(facts["description"]) > 20, (tool.name, name)


def test_a_picture_need_not_be_given_where_a_number_or_words_will_do(speak) -> None:
    tools = {tool.name: tool for tool in speak(lambda client: client.list_tools()).tools}
    for name in TOOLS - {"galleries", "details"}:
        assert "required" not in tools[name].inputSchema
    assert tools["search"].inputSchema["properties"]["by"]["enum"] == ["labels", "meaning"]


def test_search_finds_what_the_engine_finds(call, served) -> None:
    answer = call("search", gallery="paintings", image_id=7, k=4)[0]
    wanted = served.engine.search("paintings", Query.stored(7), k=4).results
    assert [one["image_id"] for one in answer["results"]] == [one.image_id for one in wanted]


def test_search_takes_words_and_says_how_it_read_them(call) -> None:
    answer = call("search", gallery="paintings", words="vermer", k=5)[0]
    assert {one["metadata"]["artist"] for one in answer["results"]} == {"Johannes Vermeer"}
    assert answer["words"]["read"] == [{"typed": "vermer", "read_as": ["vermeer"], "how": "mistyped"}]
    assert answer["results"][0]["similarity"] is None


def test_search_takes_a_picture(call, served) -> None:
    dataset = served.engine.dataset("satellite")
    file = dataset.source_path(dataset.catalog.get(9))
    url = "data:image/png;base64," + base64.b64encode(file.read_bytes()).decode()
    assert call("search", gallery="satellite", picture=url, k=2)[0]["results"][0]["image_id"] == 9


def test_describe_shows_the_picture_and_says_what_is_known(call, served) -> None:
    record = served.engine.record("paintings", 12)
    contents = call("describe", gallery="paintings", image_id=12)
    picture = next(one for one in contents if isinstance(one, PIL.Image.Image))
    assert picture.width / picture.height == pytest.approx(record.width / record.height, rel=0.02)
    text = contents[-1]
    assert record.title in text
    assert str(record.fields["artist"]) in text
    assert "Licence: CC0" in text


def test_compress_keeps_to_the_bytes_and_returns_what_comes_out(call, served) -> None:
    contents = call("compress", gallery="satellite", image_id=9, most_bytes=300)
    restored = next(one for one in contents if isinstance(one, PIL.Image.Image))
    facts = contents[-1]
    assert facts["bytes"] <= 300
    assert facts["fits"]
    assert restored.size == (facts["width"], facts["height"]) == (128, 128)
    assert facts["psnr_db"] > 20


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("search", {"gallery": "nowhere", "image_id": 1}, "no gallery"),
        ("search", {"image_id": 1, "k": 0}, "between 1 and 500"),
        ("search", {"words": "sea", "by": "meaning"}, "open_clip"),
        ("describe", {}, "Give a picture"),
        ("map", {"gallery": "nowhere", "image_id": 1}, "no gallery"),
        ("compress", {"image_id": 1, "quality": 9}, "quality must be"),
    ],
)
def test_an_assistant_is_told_what_was_wrong(speak, tool, arguments, said) -> None:
    answer = speak(lambda client: client.call_tool(tool, arguments))
    assert answer.isError
    assert said.lower() in answer.content[0].text.lower()


def test_pages_of_other_hosts_may_not_call_tools(served) -> None:
    for origin, refused in (("https://example.com", True), ("http://localhost:7860", False)):
        headers = {
            "Origin": origin, "Content-Type": "application/json", "Accept": "application/json, text/event-stream",
        }  # fmt: skip
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"}).encode()
        request = urllib.request.Request(f"{served.url}gradio_api/mcp/", body, headers)
        try:
            urllib.request.urlopen(request).close()
            code = 200
        except urllib.error.HTTPError as error:
            code = error.code
        assert (code == 403) == refused


def test_without_the_package_the_flag_says_what_to_install(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(app, "find_spec", lambda name: None)
    assert app.main(["--mcp"]) == 1
    assert "pip install -c requirements.txt mcp==" in capsys.readouterr().err


def test_a_password_and_tools_exclude_one_another() -> None:
    with pytest.raises(SystemExit) as misused:
        app.main(["--mcp", "--auth", "me:secret"])
    assert misused.value.code == 2
