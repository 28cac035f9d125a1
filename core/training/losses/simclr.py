"""SimCLR: two views of one picture find each other among all views of the batch.

T. Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations", ICML 2020,
equation 1 (NT-Xent).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


class SimClr(nn.Module):
    """NT-Xent behind a projector that is thrown away afterwards.

    Args:
        dim: length of the embedding.
        temperature: cosines are divided by it.
    """

    def __init__(self, dim: int, temperature: float = 0.2):
        super().__init__()
        self.temperature = temperature
        self.projector = nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, dim))

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the loss of two (B, D) embeddings, row i of both being of picture i."""
        return nt_xent(self.projector(first), self.projector(second), self.temperature)


def nt_xent(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """Return the mean over all 2B views of -log softmax of the other view of the same picture."""
    count = len(first)
    unit = functional.normalize(torch.cat([first, second]), dim=1)  # (2B, D)
    logits = (unit @ unit.T / temperature).fill_diagonal_(-torch.inf)
    partner = torch.arange(2 * count, device=unit.device).roll(count)
    return functional.cross_entropy(logits, partner)


def make(dim: int, n_classes: int, domains: Tensor, **options: float) -> nn.Module:
    """Return the loss."""
    return SimClr(dim, **options)
