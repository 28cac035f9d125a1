"""Training a whole network on decoded pictures."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.encoders.embedding_network import EmbeddingNetwork
from core.storage import digest
from core.training import sampling
from core.training.head_problem import precision_at_10
from core.training.losses import Method
from core.training.losses.discrete import binarize
from core.types import Ids, Image, Json

_MEASURED = (600, 2000)  # pictures asked with and searched, at most, when a pass is scored


class NetworkProblem:
    """A network and its loss; satisfies `core.training.trainer.Problem`.

    Args:
        pixels: (N, S, S, 3).
        mean, deviation: of each channel in 0..255, as the network was trained with.
        upright: (N,) pictures that are only mirrored left and right; the others are turned as well.
        labels, domains, class_domains, train, validation: as for `HeadProblem`.
    """

    def __init__(
        self,
        method: Method,
        network: EmbeddingNetwork,
        pixels: Image,
        mean: tuple[float, float, float],
        deviation: tuple[float, float, float],
        upright: NDArray[np.bool_],
        labels: Ids,
        domains: Ids,
        class_domains: Ids,
        train: Ids,
        validation: Ids,
        *,
        dim: int,
        batch: int = 32,
        device: str = "cpu",
        frozen: bool = False,
        seed: int = 0,
        options: dict[str, float] | None = None,
    ) -> None:
        self.method, self.batch, self.seed, self.device = method, min(batch, len(train)), seed, device
        self.pixels, self.upright, self.labels = pixels, upright, labels
        self.train, self.validation = train, validation
        self.steps_per_epoch = max(1, len(train) // self.batch)
        self.sampler = (
            sampling.ClassBatches(labels[train, 0], domains[train], self.batch, per_class=4)
            if method.sampling == "classes"
            else None
        )
        torch.manual_seed(seed)
        loss = method.make(dim, len(class_domains), torch.from_numpy(class_domains), **(options or {}))
        network.backbone.requires_grad_(not frozen)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # 1.4 times faster on a CPU
        self.network = network
        self.module: nn.Module = nn.ModuleDict({"network": network, "loss": loss})
        self._mean = torch.tensor(mean).reshape(1, 3, 1, 1)
        self._deviation = torch.tensor(deviation).reshape(1, 3, 1, 1)
        chosen = np.random.default_rng(seed)
        self._asked = chosen.permutation(validation)[: _MEASURED[0]]
        self._searched = chosen.permutation(train)[: _MEASURED[1]]
        self.configuration: Json = {
            "method": method.name, "dim": dim, "batch": self.batch, "size": int(pixels.shape[1]), "frozen": frozen,
            "pooling": network.pooling, "seed": seed, "options": options or {},
            "data": digest(labels.tolist(), train.tolist(), validation.tolist()),
        }  # fmt: skip

    def loss(self, epoch: int, step: int, rng: np.random.Generator) -> Tensor:
        """Return the loss of a batch."""
        if self.sampler is not None:
            rows = self.train[self.sampler.draw(rng)]
        else:
            rows = self.train[sampling.shuffled(len(self.train), self.batch, self.seed, epoch, step)]
        loss = self.module["loss"]  # type: ignore[index]
        if self.method.sampling == "two views":
            both: Tensor = loss(self._embed(rows, rng), self._embed(rows, rng))
            return both
        labels = torch.from_numpy(self.labels[rows]).to(self.device)
        value: Tensor = loss(self._embed(rows, rng), labels)
        return value

    def score(self) -> float:
        """Return precision@10 of some validation pictures among training ones; without labels minus the loss."""
        if self.method.sampling == "two views":
            rng = np.random.default_rng(self.seed)
            loss = self.module["loss"](self._embed(self._asked, rng), self._embed(self._asked, rng))  # type: ignore[index]
            return -float(loss)
        asked, searched = (
            torch.cat([self._embed(rows[i : i + 64], None).cpu() for i in range(0, len(rows), 64)])
            for rows in (self._asked, self._searched)
        )
        return precision_at_10(asked, searched, self.labels[self._asked, 0], self.labels[self._searched, 0])

    def _embed(self, rows: Ids, rng: np.random.Generator | None) -> Tensor:
        batch = np.array(self.pixels[np.sort(rows)])[np.argsort(np.argsort(rows))]  # the file is read in order
        values = torch.from_numpy(batch).permute(0, 3, 1, 2).float()  # a view: channels stay last in memory
        if rng is not None:
            values = augment(values, self.upright[rows], rng)
        values = ((values - self._mean) / self._deviation).to(self.device, memory_format=torch.channels_last)
        embedded: Tensor = self.network(values)
        return binarize(embedded) if self.method.discrete else embedded


def augment(values: Tensor, upright: NDArray[np.bool_], rng: np.random.Generator) -> Tensor:
    """Return (B, 3, S, S) pixels in 0..255, each mirrored, turned, shifted, and lit at random."""
    size = values.shape[-1]
    reach = max(1, size // 8)
    padded = nn.functional.pad(values, (reach,) * 4, mode="reflect")
    changed = torch.empty_like(values)
    for i in range(len(values)):
        left, top = rng.integers(2 * reach + 1, size=2)
        picture = padded[i, :, top : top + size, left : left + size]
        if rng.random() < 0.5:
            picture = picture.flip(2)
        if not upright[i]:
            picture = picture.rot90(int(rng.integers(4)), (1, 2))
        gain = torch.from_numpy(rng.uniform(0.85, 1.15, (3, 1, 1)).astype(np.float32))
        mean = picture.mean(dim=(1, 2), keepdim=True)
        changed[i] = (picture - mean) * float(rng.uniform(0.8, 1.2)) + mean * gain
    return changed.clamp(0, 255)
