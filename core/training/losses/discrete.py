"""Classification on a binary layer: hard sigmoid at a low temperature, rounded, with a straight-through gradient.

Y. Bengio, N. Leonard, A. Courville, "Estimating or Propagating Gradients Through Stochastic Neurons", arXiv:1308.3432
(straight-through); M. Courbariaux et al., "BinaryConnect", NIPS 2015 (hard sigmoid).
"""

import torch
from torch import Tensor, nn

from core.training.losses.classify import Classify

TEMPERATURE = 0.1


def binarize(activations: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """Return -1 or 1 for each activation, with the gradient of the hard sigmoid that was rounded.

    The hard sigmoid is clip(0.2 x / temperature + 0.5, 0, 1): its gradient ends where a bit is decided.
    """
    soft = torch.clamp(0.2 * activations / temperature + 0.5, 0.0, 1.0)
    hard = (activations > 0).to(activations.dtype)
    bits = soft + (hard - soft).detach()  # value of `hard`, gradient of `soft`
    return 2 * bits - 1


def make(dim: int, n_classes: int, domains: Tensor, **options: float) -> nn.Module:
    """Return the loss; the embedding that it gets is binary already."""
    return Classify(dim, n_classes, domains, **options)
