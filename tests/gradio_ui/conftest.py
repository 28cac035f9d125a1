"""A page served inside the test's own process."""

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from core.search import Engine
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
def served(prepared: Settings, engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The page with a limit of 1 MB for uploads, which keeps the test of that limit quick."""
    from dataclasses import replace

    from gradio_ui.blocks import build_app
    from gradio_ui.launching import launch

    uploads: Path = tmp_path_factory.mktemp("uploads")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(uploads))
        settings = replace(prepared, max_upload_bytes=2**20)
        blocks = build_app(settings, engine)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        url = launch(blocks, settings, port=port, wait=False, mcp=find_spec("mcp") is not None)
        yield Served(url, engine, settings)
        blocks.close(verbose=False)
