"""Multi-similarity loss: pairs are mined and weighted by how they compare with the other pairs of the batch.

X. Wang et al., "Multi-Similarity Loss with General Pair Weighting for Deep Metric Learning", CVPR 2019,
equations 11-16.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


class MultiSimilarity(nn.Module):
    """The paper's loss with its mining.

    Args:
        alpha, beta: weights of positive and negative similarities.
        base: cosine around which both are measured.
        mining: margin by which a pair must be harder than the easiest of the other kind to count.
    """

    def __init__(self, alpha: float = 2.0, beta: float = 50.0, base: float = 0.5, mining: float = 0.1):
        super().__init__()
        self.alpha = alpha
        self.beta = beta
        self.base = base
        self.mining = mining

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of (B, D) embeddings with (B, C) labels; pairs match when all characteristics do."""
        unit = functional.normalize(embeddings, dim=1)
        cosines = unit @ unit.T  # (B, B)
        same = (labels[:, None, :] == labels[None, :, :]).all(dim=2)
        positive = same & ~torch.eye(len(same), dtype=torch.bool, device=same.device)
        hardest_positive = cosines.masked_fill(~positive, torch.inf).min(dim=1, keepdim=True).values
        hardest_negative = cosines.masked_fill(same, -torch.inf).max(dim=1, keepdim=True).values
        kept_negative = ~same & (cosines + self.mining > hardest_positive)
        kept_positive = positive & (cosines - self.mining < hardest_negative)
        pulled = _soft_sum(-self.alpha * (cosines - self.base), kept_positive) / self.alpha
        pushed = _soft_sum(self.beta * (cosines - self.base), kept_negative) / self.beta
        return (pulled + pushed).mean()


def _soft_sum(exponents: Tensor, kept: Tensor) -> Tensor:
    """Return (B,) log(1 + sum of exp over the kept ones), without overflow."""
    masked = exponents.masked_fill(~kept, -torch.inf)
    return torch.logsumexp(torch.cat([torch.zeros_like(masked[:, :1]), masked], dim=1), dim=1)


def make(dim: int, n_classes: int, domains: Tensor, **options: float) -> nn.Module:
    """Return the loss."""
    return MultiSimilarity(**options)
