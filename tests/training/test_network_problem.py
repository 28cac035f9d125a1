"""Training a whole network, with one that is small enough for a test."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core.encoders.embedding_network import EmbeddingNetwork
from core.errors import UnavailableError
from core.training import losses
from core.training.network_problem import NetworkProblem, augment
from core.training.trainer import Schedule, fit


class Small(nn.Module):
    """Four features of a picture, with a map before pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())

    def forward_features(self, pixels: Tensor) -> Tensor:
        return self.layers(pixels)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.layers(pixels).mean(dim=(2, 3))


def problem(name: str, frozen: bool = False) -> NetworkProblem:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(2), 24)
    pixels = rng.integers(0, 120, (48, 16, 16, 3)).astype(np.uint8)
    pixels[labels == 1, :, :, 0] += 100  # the second class is redder
    order = rng.permutation(48)
    method = losses.method(name)
    torch.manual_seed(0)
    network = EmbeddingNetwork(Small(), 4, 8, method.pooling, method.discrete)
    zeros = np.zeros(48, dtype=np.int64)
    return NetworkProblem(
        method, network, pixels, (127.0,) * 3, (128.0,) * 3, zeros.astype(bool), labels[:, None], zeros,
        np.zeros(2, dtype=np.int64), order[12:], order[:12], dim=8, batch=12, frozen=frozen,
    )  # fmt: skip


@pytest.mark.parametrize("name", losses.names())
def test_every_method_trains_a_whole_network_and_resumes_to_the_same_weights(name: str, tmp_path: Path) -> None:
    schedule = Schedule(epochs=2, patience=0, checkpoint_every_s=0.0)
    whole, broken, resumed = problem(name), problem(name), problem(name)
    outcome = fit(whole, tmp_path / "whole", schedule)
    assert np.isfinite(outcome.best_score)
    compute = broken.loss

    def dying(epoch: int, step: int, rng: np.random.Generator) -> Tensor:
        if (epoch, step) == (1, 1):
            raise KeyboardInterrupt
        return compute(epoch, step, rng)

    broken.loss = dying  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        fit(broken, tmp_path / "broken", schedule)
    fit(resumed, tmp_path / "broken", schedule)
    left, right = whole.module.state_dict(), resumed.module.state_dict()
    assert all(torch.equal(left[key], right[key]) for key in left)


def test_a_frozen_backbone_keeps_its_weights(tmp_path: Path) -> None:
    chosen = problem("classify", frozen=True)
    before = [p.detach().clone() for p in chosen.network.backbone.parameters()]
    embedding = chosen.network.embedding.weight.detach().clone()
    fit(chosen, tmp_path, Schedule(epochs=2, patience=0))
    assert all(torch.equal(a, b) for a, b in zip(before, chosen.network.backbone.parameters(), strict=True))
    assert not torch.equal(embedding, chosen.network.embedding.weight)


def test_generalized_mean_pooling_lies_between_the_mean_and_the_largest() -> None:
    torch.manual_seed(0)
    network = EmbeddingNetwork(Small(), 4, 4, "gem", False).eval()
    network.embedding = nn.Identity()  # type: ignore[assignment]
    pixels = torch.randn(2, 3, 8, 8)
    with torch.inference_mode():
        pooled, cells = network(pixels), network.backbone.forward_features(pixels)
    assert (pooled >= cells.mean(dim=(2, 3)) - 1e-5).all()
    assert (pooled <= cells.amax(dim=(2, 3)) + 1e-5).all()


def test_generalized_mean_pooling_needs_a_map() -> None:
    with pytest.raises(UnavailableError, match="feature map"):
        EmbeddingNetwork(nn.Flatten(), 4, 4, "gem", False)


def test_discrete_embeddings_are_signs_when_they_are_used() -> None:
    network = EmbeddingNetwork(Small(), 4, 6, "mean", True).eval()
    assert set(network(torch.randn(3, 3, 8, 8)).unique().tolist()) <= {-1.0, 1.0}


def test_augmented_pictures_keep_their_range_and_upright_ones_are_not_turned() -> None:
    rng = np.random.default_rng(0)
    ramp = torch.linspace(0, 255, 16).reshape(1, 1, 16, 1).expand(6, 3, 16, 16).clone()  # bright at the bottom
    changed = augment(ramp, np.ones(6, dtype=bool), rng)
    assert changed.shape == ramp.shape
    assert float(changed.min()) >= 0 and float(changed.max()) <= 255
    assert (changed[:, :, -4:].mean(dim=(1, 2, 3)) > changed[:, :, :4].mean(dim=(1, 2, 3))).all()
