"""What an IVFPQ learns: coarse centroids, rotations of residuals, and the codewords of a product quantizer.

x  ->  view, in the coordinates of the frame
view - centroid of the nearest list  ->  residual
rotation of the list @ residual  ->  M sub-vectors  ->  M codes
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.indexes import lopq
from core.indexes.clustering_kernels import encode
from core.indexes.kmeans import Labels, assign, kmeans
from core.indexes.lists import Quantizers, fill_terms
from core.indexes.pq import ProductQuantizer
from core.indexes.products import distance_panels, make_panels
from core.indexes.rotation import Frame, opq
from core.types import Codes, Vectors

RotationKind = Literal["opq", "shared", "local"]

_ROWS = 16_384  # vectors that are encoded together
_SAMPLE = 100_000  # residuals that rotations and codewords are learned from, at most
N_SHARED = 32  # rotations of "shared"
# Rotations are learned among so many principal components at most. Matrices of 1280 x 1280, learned again and again
# from a few hundred residuals, cost minutes and say nothing.
_COMPONENTS = 256


@dataclass(frozen=True, eq=False)
class Model:
    """The quantizers of an IVFPQ.

    Attributes:
        frame: coordinates of everything below.
        centroids: (n_lists, D').
        groups: (n_lists,) int32, which rotation a list uses; 0 where there are none.
        rotations: (n_rotations, D'', D') of residuals; (0, D', D') where residuals are coded as they are.
        codewords: (n_books, M, Ks, Ds), n_books = 1 or n_rotations.
    """

    frame: Frame
    centroids: Vectors
    groups: NDArray[np.int32]
    rotations: NDArray[np.float32]
    codewords: NDArray[np.float32]

    @property
    def n_bits(self) -> int:
        """Bits of one code."""
        return int(self.codewords.shape[2]).bit_length() - 1

    @property
    def nbytes(self) -> int:
        """Bytes of everything that was learned, and of the copies that kernels read."""
        own = [self.frame.offset, self.centroids, self.groups, self.rotations, self.codewords]
        copies = [
            array for array in self.quantizers if not any(array is one or array.base is one for one in own if one.size)
        ]
        matrix = 0 if self.frame.matrix is None else self.frame.matrix.nbytes
        return matrix + sum(array.nbytes for array in (*own, *copies))

    @cached_property
    def quantizers(self) -> Quantizers:
        """The arrays that kernels read."""
        panels = [[make_panels(-2 * part) for part in book] for book in self.codewords]
        rotations = [make_panels(rotation) for rotation in self.rotations]
        dim = self.centroids.shape[1]
        quantizers = Quantizers(
            centroids=self.centroids,
            centroid_panels=distance_panels(self.centroids),
            turned=self._turned(self.centroids, np.arange(len(self.centroids))),
            groups=self.groups,
            rotations=np.stack(rotations) if rotations else np.zeros((0, 1, dim + 1, 64), dtype=np.float32),
            codewords=self.codewords,
            codeword_panels=np.array(panels),
        )
        for array in quantizers:  # read-only as if mapped: kernels are compiled for one kind of arrays only
            array.flags.writeable = False
        return quantizers

    def encode(self, views: Vectors) -> tuple[Labels, Codes]:
        """Return for (N, D') views the list (N,) and the code (N, M) of each."""
        labels = np.empty(len(views), dtype=np.int64)
        codes = np.empty((len(views), self.codewords.shape[1]), dtype=np.uint8)
        panels = np.array([[distance_panels(part) for part in book] for book in self.codewords])
        for start in range(0, len(views), _ROWS):
            piece = slice(start, start + _ROWS)
            labels[piece], _ = assign(views[piece], self.centroids)
            residuals = self._turned(views[piece] - self.centroids[labels[piece]], labels[piece])
            if len(panels) == 1:
                encode(residuals, panels[0], codes[piece])
                continue
            books = self.groups[labels[piece]]
            for book in np.unique(books):
                inside = np.flatnonzero(books == book)
                part = np.empty((len(inside), codes.shape[1]), dtype=np.uint8)
                encode(residuals[inside], panels[book], part)
                codes[start + inside] = part
        return labels, codes

    def decode(self, labels: Labels, codes: Codes) -> Vectors:
        """Return the (N, D') views that lists and codes stand for."""
        books = self.groups[labels][:, None] if len(self.codewords) > 1 else 0
        parts: Vectors = self.codewords[books, np.arange(codes.shape[1]), codes]  # (N, M, Ds)
        turned = parts.reshape(len(codes), -1)
        if len(self.rotations) == 0:
            return np.add(self.centroids[labels], turned, dtype=np.float32)
        residuals = np.empty((len(codes), self.centroids.shape[1]), dtype=np.float32)
        for group in np.unique(self.groups[labels]):
            inside = np.flatnonzero(self.groups[labels] == group)
            residuals[inside] = turned[inside] @ self.rotations[group]
        return np.add(self.centroids[labels], residuals, dtype=np.float32)

    def terms(self, labels: Labels, codes: Codes) -> NDArray[np.float32]:
        """Return (N,) |r|^2 + 2 c.r of decoded residuals r and their lists' centroids c."""
        terms = np.empty(len(codes), dtype=np.float32)
        books = self.groups.astype(np.int64) if len(self.codewords) > 1 else np.zeros(len(self.groups), dtype=np.int64)
        fill_terms(np.ascontiguousarray(codes), labels, books, self.quantizers.turned, self.codewords, terms)
        return terms

    def _turned(self, residuals: Vectors, labels: Labels) -> Vectors:
        """Return (N, D'') residuals of lists, each turned by the rotation of its list."""
        if len(self.rotations) == 0:
            return residuals
        return lopq.turn(residuals, self.groups[labels], self.rotations)


def train_model(
    vectors: Vectors,
    n_lists: int,
    n_subspaces: int,
    n_bits: int,
    rotation: RotationKind | None,
    own_codewords: bool,
    rng: np.random.Generator,
) -> Model:
    """Learn all quantizers from (N, D) vectors.

    Args:
        n_lists: at most N.
        n_bits: 2**n_bits is at most N.
        rotation: see `IVFPQ`.
        own_codewords: each rotation gets codewords of its own, where its lists hold enough vectors.
    """
    frame = _frame(vectors, n_subspaces, rotation)
    views = frame.view(vectors)
    centroids = kmeans(views, n_lists, rng)
    if len(views) > _SAMPLE:
        views = views[np.sort(rng.choice(len(views), _SAMPLE, replace=False))]
    labels, _ = assign(views, centroids)
    residuals = views - centroids[labels]
    dim = views.shape[1]
    groups = np.zeros(n_lists, dtype=np.int32)
    rotations = np.zeros((0, dim, dim), dtype=np.float32)
    if rotation == "opq":
        matrix = opq(residuals, n_subspaces, n_bits, rng)
        whole = matrix if frame.matrix is None else np.ascontiguousarray(matrix @ frame.matrix)
        frame = Frame(whole, frame.offset @ matrix.T)
        centroids, residuals = np.ascontiguousarray(centroids @ matrix.T), np.ascontiguousarray(residuals @ matrix.T)
    elif rotation is not None:
        n_groups = min(N_SHARED, n_lists) if rotation == "shared" else n_lists
        groups = lopq.group_lists(centroids, n_groups, rng)
        rotations = lopq.learn(residuals, groups[labels], n_groups, n_subspaces)
        residuals = lopq.turn(residuals, groups[labels], rotations)
    if own_codewords and len(rotations):
        codewords = lopq.learn_codewords(residuals, groups[labels], len(rotations), n_subspaces, n_bits, rng)
    else:
        codewords = ProductQuantizer(residuals.shape[1], n_subspaces, n_bits).train(residuals, rng).codewords[None]
    return Model(frame, centroids, groups, rotations, codewords)


def _frame(vectors: Vectors, n_subspaces: int, rotation: RotationKind | None) -> Frame:
    """Return centred coordinates; before a rotation also the principal components alone, where there are many."""
    mean = vectors.mean(axis=0)
    kept = _COMPONENTS // n_subspaces * n_subspaces
    if rotation is None or vectors.shape[1] <= kept:
        return Frame(None, -mean)
    centred = vectors - mean
    _, directions = np.linalg.eigh((centred.T @ centred).astype(np.float64))
    components = np.ascontiguousarray(directions[:, ::-1][:, :kept].T, dtype=np.float32)  # (kept, D)
    return Frame(components, -(components @ mean))
