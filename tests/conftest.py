"""Fixtures that every test may use."""

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
