"""Networks of torchvision with their ImageNet weights, through torchvision's own downloader and cache.

ShuffleNet V2: N. Ma et al., ECCV 2018. MobileNetV3: A. Howard et al., ICCV 2019. ResNet: K. He et al., CVPR 2016.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.encoders import torch_hub
from core.encoders.base import Preparation
from core.encoders.network import Network
from core.errors import DamagedFileError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class _Model:
    """A network of torchvision: its weights' name there, their file, and the layer that is left out."""

    title: str
    dim: int
    weights: str
    file: str
    last_layer: str


_MODELS = {
    "shufflenet_v2_x1_0": _Model(
        "ShuffleNet V2 1.0 (ImageNet)", 1024, "ShuffleNet_V2_X1_0_Weights.IMAGENET1K_V1",
        "shufflenetv2_x1-5666bf0f80.pth", "fc",
    ),
    "mobilenet_v3_small": _Model(
        "MobileNetV3 small (ImageNet)", 576, "MobileNet_V3_Small_Weights.IMAGENET1K_V1",
        "mobilenet_v3_small-047dcff4.pth", "classifier",
    ),
    "resnet18": _Model("ResNet-18 (ImageNet)", 512, "ResNet18_Weights.IMAGENET1K_V1", "resnet18-f37072fd.pth", "fc"),
    "resnet50": _Model("ResNet-50 (ImageNet)", 2048, "ResNet50_Weights.IMAGENET1K_V2", "resnet50-11ad3fa6.pth", "fc"),
}  # fmt: skip


def back_end(name: str) -> Network:
    """Return the back end of that name."""
    model = _MODELS[name]
    return Network(
        name=name,
        title=model.title,
        dim=model.dim,
        preparation=Preparation(224),
        mean=(0.485 * 255, 0.456 * 255, 0.406 * 255),
        deviation=(0.229 * 255, 0.224 * 255, 0.225 * 255),
        find=lambda: torch_hub.find(model.file),
        fetch=lambda: _fetch(name, model),
        build=lambda weights: _features(name, model, weights),
        requires=("torch", "torchvision"),
    )


def _features(name: str, model: _Model, weights: Path) -> "torch.nn.Module":
    from core.encoders.torchvision_import import torchvision

    models = torchvision().models
    import torch

    state: dict[str, Any] = torch.load(weights, map_location="cpu", weights_only=True)
    network: torch.nn.Module = models.get_model(name, weights=None)
    try:
        network.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise DamagedFileError(f"{weights} does not hold the weights of {name}: {error}; remove it") from error
    setattr(network, model.last_layer, torch.nn.Identity())
    return network.eval()


def _fetch(name: str, model: _Model) -> Path:
    from core.encoders.torchvision_import import torchvision

    weights = torchvision().models.get_weight(model.weights)
    return torch_hub.fetch(name, weights.url, model.file, check_hash=True)
