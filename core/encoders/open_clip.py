"""OpenCLIP ViT-B/32 (LAION-2B): pictures by what would be said of them. An optional extra, with its own package.

A. Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", ICML 2021; M. Cherti et al.,
"Reproducible scaling laws for contrastive language-image learning", CVPR 2023.

The weights are taken from the file that PENTIMENTO_OPEN_CLIP names, else from the hub's cache, else from the hub.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from core.encoders.base import Preparation
from core.encoders.network import Network
from core.errors import UnavailableError

if TYPE_CHECKING:
    import torch

MODEL = "ViT-B-32"
CHECKPOINT = "PENTIMENTO_OPEN_CLIP"
_WEIGHTS = "laion2b_s34b_b79k"
_REPOSITORY = "laion/CLIP-ViT-B-32-laion2B-s34B-b79K"
_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")


def back_end(name: str) -> Network:
    """Return the back end; `name` is the only one there is."""
    return Network(
        name=name,
        title="OpenCLIP ViT-B/32 (LAION-2B)",
        dim=512,
        preparation=Preparation(224, fit="crop"),  # as it was trained
        mean=(0.48145466 * 255, 0.4578275 * 255, 0.40821073 * 255),
        deviation=(0.26862954 * 255, 0.26130258 * 255, 0.27577711 * 255),
        find=_find,
        fetch=lambda: _fetch(name),
        build=_features,
        requires=("torch", "torchvision", "open_clip"),
        packages={"open_clip": "open_clip_torch"},
    )


def how_to_get() -> str:
    """Return what to do where the weights are not here."""
    return (
        f"its weights are not here, and are downloaded when it is first used; without internet bring {_FILES[0]} of "
        f"{_REPOSITORY} and set {CHECKPOINT} to the file"
    )


def _features(weights: Path) -> "torch.nn.Module":
    from core.encoders.torchvision_import import torchvision

    torchvision()  # open_clip imports it
    import open_clip

    visual: torch.nn.Module = open_clip.create_model(MODEL, pretrained=str(weights)).visual
    return visual.eval()


def _find() -> Path | None:
    named = os.environ.get(CHECKPOINT)
    if named:
        path = Path(named).expanduser()
        if not path.is_file():
            raise UnavailableError(f"{CHECKPOINT} is {named}, which is no file; set it to the file of the weights")
        return path
    from huggingface_hub import try_to_load_from_cache

    for file in _FILES:
        found = try_to_load_from_cache(_REPOSITORY, file)
        if isinstance(found, str):
            return Path(found)
    return None


def _fetch(name: str) -> Path:
    from core.encoders.torchvision_import import torchvision

    torchvision()
    import open_clip

    try:
        return Path(open_clip.download_pretrained(open_clip.get_pretrained_cfg(MODEL, _WEIGHTS)))
    except (OSError, RuntimeError) as error:  # huggingface_hub's errors are OSErrors
        raise UnavailableError(
            f"{name} needs {_FILES[0]} of {_REPOSITORY}, which could not be downloaded ({error}); on a machine with "
            f"internet run: huggingface-cli download {_REPOSITORY} {_FILES[0]}, copy the file here, and set "
            f"{CHECKPOINT} to it"
        ) from error
