"""Running a network by torch: for export, for comparison, and where a network cannot be exported."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core.encoders.base import PictureEncoder
from core.settings import Settings
from core.types import Image, Vectors

if TYPE_CHECKING:
    import torch

    from core.encoders.network import Network

_BATCH = 8


class TorchEncoder(PictureEncoder):
    """Encodes by eager torch."""

    def __init__(self, network: "Network", weights: Path, fingerprint: str, settings: Settings) -> None:
        super().__init__(
            network.name, network.dim, network.preparation, fingerprint, threads=settings.threads, batch=_BATCH
        )
        import torch

        # Its callers are the threads: two of torch's own wait for each other on a busy machine, thirty times slower.
        torch.set_num_threads(1)
        self._module = whole_module(network, weights)

    def _embed(self, squares: Image) -> Vectors:
        import torch

        with torch.inference_mode():
            features = self._module(torch.from_numpy(squares))
        return np.asarray(features.numpy(), dtype=np.float32)


def whole_module(network: "Network", weights: Path) -> "torch.nn.Module":
    """Return the module that maps (B, S, S, 3) uint8 pixels to (B, dim) features: normalisation, then the network.

    Raises:
        UnavailableError: a package that it needs is not installed.
    """
    network.require_packages()
    import torch

    class Whole(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mean = torch.nn.Buffer(torch.tensor(network.mean).reshape(1, 3, 1, 1))
            self.scale = torch.nn.Buffer(1 / torch.tensor(network.deviation).reshape(1, 3, 1, 1))
            self.network = network.build(weights)

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            channels = pixels.permute(0, 3, 1, 2).float()  # (B, 3, S, S)
            features: torch.Tensor = self.network((channels - self.mean) * self.scale)
            return features

    return Whole().eval().requires_grad_(False)
