"""A page served inside the test's own process."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from core.projection import build
from core.search import Engine, parse_address, prepare_gallery
from core.settings import Settings

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"


@dataclass(frozen=True)
class Served:
    """Address of a served page, its engine and its settings."""

    url: str
    engine: Engine
    settings: Settings


@pytest.fixture(scope="session")
def engine(prepared: Settings) -> Engine:
    """Answers for both embedded galleries."""
    return Engine(prepared)


@pytest.fixture(scope="session")
def served(
    prepared: Settings, engine: Engine, tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]
) -> Iterator[Served]:
    """The page with a limit of 1 MB for uploads, which keeps the test of that limit quick."""
    from dataclasses import replace

    from gradio_ui.blocks import build_app
    from gradio_ui.launching import launch

    uploads: Path = tmp_path_factory.mktemp("uploads")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(uploads))
        settings = replace(prepared, max_upload_bytes=2**20)
        blocks = build_app(settings, engine)
        url = launch(blocks, settings, port=free_port(), wait=False, mcp=find_spec("mcp") is not None)
        yield Served(url, engine, settings)
        blocks.close(verbose=False)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings that the tests of a module share."""
    return Settings(root=tmp_path_factory.mktemp("home") / "root", threads=1)


@pytest.fixture
def mapped(home: Settings, make_gallery: Callable[..., object]) -> Engine:
    """An engine with the gallery mine@efficientnet_lite0: ten pictures and their map, by PCA: quick to make."""
    address = "mine@efficientnet_lite0"
    make_gallery(home, count=10)
    prepare_gallery(address, home, indexes=["flat"])
    build(parse_address(address, home), home)
    return Engine(home)
