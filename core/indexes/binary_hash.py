"""Binary hashing by an autoencoder: codes from which the vector can be restored, trained with auxiliary coordinates.

M. A. Carreira-Perpinan and R. Raziperchikolaei, "Hashing with Binary Autoencoders", CVPR 2015, arXiv 1501.00756: the
encoder is a sign of linear functions, the decoder is linear, and the method of auxiliary coordinates (MAC) alternates
between fitting both to codes Z and improving Z for the fitted two, while a penalty on Z differing from the encoder's
codes grows. The encoder's step is here a ridge regression to +-1 in the place of support vector machines: one solve for
all bits. (The decoder is only needed to train.)
"""

import numpy as np
from numpy.typing import NDArray

from core.arrays import as_count
from core.errors import UnavailableError
from core.indexes.lsh import LSH
from core.types import Vectors

_TRAIN_MOST = 10_000  # vectors
_KEPT_DIMENSIONS = 256  # of the training vectors, by PCA, for speed; what lies beyond says little
_ROUNDS = 10
_PENALTY, _PENALTY_GROWTH = 0.02, 2.0  # of a wrong bit, in units of a vector's variance per bit
_RIDGE = 1e-3
_PASSES = 2  # over the bits, in each step of Z


class BinaryHash(LSH):
    """LSH whose hyperplanes are a trained binary autoencoder's."""

    name = "hash"

    def __init__(self, dim: int, *, n_bits: int = 128, seed: int = 0) -> None:
        """Make an untrained index.

        Args:
            dim: D.
            n_bits: length of the codes, a multiple of 64.
            seed: of the hyperplanes that training begins from.
        """
        super().__init__(dim, n_bits=as_count(n_bits, what="n_bits", most=1024), seed=seed)

    def _train(self, vectors: Vectors) -> None:
        if not len(vectors):
            raise UnavailableError(f"{self.name} needs at least 1 vector to train, got none")
        rng = np.random.default_rng(self.seed)
        self.mean = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
        if len(vectors) > _TRAIN_MOST:
            vectors = vectors[np.sort(rng.choice(len(vectors), _TRAIN_MOST, replace=False))]
        centred = (vectors - self.mean).astype(np.float64)
        _, basis = np.linalg.eigh(centred.T @ centred)
        basis = basis[:, ::-1][:, :_KEPT_DIMENSIONS]  # (D, D')
        planes = train_binary_autoencoder(centred @ basis, self.n_bits, rng) @ basis.T
        norms = np.linalg.norm(planes, axis=1, keepdims=True)
        self.planes = np.ascontiguousarray(planes / np.maximum(norms, 1e-30), dtype=np.float32)


def train_binary_autoencoder(
    centred: NDArray[np.float64], n_bits: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the encoder's (n_bits, D) hyperplanes through the origin, for (N, D) centred vectors."""
    planes = _first_planes(centred.shape[1], n_bits, rng)
    gram = centred.T @ centred
    gram[np.diag_indices_from(gram)] += _RIDGE * max(np.trace(gram) / len(gram), 1e-12)
    codes = (centred @ planes.T > 0).astype(np.float64)  # Z, (N, n_bits)
    best, least = planes, np.inf
    penalty = _PENALTY * float(np.mean(np.sum(centred**2, axis=1))) / n_bits
    for _ in range(_ROUNDS):
        decoder = _decoder(codes, centred)
        planes = np.asarray(np.linalg.solve(gram, centred.T @ (2 * codes - 1)).T, dtype=np.float64)
        encoded = (centred @ planes.T > 0).astype(np.float64)
        error = restoring_error(centred, encoded)
        if error < least:
            best, least = planes, error
        if (encoded == codes).all():
            break
        codes = _improved(centred, encoded, decoder, penalty)
        penalty *= _PENALTY_GROWTH
    return best


def restoring_error(centred: NDArray[np.float64], codes: NDArray[np.float64]) -> float:
    """Return the mean squared distance between vectors and what the best linear decoder makes of their codes."""
    restored = _with_one(codes) @ _decoder(codes, centred)
    return float(np.mean(np.sum((centred - restored) ** 2, axis=1)))


def _first_planes(dim: int, n_bits: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return principal directions turned at random among themselves, and random ones where there are more bits."""
    planes = rng.standard_normal((n_bits, dim))
    shared = min(dim, n_bits)
    planes[:shared] = 0
    planes[:shared, :shared] = np.linalg.qr(rng.standard_normal((shared, shared)))[0]
    return planes


def _decoder(codes: NDArray[np.float64], centred: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the (n_bits + 1, D) linear decoder of least squared error; its last row is the constant."""
    inputs = _with_one(codes)
    gram = inputs.T @ inputs
    gram[np.diag_indices_from(gram)] += _RIDGE * max(1.0, len(codes) * 1e-3)
    return np.asarray(np.linalg.solve(gram, inputs.T @ centred), dtype=np.float64)


def _improved(
    centred: NDArray[np.float64], encoded: NDArray[np.float64], decoder: NDArray[np.float64], penalty: float
) -> NDArray[np.float64]:
    """Return codes that restore better, bit by bit, each for all vectors at once, starting from the encoder's."""
    codes = encoded.copy()
    residual = centred - _with_one(codes) @ decoder
    for _ in range(_PASSES):
        for bit, direction in enumerate(decoder[:-1]):
            # |r + z a - z' a|^2 + penalty (z' - h)^2, for z' = 1 less z' = 0
            gain = 2 * (residual @ direction + codes[:, bit] * (direction @ direction)) - direction @ direction
            wished = (gain + penalty * (2 * encoded[:, bit] - 1) > 0).astype(np.float64)
            changed = codes[:, bit] - wished
            residual += changed[:, None] * direction
            codes[:, bit] = wished
    return codes


def _with_one(codes: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([codes, np.ones((len(codes), 1))], axis=1)
