"""Triplet loss with semi-hard negatives: an anchor is nearer to its like than to the rest by a margin.

F. Schroff, D. Kalenichenko, J. Philbin, "FaceNet", CVPR 2015, section 3.2.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.training.losses.contrastive import pairwise_distances


class Triplet(nn.Module):
    """Mean over anchor-positive pairs of max(0, d(a, p) - d(a, n) + margin), d being squared distances.

    The negative is the nearest one that is farther than the positive; where there is none, the farthest.
    """

    def __init__(self, margin: float = 0.2):
        super().__init__()
        self.margin = margin

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of (B, D) embeddings with (B, C) labels; pairs match when all characteristics do."""
        squared = pairwise_distances(functional.normalize(embeddings, dim=1)) ** 2  # (B, B)
        same = (labels[:, None, :] == labels[None, :, :]).all(dim=2)
        others = ~same
        positive = same & ~torch.eye(len(same), dtype=torch.bool, device=same.device)
        anchors, positives = torch.nonzero(positive & others.any(dim=1, keepdim=True), as_tuple=True)
        if not len(anchors):
            return embeddings.sum() * 0  # no triplet in this batch: nothing to learn, but a gradient to follow
        to_positive = squared[anchors, positives]  # (T,)
        candidates = squared[anchors]  # (T, B)
        allowed = others[anchors]
        semi_hard = allowed & (candidates > to_positive[:, None])
        nearest = candidates.masked_fill(~semi_hard, torch.inf).min(dim=1).values
        farthest = candidates.masked_fill(~allowed, -torch.inf).max(dim=1).values
        to_negative = torch.where(semi_hard.any(dim=1), nearest, farthest)
        return functional.relu(to_positive - to_negative + self.margin).mean()


def make(dim: int, n_classes: int, domains: Tensor, **options: float) -> nn.Module:
    """Return the loss."""
    return Triplet(**options)
