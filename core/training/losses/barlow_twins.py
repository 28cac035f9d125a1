"""Barlow Twins: the cross-correlation of two views' embeddings is driven to the identity.

J. Zbontar et al., "Barlow Twins: Self-Supervised Learning via Redundancy Reduction", ICML 2021, equation 1.
"""

import torch
from torch import Tensor, nn


class BarlowTwins(nn.Module):
    """The loss behind a projector that is thrown away afterwards.

    Args:
        dim: length of the embedding.
        off_diagonal: weight of the redundancy term, lambda in the paper.
        width: outputs of the projector.
    """

    def __init__(self, dim: int, off_diagonal: float = 5e-3, width: float = 512):
        super().__init__()
        self.off_diagonal = off_diagonal
        self.projector = nn.Sequential(
            nn.Linear(dim, int(width)), nn.BatchNorm1d(int(width)), nn.ReLU(), nn.Linear(int(width), int(width))
        )

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the loss of two (B, D) embeddings, row i of both being of picture i."""
        return cross_correlation_loss(self.projector(first), self.projector(second), self.off_diagonal)


def cross_correlation_loss(first: Tensor, second: Tensor, off_diagonal: float) -> Tensor:
    """Return sum (1 - c_ii)^2 + off_diagonal * sum c_ij^2 over the (D, D) correlation c, divided by D.

    Dividing by D keeps the loss near 1 whatever the width; the paper does not divide.
    """
    correlation = _standardized(first).T @ _standardized(second) / len(first)  # (D, D)
    diagonal = torch.diagonal(correlation)
    on = ((1 - diagonal) ** 2).sum()
    off = (correlation**2).sum() - (diagonal**2).sum()
    return (on + off_diagonal * off) / len(diagonal)


def _standardized(values: Tensor) -> Tensor:
    """Return each column with mean 0 and variance 1 over the batch."""
    centred = values - values.mean(dim=0)
    return centred / torch.sqrt((centred**2).mean(dim=0) + 1e-6)


def make(dim: int, n_classes: int, domains: Tensor, **options: float) -> nn.Module:
    """Return the loss."""
    return BarlowTwins(dim, **options)
