"""What programs and assistants can ask of one picture, without a page."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import PIL.Image
import pytest

from core.errors import NotPreparedError
from core.search import Engine, Query, prepare_gallery
from core.settings import Settings
from gradio_ui.tools import Tools

MINE = "mine@efficientnet_lite0"


@pytest.fixture
def tools(mapped: Engine, home: Settings) -> Tools:
    shelf = SimpleNamespace(put=lambda data, name: name, put_copy=lambda source: source.name)
    return Tools(SimpleNamespace(engine=mapped, settings=home, shelf=shelf))


def test_a_stored_picture_is_on_the_map_among_its_look_alikes(tools: Tools, mapped: Engine) -> None:
    answer = tools.place(None, "mine", 4)
    assert -1 <= answer["x"] <= 1
    assert -1 <= answer["y"] <= 1
    found = mapped.search(MINE, Query.stored(4), k=10).results[1:]
    assert [one["image_id"] for one in answer["neighbours"]] == [result.image_id for result in found]
    with pytest.raises(ValueError, match="no picture 99"):
        tools.place(None, MINE, 99)


def test_a_new_picture_is_placed_where_its_stored_twin_is(tools: Tools, mapped: Engine) -> None:
    dataset = mapped.dataset(MINE)
    file = dataset.source_path(dataset.catalog.get(4))
    placed, stored = tools.place(str(file), MINE, -1), tools.place(None, MINE, 4)
    assert placed["neighbours"][0]["image_id"] == 4
    assert (placed["x"], placed["y"]) == pytest.approx((stored["x"], stored["y"]), abs=0.05)
    assert isinstance(placed["doubts"], list)


def test_a_new_picture_is_described_by_what_resembles_it(tools: Tools, mapped: Engine, tmp_path: Path) -> None:
    dataset = mapped.dataset(MINE)
    PIL.Image.open(dataset.source_path(dataset.catalog.get(7))).save(tmp_path / "new.png")
    shown, text = tools.describe(str(tmp_path / "new.png"), MINE, -1)
    assert shown.size == (80, 60)
    assert text.startswith("A new picture of 80 x 60 pixels. Most similar in Mine:")
    assert "(image_id 7)" in text.splitlines()[1]


def test_a_stored_picture_is_described_by_its_fields(tools: Tools) -> None:
    text = tools.describe(None, MINE, 3)[1]
    assert text.startswith("Picture 2")
    assert "number: 2" in text.lower()


def test_neither_a_picture_nor_a_number_is_refused(tools: Tools) -> None:
    for ask in (tools.describe, tools.place):
        with pytest.raises(ValueError, match="give a picture"):
            ask(None, MINE, -1)


def test_a_gallery_without_a_map_says_what_to_run(
    settings: Settings, make_gallery: Callable[..., object], tools: Tools
) -> None:
    make_gallery(settings, count=4)
    prepare_gallery(MINE, settings, indexes=["flat"])
    shelfless = Tools(SimpleNamespace(engine=Engine(settings), settings=settings, shelf=None))
    with pytest.raises(NotPreparedError, match="python -m core map"):
        shelfless.place(None, MINE, 1)
