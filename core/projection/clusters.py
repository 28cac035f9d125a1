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
from core.projection.columns import MISSING, Column

_SAMPLE = 20_000  # points; HDBSCAN compares all pairs in the worst case
_WORD = re.compile(r"[^\W\d_]{3,}")
_DULL_WORDS = """
the and with for from des les von der die das una uno del della dans sur avec its his her their into near after before
between over under portrait untitled unknown called other study image picture view tile part one two
artist master workshop follower school attributed style circle
"""
_LONGEST = 36  # letters of a value that may be a name
_LIFT = 1.5  # how much more frequent a value must be within a cluster than overall
_DULL = frozenset(_DULL_WORDS.split())


@dataclass(frozen=True)
class Cluster:
    """A dense region of a map.

    Attributes:
        number: its value in the column of cluster numbers.
        level: 0 for the few large ones, 1 for the many small ones.
        name: the most telling words of its members' metadata.
        x, y: where its name stands: above its middle, at the upper edge of its points.
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
    numbers = HDBSCAN(
        min_cluster_size=least, min_samples=2 if n < 2000 else 5, cluster_selection_method="leaf", copy=True
    ).fit_predict(layout[chosen])
    if n == len(chosen):
        return np.asarray(numbers, np.int32)
    from scipy.spatial import cKDTree

    nearest = cKDTree(layout[chosen]).query(layout)[1]
    return np.asarray(numbers[nearest], np.int32)


def levels(layout: Coordinates, seed: int = 0) -> list[NDArray[np.int32]]:
    """Return the cluster numbers of the large clusters and of the small ones: (N,) each."""
    n = len(layout)
    return [find_clusters(layout, least=max(5, n // part), seed=seed) for part in (25, 60)]


def name_clusters(
    layout: Coordinates, numbers: NDArray[np.int32], texts: Sequence[str], columns: Sequence[Column], level: int
) -> list[Cluster]:
    """Return the clusters with names, largest first.

    A value that many of the members have, and far more often than the rest, is the name; failing that, the words by
    which a cluster differs from the others most. A cluster without either stays without a name.

    Args:
        layout: (N, 2) coordinates.
        numbers: (N,) cluster numbers, -1 for none.
        texts: N texts whose words may name a cluster (titles, artists, places).
        columns: fields whose values may name a cluster, the most telling field first; ranges are not looked at.
        level: stored in the result.
    """
    members = [np.flatnonzero(numbers == number) for number in range(int(numbers.max(initial=-1)) + 1)]
    words = [Counter(word for i in rows.tolist() for word in _words(texts[i])) for rows in members]
    everywhere = Counter(word for text in texts for word in _words(text))
    average = max(1.0, sum(sum(counter.values()) for counter in words) / max(1, len(words)))
    choices = [column for column in columns if column.kind == "choice"]
    found = []
    taken: set[str] = set()
    for number in sorted(range(len(members)), key=lambda number: -len(members[number])):
        rows = members[number]
        telling = sorted(
            (word for word, count in words[number].items() if count >= max(3, 0.15 * len(rows))),
            key=lambda word: -words[number][word] * np.log1p(average / everywhere[word]),
        )
        names = [*_typical(rows, choices), ", ".join(telling[:2])]
        name = next((name for name in names if name and name not in taken), "")
        if not name:
            continue  # a name that says nothing, or nothing new, is better left out
        taken.add(name)
        x, y = _above(layout[rows])
        found.append(Cluster(number, level, name, x, y, len(rows)))
    return found


def _typical(rows: NDArray[np.int64], columns: Sequence[Column]) -> list[str]:
    """Return names made of the values that are typical of these rows: the best of two fields, of one, in pairs."""
    scored: list[tuple[float, str, str]] = []
    pairs: list[tuple[float, str]] = []
    for place, column in enumerate(columns):  # the first fields are the most telling
        within = np.bincount(column.codes[rows], minlength=256)[:MISSING] / len(rows)
        overall = np.bincount(column.codes, minlength=256)[:MISSING] / len(column.codes)
        lift = np.divide(within, overall, out=np.zeros(MISSING), where=overall > 0)
        best = [int(code) for code in np.argsort(-within)[:2] if within[code] >= 0.25 and lift[code] >= _LIFT]
        names = [column.values[code][0] for code in best]
        if not best or within[best].sum() < 0.4 or max(map(len, names)) > _LONGEST:
            continue
        weight = float(np.log(lift[best[0]])) * 0.85**place
        if within[best[0]] >= 0.4:
            scored.append((float(within[best[0]]) * weight, names[0], column.name))
        pairs.append((float(within[best].sum()) * weight, ", ".join(names)))
    scored.sort(key=lambda entry: -entry[0])
    found = []
    for _, name, field in scored[1:]:
        alike = set(name.lower().split()) & set(scored[0][1].lower().split())
        if field != scored[0][2] and not alike:
            found.append(f"{scored[0][1]}, {name}")
    return [*found[:2], *(name for _, name, _ in scored), *(name for _, name in sorted(pairs, reverse=True))]


def _words(text: str) -> set[str]:
    """Return a text's words, each once, so that a long title does not count for more."""
    return {word for word in _WORD.findall(text) if word.lower() not in _DULL}


def _above(points: Coordinates) -> tuple[float, float]:
    """Return the middle of the upper edge, so that a name does not hide what it names."""
    top = float(np.quantile(points[:, 1], 0.97))
    upper = points[points[:, 1] >= np.quantile(points[:, 1], 0.6)]
    return float(np.median(upper[:, 0])), top
