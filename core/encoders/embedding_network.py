"""A whole network with a layer of chosen size behind it, as it is trained and exported.

GeM pooling: F. Radenovic, G. Tolias, O. Chum, "Fine-tuning CNN Image Retrieval with No Human Annotation", IEEE TPAMI
2019.
"""

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from core.encoders.network import Network
from core.errors import DamagedFileError, UnavailableError

Pooling = Literal["mean", "gem"]


class EmbeddingNetwork(nn.Module):
    """Maps (B, 3, S, S) normalised pixels to (B, dim) embeddings.

    Args:
        backbone: gives pooled features, or with `forward_features` a map of them.
        pooling: "gem" needs the map.
    """

    def __init__(self, backbone: nn.Module, features: int, dim: int, pooling: Pooling, discrete: bool) -> None:
        super().__init__()
        if pooling == "gem" and not hasattr(backbone, "forward_features"):
            raise UnavailableError(
                "GeM pooling needs a network that gives its last feature map; use the default encoder"
            )
        self.backbone = backbone
        self.pooling = pooling
        self.discrete = discrete
        self.power = nn.Parameter(torch.tensor(3.0), requires_grad=pooling == "gem")
        self.dropout = nn.Dropout(0.2)
        self.embedding = nn.Linear(features, dim)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return embeddings of any length; discrete ones are not yet reduced to signs in training."""
        if self.pooling == "gem":
            cells: Tensor = self.backbone.forward_features(pixels)  # type: ignore[operator]  # (B, C, h, w)
            pooled = cells.clamp(min=1e-6).pow(self.power).mean(dim=(2, 3)).pow(1 / self.power)
        else:
            pooled = self.backbone(pixels)
        embedded: Tensor = self.embedding(self.dropout(pooled))
        if self.discrete and not self.training:
            return torch.where(embedded > 0, 1.0, -1.0)
        return embedded


def create(network: Network, *, dim: int, pooling: Pooling, discrete: bool) -> EmbeddingNetwork:
    """Return the network with its ImageNet weights and a new last layer.

    Raises:
        UnavailableError: the weights or a package are missing.
    """
    network.require_packages()
    return EmbeddingNetwork(network.build(network.find() or network.fetch()), network.dim, dim, pooling, discrete)


def load(network: Network, weights: Path, *, dim: int, pooling: Pooling, discrete: bool) -> nn.Module:
    """Return a trained one.

    Raises:
        DamagedFileError: the weights are of another architecture.
    """
    from safetensors.torch import load_file

    module = create(network, dim=dim, pooling=pooling, discrete=discrete)
    try:
        module.load_state_dict({name: value.float() for name, value in load_file(str(weights)).items()})
    except RuntimeError as error:
        raise DamagedFileError(f"{weights} is of another architecture: {error}") from error
    return module.eval()
