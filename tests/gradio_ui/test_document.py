"""The head of the page's document."""

from gradio_ui.document import modules, with_own_head
from gradio_ui.static_files import ASSETS


def test_gradios_advertisement_goes_and_our_head_comes() -> None:
    html = b"""<html><head>
        <meta property="og:image"
            content="https://raw.githubusercontent.com/x.jpg" />
        <meta name="twitter:creator" content="@teamGradio" /><title>x</title></head><body></body></html>"""
    own = with_own_head(html).decode()
    assert "og:" not in own
    assert "twitter:" not in own
    assert "raw.githubusercontent" not in own
    assert own.index("pentimento-theme") < own.index("</head>")
    assert own.endswith("<title>x</title>" + own.split("<title>x</title>")[1])


def test_the_modules_fetched_early_exist_and_import_each_other() -> None:
    assert modules()[:2] == ("header.js", "search.js")
    assert {"store.js", "dom.js", "results.js", "drawer.js"} <= set(modules())
    assert all((ASSETS / name).is_file() for name in modules())


def test_the_served_document_has_it_and_says_its_true_length(served) -> None:
    from urllib.request import urlopen

    with urlopen(served.url) as answer:
        body = answer.read()
        assert int(answer.headers["content-length"]) == len(body)
    assert b'rel="modulepreload"' in body
    assert b"og:image" not in body
