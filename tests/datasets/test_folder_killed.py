"""An import that is killed at any moment continues, with nothing lost, doubled or half-written."""

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from core import datasets
from core.datasets.check import check
from core.settings import Settings

N = 250
CODE = """
import sys
from pathlib import Path
from core import datasets
from core.settings import Settings
print("ready", flush=True)
datasets.import_folder(Path(sys.argv[2]), "mine", Settings(root=Path(sys.argv[1])))
print("done", flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "pictures"
    root.mkdir()
    for seed in range(N):
        pixels = np.random.default_rng(seed).integers(0, 255, (12, 16, 3), np.uint8)
        buffer = io.BytesIO()
        PillowImage.fromarray(pixels).resize((160, 120)).save(buffer, "PNG", compress_level=1)
        (root / f"{seed:04d}.png").write_bytes(buffer.getvalue())
    return root


def test_an_import_that_is_killed_continues(folder: Path, settings: Settings) -> None:
    kills, delay_s = 0, 0.05
    thumbnails = settings.datasets / "mine" / "thumbnails"
    for _ in range(8):
        process = subprocess.Popen(
            [sys.executable, "-c", CODE, str(settings.root), str(folder)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        before = sum(1 for _ in thumbnails.rglob("*.webp"))
        while process.poll() is None and sum(1 for _ in thumbnails.rglob("*.webp")) <= before:
            time.sleep(0.005)  # until it is at work
        time.sleep(delay_s)
        delay_s *= 1.6
        os.kill(process.pid, signal.SIGKILL)
        rest, _ = process.communicate()
        if "done" in rest:
            break
        kills += 1
    assert kills >= 2
    report = datasets.import_folder(folder, "mine", settings)
    assert report.count == N
    assert report.skipped == []
    dataset = datasets.open("mine", settings)
    ids = dataset.catalog.ids()
    assert len(set(ids.tolist())) == N
    assert {record.path for record in dataset} == {path.name for path in folder.iterdir()}
    assert check("mine", settings, deep=True).faults == []
    assert not list((settings.datasets / "mine").rglob("*.tmp"))
    assert datasets.import_folder(folder, "mine", settings).added == 0
    assert dataset.catalog.ids().tolist() == ids.tolist()
