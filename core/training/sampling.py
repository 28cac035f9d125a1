"""Which pictures go into which batch, as a function of the seed and the pass alone."""

import numpy as np

from core.types import Ids


def shuffled(count: int, batch: int, seed: int, epoch: int, step: int) -> Ids:
    """Return the (batch,) rows of batch `step` of a shuffled pass; what does not fill a batch is left out."""
    order = np.random.default_rng([seed, epoch]).permutation(count)
    rows: Ids = order[step * batch : (step + 1) * batch]
    return rows


class ClassBatches:
    """Batches of a few classes with several pictures of each, all from one data set.

    Args:
        labels: (N,) class numbers.
        domains: (N,) which data set a picture is of; a batch never mixes them.
        per_class: pictures of one class in a batch; a class with fewer is drawn with repetition.

    Raises:
        ValueError: no class has two pictures, or no data set has two classes.
    """

    def __init__(self, labels: Ids, domains: Ids, batch: int, per_class: int = 8) -> None:
        self._per_class = per_class
        self._classes_per_batch = max(2, batch // per_class)
        self._rows = {int(label): np.flatnonzero(labels == label) for label in np.unique(labels)}
        self._rows = {label: rows for label, rows in self._rows.items() if len(rows) > 1}
        homes = {label: int(domains[rows[0]]) for label, rows in self._rows.items()}
        self._domains = [
            (domain, members)
            for domain in sorted(set(homes.values()))
            if len(members := np.array([label for label, home in homes.items() if home == domain])) > 1
        ]
        if not self._domains:
            raise ValueError("pairs need at least two classes with two pictures each")
        sizes = np.array([sum(len(self._rows[int(label)]) for label in members) for _, members in self._domains])
        self._shares = sizes / sizes.sum()

    def draw(self, rng: np.random.Generator) -> Ids:
        """Return the rows of one batch."""
        members = self._domains[int(rng.choice(len(self._domains), p=self._shares))][1]
        chosen = rng.choice(members, min(self._classes_per_batch, len(members)), replace=False)
        parts = [
            rng.choice(self._rows[int(label)], self._per_class, replace=len(self._rows[int(label)]) < self._per_class)
            for label in chosen
        ]
        return np.concatenate(parts)
