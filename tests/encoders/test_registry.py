"""What is registered, and what is said of what cannot be had."""

import urllib.error
from pathlib import Path

import numpy as np
import pytest

from core import encoders
from core.encoders import registry, torch_hub
from core.encoders.base import PictureEncoder
from core.encoders.histogram import Histogram
from core.errors import UnavailableError, UnknownNameError
from core.settings import Settings

DOWNLOADED = {
    "shufflenet_v2_x1_0": "shufflenetv2_x1-5666bf0f80.pth",
    "mobilenet_v3_small": "mobilenet_v3_small-047dcff4.pth",
    "resnet18": "resnet18-f37072fd.pth",
    "resnet50": "resnet50-11ad3fa6.pth",
    "dinov2_vits14": "dinov2_vits14_pretrain.pth",
}


def test_every_name_describes_itself(settings: Settings) -> None:
    assert encoders.names(settings)[0] == encoders.default_encoder("paintings") == "efficientnet_lite0"
    assert {*DOWNLOADED, "histogram", "open_clip_vit_b_32"} <= set(encoders.names(settings))
    for name in encoders.names(settings):
        info = encoders.describe(name, settings)
        assert info.name == name
        assert info.dim > 0
        assert info.title
        assert info.available is not bool(info.reason)
    assert encoders.describe("efficientnet_lite0", settings).available
    assert encoders.describe("histogram", settings).available


def test_an_unknown_encoder_is_an_error_that_lists_those_there_are(settings: Settings) -> None:
    for call in (encoders.describe, encoders.load):
        with pytest.raises(UnknownNameError, match=r"no encoder 'magic'; there are efficientnet_lite0, .*histogram"):
            call("magic", settings)


@pytest.mark.parametrize(("name", "file"), DOWNLOADED.items())
def test_weights_that_cannot_be_had_are_named_with_where_from_and_where_to(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, file: str
) -> None:
    import torch

    def refuse(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", refuse)
    assert "are not here yet" in encoders.describe(name, settings).reason
    with pytest.raises(UnavailableError) as caught:
        encoders.load(name, settings)
    message = str(caught.value)
    assert f"{name} needs {file} from https://" in message
    assert f"put the file in {tmp_path / 'hub' / 'checkpoints'}" in message


def test_a_missing_package_is_named_with_the_command_that_installs_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.encoders.network.find_spec", lambda module: None)
    with pytest.raises(UnavailableError, match=r"needs the package torch; run: \.venv/bin/pip install torch"):
        encoders.load("resnet18", settings)
    info = encoders.describe("open_clip_vit_b_32", settings)
    assert "pip install" in info.reason


def test_checkpoints_lie_where_torch_keeps_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    for variable in ("TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv("TORCH_HOME", raising=False)
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        monkeypatch.setenv(variable, str(tmp_path))
        monkeypatch.setattr(torch.hub, "_hub_dir", None)
        assert torch_hub.checkpoints() == Path(torch.hub.get_dir()) / "checkpoints"


def test_encoders_found_in_folders_come_after_the_built_in_ones_and_cannot_replace_them(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {"mine": Histogram("mine"), "histogram": Histogram("impostor")}
    monkeypatch.setattr(registry, "_found", lambda settings: {k: v for k, v in found.items() if k != "histogram"})
    assert encoders.names(settings)[-1] == "mine"
    assert isinstance(encoders.load("mine", settings), PictureEncoder)
    vectors = encoders.load("mine", settings).encode([np.zeros((4, 4, 3), np.uint8)])
    assert vectors.shape == (1, encoders.describe("mine", settings).dim)
