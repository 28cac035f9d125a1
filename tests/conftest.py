"""Fixtures that every test may use."""

import os
import socket
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from hypothesis import settings as hypothesis_settings

from core import datasets
from core.datasets import Catalog, Dataset, FieldSpec
from core.datasets.catalog import Row
from core.settings import Settings
from core.storage import sha256_of

# No deadlines: a busy machine is no fault of the code. The same examples each time in CI, new ones elsewhere.
hypothesis_settings.register_profile("pentimento", deadline=None, derandomize=bool(os.environ.get("CI")))
hypothesis_settings.load_profile("pentimento")

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


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """Return TCP ports of this machine on which nothing listens."""

    def find() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    return find


@pytest.fixture
def make_gallery() -> Callable[..., Dataset]:
    """A function that makes a gallery of small generated pictures: `make_gallery(settings, "mine", count=12)`.

    Called again with another `only`, it leaves just the pictures of those numbers, as an import would.
    """
    return _gallery


def _gallery(settings: Settings, name: str = "mine", *, count: int = 12, only: Iterable[int] | None = None) -> Dataset:
    folder = settings.root.parent / f"{name} pictures"
    folder.mkdir(parents=True, exist_ok=True)
    catalog = Catalog.create(
        settings.datasets / name / "catalog.sqlite",
        {"title": name.title(), "kind": "pictures", "ready": "1", "source_folder": str(folder)},
        [FieldSpec("number", "Number", "range")],
    )
    wanted = set(range(count) if only is None else only)
    rows = []
    for number in sorted(wanted):
        # Blocks of random colours: distinct to every encoder.
        blocks = np.random.default_rng(number).integers(0, 256, (6, 8, 3), np.uint8)
        path = folder / f"{number:04}.png"
        PIL.Image.fromarray(blocks.repeat(10, axis=0).repeat(10, axis=1)).save(path)
        label = ("even", "odd")[number % 2]
        rows.append(Row(path.name, sha256_of(path), 80, 60, f"Picture {number}", label, fields={"number": number}))
    kept = {row.path for row in rows}
    catalog.write(rows, removed=[fact.image_id for fact in catalog.files() if fact.path not in kept])
    return datasets.open(name, settings)
