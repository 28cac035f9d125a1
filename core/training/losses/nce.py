"""One positive against a few negatives: softmax over dot products.

M. Gutmann, A. Hyvarinen, "Noise-contrastive estimation", AISTATS 2010; in the form of A. van den Oord, Y. Li,
O. Vinyals, "Representation Learning with Contrastive Predictive Coding", arXiv:1807.03748, equation 4. GeM pooling,
which goes with it for whole networks: F. Radenovic, G. Tolias, O. Chum, IEEE TPAMI 2019.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


class NoiseContrastive(nn.Module):
    """Each picture that has a like in the batch is an anchor; its positive and its negatives are drawn at random.

    Args:
        negatives: drawn for each anchor, with replacement.
        temperature: cosines are divided by it.
    """

    def __init__(self, negatives: float = 4, temperature: float = 0.07):
        super().__init__()
        self.negatives = int(negatives)
        self.temperature = temperature

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the mean loss over anchors of (B, D) embeddings with (B, C) labels."""
        unit = functional.normalize(embeddings, dim=1)
        same = (labels[:, None, :] == labels[None, :, :]).all(dim=2)
        positive = same & ~torch.eye(len(same), dtype=torch.bool, device=same.device)
        anchors = torch.nonzero(positive.any(dim=1) & ~same.all(dim=1))[:, 0]
        if not len(anchors):
            return embeddings.sum() * 0  # no pair in this batch: nothing to learn, but a gradient to follow
        chosen = torch.multinomial(positive[anchors].float(), 1)  # (A, 1)
        drawn = torch.multinomial((~same)[anchors].float(), self.negatives, replacement=True)  # (A, negatives)
        return softmax_of_products(unit[anchors], unit[torch.cat([chosen, drawn], dim=1)], self.temperature)


def softmax_of_products(anchors: Tensor, candidates: Tensor, temperature: float) -> Tensor:
    """Return the mean of -log softmax of the first candidate.

    Args:
        anchors: (A, D).
        candidates: (A, 1 + negatives, D), the positive first.
    """
    logits = torch.einsum("ad,acd->ac", anchors, candidates) / temperature
    return -functional.log_softmax(logits, dim=1)[:, 0].mean()


def make(dim: int, n_classes: int, domains: Tensor, **options: float) -> nn.Module:
    """Return the loss."""
    return NoiseContrastive(**options)
