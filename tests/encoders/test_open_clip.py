"""OpenCLIP's loading, with a small package in place of the large one, which is an optional extra."""

import sys
from pathlib import Path

import numpy as np
import pytest

from core import encoders
from core.errors import UnavailableError
from core.settings import Settings

PACKAGE = """
import pathlib, torch

class Model:
    def __init__(self):
        torch.manual_seed(0)
        self.visual = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(4), torch.nn.Flatten(), torch.nn.Linear(48, 512))

def create_model(name, pretrained):
    assert name == "ViT-B-32" and pathlib.Path(pretrained).is_file()
    return Model()

def get_pretrained_cfg(model, tag):
    return {"model": model, "tag": tag}

def download_pretrained(facts):
    assert facts == {"model": "ViT-B-32", "tag": "laion2b_s34b_b79k"}
    raise OSError("no network")
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "packages" / "open_clip"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(PACKAGE)
    monkeypatch.syspath_prepend(str(folder.parent))
    monkeypatch.delitem(sys.modules, "open_clip", raising=False)
    return folder


def test_its_visual_part_is_exported_and_used(
    package: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    weights = tmp_path / "open_clip_model.safetensors"
    weights.write_bytes(b"weights")
    monkeypatch.setattr(
        huggingface_hub,
        "try_to_load_from_cache",
        lambda repository, file: str(weights) if file == weights.name else None,
    )
    assert encoders.describe("open_clip_vit_b_32", settings).available
    image = np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8)
    vectors = encoders.load("open_clip_vit_b_32", settings).encode([image, image[::-1].copy()])
    assert vectors.shape == (2, 512)


def test_weights_that_cannot_be_had_are_named(
    package: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda repository, file: None)
    assert "are not here yet" in encoders.describe("open_clip_vit_b_32", settings).reason
    with pytest.raises(UnavailableError, match=r"needs open_clip_model\.safetensors of laion/CLIP.*no network"):
        encoders.load("open_clip_vit_b_32", settings)
