"""Classification with cosine logits: the embedding is pulled towards its class's centre on the sphere.

A. Zhai, H.-Y. Wu, "Classification is a Strong Baseline for Deep Metric Learning", BMVC 2019 (normalised softmax);
C. Szegedy et al., "Rethinking the Inception Architecture", CVPR 2016 (label smoothing).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


class Classify(nn.Module):
    """Cross-entropy of cosines between embeddings and class centres.

    Classes of different data sets do not compete: a forest of one set is not told apart from a forest of another.

    Args:
        domains: (n_classes,) which data set a class is of.
        scale: cosines are multiplied by it before the softmax.
        smoothing: share of the target spread over all classes, in 0..1.
    """

    domains: Tensor

    def __init__(self, dim: int, n_classes: int, domains: Tensor, *, scale: float = 16.0, smoothing: float = 0.1):
        super().__init__()
        if n_classes < 2:
            raise ValueError(f"classification needs at least two classes, got {n_classes}")
        self.centres = nn.Parameter(torch.randn(n_classes, dim) * 0.1)
        self.scale = scale
        self.smoothing = smoothing
        self.register_buffer("domains", domains.clone())

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the mean loss of (B, D) embeddings with (B, 1) labels."""
        target = labels[:, 0]
        cosines = (
            functional.normalize(embeddings, dim=1) @ functional.normalize(self.centres, dim=1).T
        )  # (B, n_classes)
        rivals = self.domains[None, :] == self.domains[target][:, None]
        logits = (self.scale * cosines).masked_fill(~rivals, -torch.inf)
        logs = functional.log_softmax(logits, dim=1)
        picked = logs.gather(1, target[:, None])[:, 0]
        spread = logs.masked_fill(~rivals, 0.0).sum(dim=1) / rivals.sum(dim=1)
        return -((1 - self.smoothing) * picked + self.smoothing * spread).mean()


def make(dim: int, n_classes: int, domains: Tensor, **options: float) -> nn.Module:
    """Return the loss."""
    return Classify(dim, n_classes, domains, **options)
