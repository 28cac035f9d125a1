"""Training a head on vectors that are there already: minutes on a processor, whatever encoder they came from.

Mixing: H. Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from core.encoders.head import Head
from core.storage import digest
from core.training import sampling
from core.training.losses import Method
from core.training.losses.discrete import binarize
from core.training.pictures import NothingToLearnError
from core.types import Ids, Json, Vectors

_MIXED = ("classify", "discrete")


class Perceptron(nn.Module):
    """Standardises, then one hidden layer.

    Args:
        mean, deviation: (D,) of the training vectors.
        hidden: width of the hidden layer; 0: a linear map only.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: Tensor, deviation: Tensor, hidden: int, dim: int, dropout: float) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", 1 / (deviation + 1e-3 * float(deviation.mean())))
        widths = [len(mean), *([hidden] if hidden else []), dim]
        self.linear = nn.ModuleList([nn.Linear(a, b) for a, b in pairwise(widths)])
        self.dropout = dropout

    def forward(self, vectors: Tensor) -> Tensor:
        """Return (B, dim) for (B, D)."""
        values = functional.dropout((vectors - self.mean) * self.scale, self.dropout / 1.5, self.training)
        for i, layer in enumerate(self.linear):
            values = layer(values)
            if i + 1 < len(self.linear):
                values = functional.dropout(functional.relu(values), self.dropout, self.training)
        return values

    def export(self, *, discrete: bool) -> Head:
        """Return the same map without torch; the standardisation becomes part of the first layer."""
        layers = []
        for i, layer in enumerate(self.linear):
            weight, bias = layer.weight.detach().double(), layer.bias.detach().double()  # type: ignore[operator]
            if i == 0:
                weight = weight * self.scale.double()
                bias = bias - weight @ self.mean.double()
            layers.append((weight.float().cpu().numpy(), bias.float().cpu().numpy()))
        return Head(0.0, discrete, layers)


class HeadProblem:
    """A head and its loss; satisfies `core.training.trainer.Problem`.

    Args:
        views: (N, D) vectors of each view of all pictures, the plain one first.
        labels: (N, C).
        domains: (N,).
        class_domains: (n_classes,).
        train, validation: rows to learn from and to measure on.
        plain: share of the batch that the plain view gets at least, where there are others.
        mixing: parameter of the beta distribution; 0: pictures are not mixed. Only for classification.
    """

    def __init__(
        self,
        method: Method,
        views: Sequence[Vectors],
        labels: Ids,
        domains: Ids,
        class_domains: Ids,
        train: Ids,
        validation: Ids,
        *,
        dim: int,
        hidden: int = 448,
        dropout: float = 0.3,
        batch: int = 256,
        mixing: float = 0.3,
        plain: float = 0.3,
        seed: int = 0,
        options: dict[str, float] | None = None,
    ) -> None:
        if method.sampling == "two views" and len(views) < 2:
            raise NothingToLearnError(f"{method.name} compares views of a picture; ask for some: --views 2")
        self.method, self.batch, self.seed, self.plain = method, min(batch, len(train)), seed, plain
        self.mixing = mixing if method.name in _MIXED else 0.0
        self.views = [torch.from_numpy(np.ascontiguousarray(view)) for view in views]
        self.labels, self.domains = labels, domains
        self.train, self.validation = train, validation
        self.steps_per_epoch = max(1, len(train) // self.batch)
        self.sampler = (
            sampling.ClassBatches(labels[train, 0], domains[train], self.batch)
            if method.sampling == "classes"
            else None
        )
        torch.manual_seed(seed)
        plain_vectors = self.views[0][torch.from_numpy(train)]
        self.head = Perceptron(plain_vectors.mean(0), plain_vectors.std(0), hidden, dim, dropout)
        loss = method.make(dim, len(class_domains), torch.from_numpy(class_domains), **(options or {}))
        self.module: nn.Module = nn.ModuleDict({"head": self.head, "loss": loss})
        self.configuration: Json = {
            "method": method.name, "dim": dim, "hidden": hidden, "dropout": dropout, "batch": self.batch,
            "mixing": self.mixing, "plain": plain, "views": len(views), "seed": seed, "options": options or {},
            "data": digest(labels.tolist(), train.tolist(), validation.tolist(), float(plain_vectors.sum())),
        }  # fmt: skip

    def loss(self, epoch: int, step: int, rng: np.random.Generator) -> Tensor:
        """Return the loss of a batch."""
        loss = self.module["loss"]  # type: ignore[index]
        if self.sampler is not None:
            rows = self.train[self.sampler.draw(rng)]
        else:
            rows = self.train[sampling.shuffled(len(self.train), self.batch, self.seed, epoch, step)]
        if self.method.sampling == "two views":
            return self._two_views(rows, rng)
        labels = torch.from_numpy(self.labels[rows])
        inputs = self._inputs(rows, rng)
        if not self.mixing:
            plain: Tensor = loss(self._activate(self.head(inputs)), labels)
            return plain
        share, order = float(rng.beta(self.mixing, self.mixing)), torch.from_numpy(rng.permutation(len(rows)))
        embedded = self._activate(self.head(share * inputs + (1 - share) * inputs[order]))
        mixed: Tensor = share * loss(embedded, labels) + (1 - share) * loss(embedded, labels[order])
        return mixed

    def score(self) -> float:
        """Return precision@10 of validation pictures among training pictures; without labels minus the loss."""
        if self.method.sampling == "two views":
            return -float(self._two_views(self.validation, np.random.default_rng(self.seed)).detach())
        asked, searched = (self._activate(self.head(self.views[0][rows])) for rows in (self.validation, self.train))
        return precision_at_10(asked, searched, self.labels[self.validation, 0], self.labels[self.train, 0])

    def _activate(self, embedded: Tensor) -> Tensor:
        return binarize(embedded) if self.method.discrete else embedded

    def _two_views(self, rows: Ids, rng: np.random.Generator) -> Tensor:
        """Return the loss of two views of each picture, never the same one twice."""
        first = rng.integers(len(self.views), size=len(rows))
        second = (first + rng.integers(1, len(self.views), size=len(rows))) % len(self.views)
        one, two = (self._activate(self.head(self._gather(rows, chosen))) for chosen in (first, second))
        loss: Tensor = self.module["loss"](one, two)  # type: ignore[index]
        return loss

    def _inputs(self, rows: Ids, rng: np.random.Generator) -> Tensor:
        chosen = rng.integers(len(self.views), size=len(rows))
        chosen[rng.random(len(rows)) < self.plain] = 0
        return self._gather(rows, chosen)

    def _gather(self, rows: Ids, chosen: Ids) -> Tensor:
        gathered = torch.empty(len(rows), self.views[0].shape[1])
        for number, vectors in enumerate(self.views):
            at = np.flatnonzero(chosen == number)
            gathered[torch.from_numpy(at)] = vectors[torch.from_numpy(rows[at])]
        return gathered


def precision_at_10(queries: Tensor, database: Tensor, wanted: Ids, labels: Ids) -> float:
    """Return the mean share of the ten nearest by cosine that have the query's label."""
    a, b = functional.normalize(queries, dim=1), functional.normalize(database, dim=1)
    k = min(10, len(b))
    hits = [
        labels[(a[i : i + 512] @ b.T).topk(k, dim=1).indices.numpy()] == wanted[i : i + 512, None]
        for i in range(0, len(a), 512)
    ]
    return float(np.concatenate(hits).mean())
