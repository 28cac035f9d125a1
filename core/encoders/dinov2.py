"""DINOv2 ViT-S/14: self-supervised features, strong where ImageNet's classes are of no use. An optional extra.

M. Oquab et al., "DINOv2: Learning Robust Visual Features without Supervision", TMLR 2024. Architecture by timm, the
authors' weights through torch.hub's downloader and cache.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.encoders import torch_hub
from core.encoders.base import Preparation
from core.encoders.network import Network
from core.errors import DamagedFileError

if TYPE_CHECKING:
    import torch

_FILE = "dinov2_vits14_pretrain.pth"
_URL = f"https://dl.fbaipublicfiles.com/dinov2/dinov2_vits14/{_FILE}"


def back_end(name: str) -> Network:
    """Return the back end; `name` is the only one there is."""
    return Network(
        name=name,
        title="DINOv2 ViT-S/14 (self-supervised)",
        dim=384,
        preparation=Preparation(224),
        mean=(0.485 * 255, 0.456 * 255, 0.406 * 255),
        deviation=(0.229 * 255, 0.224 * 255, 0.225 * 255),
        find=lambda: torch_hub.find(_FILE),
        fetch=lambda: torch_hub.fetch(name, _URL, _FILE, check_hash=False),
        build=_features,
        requires=("torch", "torchvision", "timm"),
    )


def _features(weights: Path) -> "torch.nn.Module":
    from core.encoders.torchvision_import import torchvision

    torchvision()  # timm imports it
    import timm
    import torch
    from timm.models.vision_transformer import checkpoint_filter_fn

    state: dict[str, Any] = torch.load(weights, map_location="cpu", weights_only=True)
    # img_size: the published position embeddings (518 px) are resampled once, here, not at every call.
    network: Any = timm.create_model("vit_small_patch14_dinov2", pretrained=False, img_size=224, num_classes=0)
    try:
        network.load_state_dict(checkpoint_filter_fn(state, network), strict=True)
    except (RuntimeError, KeyError) as error:
        raise DamagedFileError(f"{weights} does not hold the weights of DINOv2 ViT-S/14: {error}; remove it") from error
    features: torch.nn.Module = network.eval()
    return features
