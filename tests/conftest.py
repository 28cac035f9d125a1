"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest

from core.settings import Settings

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real images and vectors that lies beside a developer's checkout."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the folder of real images and vectors (shared/data beside the checkout) is absent")
    return SHARED_DATA


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings whose root is an empty folder."""
    return Settings(root=tmp_path / "root", threads=2)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings whose root has both embedded galleries, with features and a few indexes; do not change what is there.

    Made once in a test session: the processes of pytest-xdist share it.
    """
    from filelock import FileLock

    from core import indexes
    from core.search import prepare_gallery

    base = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        base = base.parent
    settings = Settings(root=base / "prepared", threads=2)
    with FileLock(str(base / "prepared.lock")):
        done = settings.root / "done"
        if not done.exists():
            wanted = [name for name in ("flat", "faiss-flat", "ivfpq") if name in indexes.names()]
            for gallery in ("paintings", "satellite"):
                prepare_gallery(gallery, settings, indexes=wanted)
            done.touch()
    return settings
