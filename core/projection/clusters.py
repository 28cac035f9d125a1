"""Clusters of a map, named by what is typical of them.

R. Campello, D. Moulavi, J. Sander, "Density-Based Clustering Based on Hierarchical Density Estimates", PAKDD 2013
(HDBSCAN, from scikit-learn); the names by class-based tf-idf as in M. Grootendorst, arXiv:2203.05794.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.projection.base import Coordinates

_SAMPLE = 20_000  # points; HDBSCAN compares all pairs in the worst case
_WORD = re.compile(r"[^\W\d_]{3,}")
_DULL_WORDS = """
the and with for from des les von der die das una uno del della dans sur avec its his her their into near after before
between over under portrait untitled unknown called other study image picture view tile part one two
"""
_DULL = frozenset(_DULL_WORDS.split())


@dataclass(frozen=True)
class Cluster:
    """A dense region of a map.

    Attributes:
        number: its value in the column of cluster numbers.
        level: 0 for the few large ones, 1 for the many small ones.
        name: the most telling words of its members' metadata.
        x, y: where its name stands, on one of its densest points.
        count: number of members.
    """

    number: int
    level: int
    name: str
    x: float
    y: float
    count: int


def find_clusters(layout: Coordinates, *, least: int, seed: int = 0) -> NDArray[np.int32]:
    """Return (N,) cluster numbers from 0, and -1 for points in no dense region.

    Args:
        layout: (N, 2) coordinates.
        least: members of the smallest cluster.
        seed: chooses the points that are clustered when there are more than 20,000; the others join the nearest.
    """
    n = len(layout)
    if n < 2 * least or np.ptp(layout, axis=0).max(initial=0.0) == 0:
        return np.full(n, -1, np.int32)
    from sklearn.cluster import HDBSCAN

    chosen = np.arange(n)
    if n > _SAMPLE:
        chosen = np.sort(np.random.default_rng(seed).choice(n, _SAMPLE, replace=False))
        least = max(5, least * _SAMPLE // n)
    numbers = HDBSCAN(min_cluster_size=least, min_samples=min(5, least), copy=True).fit_predict(layout[chosen])
    if n == len(chosen):
        return np.asarray(numbers, np.int32)
    from scipy.spatial import cKDTree

    nearest = cKDTree(layout[chosen]).query(layout)[1]
    return np.asarray(numbers[nearest], np.int32)


def levels(layout: Coordinates, seed: int = 0) -> list[NDArray[np.int32]]:
    """Return the cluster numbers of the large clusters and of the small ones: (N,) each."""
    n = len(layout)
    return [find_clusters(layout, least=max(5, n // part), seed=seed) for part in (18, 60)]


def name_clusters(
    layout: Coordinates, numbers: NDArray[np.int32], texts: Sequence[str], labels: Sequence[str], level: int
) -> list[Cluster]:
    """Return the clusters with names, largest first.

    A label that most of the members carry, and far more often than the rest, is the name; otherwise the words by which
    a cluster differs from the others most.

    Args:
        layout: (N, 2) coordinates.
        numbers: (N,) cluster numbers, -1 for none.
        texts: N texts whose words may name a cluster (titles, artists, places).
        labels: N labels; empty where there is none.
        level: stored in the result.
    """
    members = [np.flatnonzero(numbers == number) for number in range(int(numbers.max(initial=-1)) + 1)]
    words = [Counter(word for i in rows for word in _words(texts[i])) for rows in members]
    everywhere = Counter(word for text in texts for word in _words(text))
    of_labels = Counter(labels)
    average = max(1.0, sum(sum(counter.values()) for counter in words) / max(1, len(words)))
    found = []
    taken: set[str] = set()
    for number, rows in enumerate(members):
        name = _label_name([labels[i] for i in rows], of_labels, len(labels))
        telling = sorted(
            (word for word, count in words[number].items() if count >= max(2, 0.08 * len(rows))),
            key=lambda word: -words[number][word] * np.log1p(average / everywhere[word]),
        )
        telling = [word for word in telling if word.lower() not in name.lower()]
        if not name or name in taken:
            name = ", ".join([name, *telling[: 1 if name else 2]] if name else telling[:2])
        if not name or name in taken:
            continue  # a name that says nothing, or nothing new, is better left out
        taken.add(name)
        x, y = _densest(layout[rows])
        found.append(Cluster(number, level, name, x, y, len(rows)))
    return sorted(found, key=lambda cluster: -cluster.count)


def _words(text: str) -> set[str]:
    """Return a text's words, each once, so that a long title does not count for more."""
    return {word for word in _WORD.findall(text) if word.lower() not in _DULL}


def _label_name(labels: Sequence[str], everywhere: Counter[str], n: int) -> str:
    """Return the one or two labels that make a cluster, or an empty text."""
    counts = Counter(label for label in labels if label)
    name: list[str] = []
    for label, count in counts.most_common(2):
        share, lift = count / len(labels), (count / len(labels)) / (everywhere[label] / n)
        if lift >= 1.5 and share >= (0.25 if name else 0.34):
            name.append(label)
    return ", ".join(name)


def _densest(points: Coordinates) -> tuple[float, float]:
    """Return the member nearest to the median, so that a name stands on its cluster even when that is a crescent."""
    nearest = points[np.argmin(((points - np.median(points, axis=0)) ** 2).sum(axis=1))]
    return float(nearest[0]), float(nearest[1])
