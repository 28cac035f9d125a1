"""The ways to train, by name; each file is one method with its paper.

A loss is a module, for some have parameters of their own (class centres, projectors) that are thrown away afterwards.
Labelled ones map embeddings (B, D) and labels (B, C) to a scalar, where C counts the characteristics of a picture (one,
usually its class); the others map two embeddings (B, D) of the same pictures, seen differently, to a scalar.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from torch import nn

Sampling = Literal["shuffled", "classes", "two views"]


@dataclass(frozen=True)
class Method:
    """What the trainer must know of a method.

    Attributes:
        sampling: "shuffled" batches of all pictures; batches of a few "classes" with several pictures of each, so that
            there are pairs; or "two views" of each picture, labels unseen.
        discrete: the embedding is binary.
        default_dim: length of the embedding if none is asked for.
        pooling: how a whole network's last map becomes a vector: "mean", or "gem" with a learned power.
        module: file of this package whose `make(dim, n_classes, domains, **options)` returns the loss; `domains` is
            an (n_classes,) tensor that says which data set each class is of.
    """

    name: str
    title: str
    sampling: Sampling
    default_dim: int
    module: str
    discrete: bool = False
    pooling: Literal["mean", "gem"] = "mean"

    def make(self, dim: int, n_classes: int, domains: Any, **options: float) -> "nn.Module":
        """Return the loss for embeddings of `dim` numbers.

        Raises:
            ValueError: the loss has no such option; the message names those that it has, with their defaults.
        """
        module = import_module(f"core.training.losses.{self.module}")
        make: Callable[..., nn.Module] = module.make
        known = _options_of(module)
        for option in options:
            if option not in known:
                understood = f"understands {', '.join(f'{n}={v:g}' for n, v in known.items())}" if known else "has none"
                raise ValueError(f"{self.name} has no option {option!r}; it {understood}")
        return make(dim, n_classes, domains, **options)


METHODS = [
    Method("classify", "Softmax over classes, cosine logits", "shuffled", 128, "classify"),
    Method("discrete", "Softmax over classes on a binary layer", "shuffled", 48, "discrete", discrete=True),
    Method("contrastive", "Pairs with a margin, ideal positives and negatives", "classes", 128, "contrastive"),
    Method("triplet", "Triplets with a margin, semi-hard negatives", "classes", 128, "triplet"),
    Method("multi-similarity", "Multi-similarity of mined pairs", "classes", 128, "multi_similarity"),
    Method("nce", "One positive against four negatives", "classes", 128, "nce", pooling="gem"),
    Method("simclr", "Two views of one picture against the batch, no labels", "two views", 128, "simclr"),
    Method("barlow-twins", "Cross-correlation of two views, no labels", "two views", 128, "barlow_twins"),
]


def names() -> list[str]:
    """Return the methods' names."""
    return [method.name for method in METHODS]


def method(name: str) -> Method:
    """Return the method of that name.

    Raises:
        ValueError: there is none.
    """
    for candidate in METHODS:
        if candidate.name == name:
            return candidate
    raise ValueError(f"method must be one of {', '.join(names())}, got {name!r}")


def _options_of(module: ModuleType) -> dict[str, float]:
    """Return the options of a loss with their defaults: the keywords of the one module that its file makes."""
    from torch import nn

    (loss,) = (value for value in vars(module).values() if isinstance(value, type) and issubclass(value, nn.Module))
    parameters = inspect.signature(loss).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}
