"""Contrastive loss on ideal pairs: all characteristics match, or none does.

R. Hadsell, S. Chopra, Y. LeCun, "Dimensionality Reduction by Learning an Invariant Mapping", CVPR 2006.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


class Contrastive(nn.Module):
    """Pulls ideal positives together and pushes ideal negatives to a distance of at least `margin`.

    Pairs of which only some characteristics match teach nothing and are left out.

    Args:
        margin: Euclidean distance on the unit sphere, in 0..2.
    """

    def __init__(self, margin: float = 1.0):
        super().__init__()
        self.margin = margin

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the mean over positive pairs plus the mean over negative pairs of (B, D) embeddings."""
        distances = pairwise_distances(functional.normalize(embeddings, dim=1))  # (B, B)
        matches = labels[:, None, :] == labels[None, :, :]  # (B, B, C)
        each_once = torch.ones_like(distances, dtype=torch.bool).triu(diagonal=1)
        positive = matches.all(dim=2) & each_once
        negative = ~matches.any(dim=2) & each_once
        pulled = (distances**2 * positive).sum() / positive.sum().clamp(min=1)
        pushed = (functional.relu(self.margin - distances) ** 2 * negative).sum() / negative.sum().clamp(min=1)
        return pulled + pushed


def pairwise_distances(embeddings: Tensor) -> Tensor:
    """Return (B, B) Euclidean distances between rows of norm 1, with a finite gradient where two are equal."""
    squared = 2 - 2 * embeddings @ embeddings.T
    return torch.sqrt(squared.clamp(min=1e-12))


def make(dim: int, n_classes: int, domains: Tensor, **options: float) -> nn.Module:
    """Return the loss."""
    return Contrastive(**options)
