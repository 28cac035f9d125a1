"""EfficientNet-Lite0 seen at several depths: means and deviations of its middle stages beside its last features.

The last features of a network that was trained on photographs say what a thing is; colours, textures and edges, which
tell land cover apart, are lost on the way there and still to be had in the middle (B. Hariharan et al., "Hypercolumns
for Object Segmentation and Fine-grained Localization", CVPR 2015; J. Yosinski et al., "How transferable are features in
deep neural networks?", NIPS 2014). Deviations over the picture are texture statistics (L. Gatys, A. Ecker, M. Bethge,
"Texture Synthesis Using Convolutional Neural Networks", NIPS 2015). A head on these vectors needs no second pass.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from core.encoders import efficientnet_lite0
from core.encoders.network import Network

if TYPE_CHECKING:
    import torch

_WITH_DEVIATION = (2, 3, 4)  # stages of 40, 80 and 112 channels
_MEAN_ONLY = (5,)  # 192 channels
_TINY = 1e-12  # the root's slope at 0 is infinite
_DIM = 2 * (40 + 80 + 112) + 192 + 1280


def back_end(name: str) -> Network:
    """Return the back end; `name` is the only one there is."""
    base = efficientnet_lite0.back_end(efficientnet_lite0.NAME)
    title = "EfficientNet-Lite0 (ImageNet), several stages"
    return replace(base, name=name, title=title, dim=_DIM, build=_stages, cells_of=base.name)


def _stages(weights: Path) -> "torch.nn.Module":
    import torch
    from torch import Tensor
    from torch.nn.functional import normalize

    class Stages(torch.nn.Module):
        """Maps (B, 3, S, S) normalised pixels to (B, 1936): each part has norm 1, so that all stages count alike."""

        def __init__(self) -> None:
            super().__init__()
            self.network = efficientnet_lite0.classifier(weights)

        def forward(self, pixels: Tensor) -> Tensor:
            network, parts = self.network, []
            cells = network.bn1(network.conv_stem(pixels))  # type: ignore[operator]
            for number, stage in enumerate(network.blocks):  # type: ignore[arg-type]
                cells = stage(cells)  # (B, C, h, w)
                mean = cells.mean(dim=(2, 3))
                if number in _WITH_DEVIATION or number in _MEAN_ONLY:
                    parts.append(mean)
                if number in _WITH_DEVIATION:
                    variance = (cells - mean[:, :, None, None]).square().mean(dim=(2, 3))
                    parts.append((variance + _TINY).sqrt())
            parts.append(network.bn2(network.conv_head(cells)).mean(dim=(2, 3)))  # type: ignore[operator]
            return torch.cat([normalize(part, dim=1) for part in parts], dim=1)

    return Stages().eval()
