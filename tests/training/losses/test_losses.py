"""Every loss against the loop that its paper describes, written out."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from core.training import losses
from core.training.losses.barlow_twins import cross_correlation_loss
from core.training.losses.classify import Classify
from core.training.losses.contrastive import Contrastive
from core.training.losses.discrete import binarize
from core.training.losses.multi_similarity import MultiSimilarity
from core.training.losses.nce import NoiseContrastive, softmax_of_products
from core.training.losses.simclr import nt_xent
from core.training.losses.triplet import Triplet

CLOSE = 1e-5  # float32 sums of a few dozen terms near 1


def batch(count: int = 12, dim: int = 5, classes: int = 3, characteristics: int = 1) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    labels = torch.randint(classes, (count, characteristics), generator=generator)
    return torch.randn(count, dim, generator=generator), labels


def unit(values: Tensor) -> np.ndarray:
    array = values.detach().numpy().astype(np.float64)
    return array / np.linalg.norm(array, axis=1, keepdims=True)


def test_classification_is_the_smoothed_cross_entropy_among_classes_of_the_same_data_set() -> None:
    torch.manual_seed(0)
    embeddings, labels = batch(classes=5)
    domains = torch.tensor([0, 0, 0, 1, 1])
    loss = Classify(5, 5, domains, scale=7.0, smoothing=0.2)
    x, centres, total = unit(embeddings), unit(loss.centres), 0.0
    for row, (label,) in zip(x, labels.tolist(), strict=True):
        rivals = [c for c in range(5) if domains[c] == domains[label]]
        exponents = {c: math.exp(7.0 * row @ centres[c]) for c in rivals}
        logs = {c: math.log(value / sum(exponents.values())) for c, value in exponents.items()}
        total -= 0.8 * logs[label] + 0.2 * sum(logs.values()) / len(rivals)
    assert loss(embeddings, labels).item() == pytest.approx(total / len(x), abs=CLOSE)


def test_contrastive_pairs_are_ideal_or_left_out() -> None:
    embeddings, labels = batch(characteristics=2, classes=2)
    x, pulled, pushed = unit(embeddings), [], []
    for i in range(len(x)):
        for j in range(i + 1, len(x)):
            matches = (labels[i] == labels[j]).tolist()
            distance = float(np.linalg.norm(x[i] - x[j]))
            if all(matches):
                pulled.append(distance**2)
            elif not any(matches):
                pushed.append(max(0.0, 1.0 - distance) ** 2)
    assert pulled and pushed
    assert len(pulled) + len(pushed) < len(x) * (len(x) - 1) // 2
    expected = np.mean(pulled) + np.mean(pushed)
    assert float(Contrastive()(embeddings, labels)) == pytest.approx(expected, abs=CLOSE)


def test_triplets_take_the_nearest_negative_beyond_the_positive_else_the_farthest() -> None:
    embeddings, labels = batch()
    x, terms = unit(embeddings), []
    for a in range(len(x)):
        squared = ((x - x[a]) ** 2).sum(axis=1)
        negatives = [n for n in range(len(x)) if labels[n] != labels[a]]
        for p in range(len(x)):
            if p == a or labels[p] != labels[a]:
                continue
            beyond = [squared[n] for n in negatives if squared[n] > squared[p]]
            negative = min(beyond) if beyond else max(squared[n] for n in negatives)
            terms.append(max(0.0, squared[p] - negative + 0.2))
    assert float(Triplet()(embeddings, labels)) == pytest.approx(np.mean(terms), abs=CLOSE)


def test_multi_similarity_weighs_the_mined_pairs() -> None:
    embeddings, labels = batch()
    x, total = unit(embeddings), 0.0
    for i in range(len(x)):
        cosines = x @ x[i]
        positives = [j for j in range(len(x)) if j != i and labels[j] == labels[i]]
        negatives = [j for j in range(len(x)) if labels[j] != labels[i]]
        hard_p = [j for j in positives if cosines[j] - 0.1 < max(cosines[n] for n in negatives)]
        hard_n = [j for j in negatives if not positives or cosines[j] + 0.1 > min(cosines[p] for p in positives)]
        if not positives:
            hard_n = []
        total += math.log(1 + sum(math.exp(-2 * (cosines[j] - 0.5)) for j in hard_p)) / 2
        total += math.log(1 + sum(math.exp(50 * (cosines[j] - 0.5)) for j in hard_n)) / 50
    assert float(MultiSimilarity()(embeddings, labels)) == pytest.approx(total / len(x), abs=CLOSE)


def test_one_positive_among_negatives_is_a_softmax_over_dot_products() -> None:
    generator = torch.Generator().manual_seed(0)
    anchors, candidates = torch.randn(4, 3, generator=generator), torch.randn(4, 5, 3, generator=generator)
    terms = []
    for anchor, five in zip(anchors.numpy().astype(float), candidates.numpy().astype(float), strict=True):
        exponents = np.exp(five @ anchor / 2)
        terms.append(-math.log(exponents[0] / exponents.sum()))
    assert float(softmax_of_products(anchors, candidates, 2.0)) == pytest.approx(np.mean(terms), abs=CLOSE)


def test_nce_is_small_when_classes_are_apart_and_large_when_they_are_swapped() -> None:
    torch.manual_seed(0)
    apart = torch.eye(2).repeat_interleave(4, dim=0)
    labels = torch.tensor([0] * 4 + [1] * 4)[:, None]
    assert float(NoiseContrastive()(apart, labels)) < 1e-4
    assert float(NoiseContrastive()(apart, torch.tensor([0, 1] * 4)[:, None])) > 1.0


def test_nt_xent_finds_the_other_view_among_all_views() -> None:
    first, _ = batch(count=4)
    second = first + 0.5 * torch.randn(4, 5, generator=torch.Generator().manual_seed(1))
    x, total = unit(torch.cat([first, second])), 0.0
    for i in range(8):
        exponents = {j: math.exp(x[i] @ x[j] / 0.5) for j in range(8) if j != i}
        total -= math.log(exponents[(i + 4) % 8] / sum(exponents.values()))
    assert float(nt_xent(first, second, 0.5)) == pytest.approx(total / 8, abs=CLOSE)


def test_barlow_twins_sums_over_the_cross_correlation() -> None:
    first, _ = batch()
    second = first + torch.randn(12, 5, generator=torch.Generator().manual_seed(1))
    a, b = first.numpy().astype(float), second.numpy().astype(float)
    total = 0.0
    for i in range(5):
        for j in range(5):
            c = np.corrcoef(a[:, i], b[:, j])[0, 1]
            total += (1 - c) ** 2 if i == j else 5e-3 * c**2
    assert float(cross_correlation_loss(first, second, 5e-3)) == pytest.approx(total / 5, abs=CLOSE)


def test_bits_are_decided_by_sign_and_pass_the_gradient_of_the_hard_sigmoid() -> None:
    activations = torch.tensor([-3.0, -0.1, 0.2, 4.0], requires_grad=True)
    bits = binarize(activations, 0.1)
    assert bits.tolist() == [-1, -1, 1, 1]
    bits.sum().backward()
    assert activations.grad is not None
    assert activations.grad.tolist() == [0, 4, 4, 0]  # 2 * 0.2 / 0.1 where |x| < 0.25, none beyond


@pytest.mark.parametrize("name", losses.names())
def test_descending_its_gradient_lowers_every_loss(name: str) -> None:
    torch.manual_seed(0)
    method = losses.method(name)
    loss = method.make(5, 3, torch.zeros(3, dtype=torch.long))
    embeddings, labels = batch(count=24)
    views = method.sampling == "two views"
    second = embeddings + 0.3 * torch.randn(24, 5)

    def value(shift: Tensor) -> Tensor:
        torch.manual_seed(1)  # nce draws its negatives
        one = embeddings + shift
        return loss(one, second) if views else loss(one, labels)

    shift = torch.zeros(24, 5, requires_grad=True)
    before = value(shift)
    (gradient,) = torch.autograd.grad(before, shift)
    assert torch.isfinite(gradient).all()
    assert value(-0.05 * gradient / gradient.norm()).item() < before.item()


@pytest.mark.parametrize("name", ["triplet", "nce", "multi-similarity", "contrastive"])
def test_a_batch_without_pairs_teaches_nothing_but_does_no_harm(name: str) -> None:
    embeddings = torch.randn(6, 4, requires_grad=True)
    loss = losses.method(name).make(4, 6, torch.zeros(6, dtype=torch.long))
    value = loss(embeddings, torch.arange(6)[:, None])
    value.backward()
    assert embeddings.grad is not None and torch.isfinite(embeddings.grad).all()


def test_an_unknown_method_names_those_there_are() -> None:
    with pytest.raises(ValueError, match="classify, discrete"):
        losses.method("magic")
