"""Search codes: 16 bytes for an embedding, by PCA, a learned rotation and product quantization.

T. Ge, K. He, Q. Ke, J. Sun, "Optimized Product Quantization", IEEE TPAMI 2014, section 3.1 (non-parametric).
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.archive.archive_errors import wrong_codebook
from core.arrays import as_vectors, normalize
from core.errors import DamagedFileError, UnavailableError
from core.indexes.pq import ProductQuantizer
from core.types import Codes, Vectors

SHIPPED = Path(__file__).parent / "codebooks"
CODE_BYTES = 16
KEPT_DIMENSIONS = 128
_ROUNDS = 12
_TRAIN_MOST = 20_000  # vectors; more change nothing that can be measured
_SCAN_ROWS = 1 << 16  # codes whose distances are computed at once


@dataclass(frozen=True)
class SearchCoder:
    """Turns embeddings into codes, and compares queries with codes.

    Attributes:
        mean: (D,) subtracted first.
        basis: (D, D') orthonormal columns: PCA and rotation in one.
        quantizer: of D' dimensions.
        data: the file's bytes; their SHA-256 is written into archives.
    """

    mean: NDArray[np.float32]
    basis: NDArray[np.float32]
    quantizer: ProductQuantizer
    data: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def dim(self) -> int:
        """D, of the embeddings."""
        return len(self.mean)

    def encode(self, vectors: Vectors) -> Codes:
        """Return (N, M) codes of (N, D) embeddings."""
        return self.quantizer.encode(self._projected(as_vectors(vectors, self.dim)))

    def similarities(self, query: Vectors, codes: Codes) -> NDArray[np.float32]:
        """Return (N,) approximate cosines between one (D,) query of length 1 and coded embeddings.

        They are the cosines with what the codes stand for. Dot product and length are sums over the sub-spaces, so that
        two small tables are all that is computed. (Precision@10 is that of summed distances, .001 better; the value for
        the nearest ten is nearer to the exact cosine: .04 to .05 off on EuroSAT and UC Merced instead of .07 to .08.)
        """
        vector = as_vectors(query[None], self.dim)[0]
        words = self.quantizer.codewords  # (M, Ks, Ds)
        shape = (self.quantizer.M, 1, self.quantizer.Ds)
        products = (words * (vector @ self.basis).reshape(shape)).sum(axis=2)  # (M, Ks)
        squares = (words * (words + 2 * (self.mean @ self.basis).reshape(shape))).sum(axis=2)
        parts = []
        for start in range(0, len(codes), _SCAN_ROWS):
            some = codes[start : start + _SCAN_ROWS]
            dots = float(vector @ self.mean) + self.quantizer.distances(products[None], some)[0]
            lengths = float(self.mean @ self.mean) + self.quantizer.distances(squares[None], some)[0]
            parts.append(dots / np.sqrt(np.maximum(lengths, 1e-12)))
        return np.concatenate(parts).astype(np.float32) if parts else np.empty(0, np.float32)

    def vectors(self, codes: Codes) -> Vectors:
        """Return (N, D) the vectors of length 1 that (N, M) codes stand for."""
        rows = np.empty((len(codes), self.dim), np.float32)
        for start in range(0, len(codes), _SCAN_ROWS):
            part = slice(start, start + _SCAN_ROWS)
            rows[part] = self.mean + self.quantizer.decode(np.ascontiguousarray(codes[part])) @ self.basis.T
        return normalize(rows)

    def check(self, codes: Codes) -> None:
        """Raise DamagedFileError unless every code is one of this codebook."""
        if len(codes) and codes.shape[1] != self.quantizer.M:
            raise DamagedFileError(
                f"there are codes of {codes.shape[1]} bytes, their codebook is for {self.quantizer.M}"
            )
        if self.quantizer.Ks < 256 and codes.size and int(codes.max()) >= self.quantizer.Ks:
            raise DamagedFileError("there are search codes that their codebook does not have")

    def _projected(self, vectors: Vectors) -> Vectors:
        return np.ascontiguousarray((vectors - self.mean) @ self.basis, dtype=np.float32)


def train_search_coder(vectors: Vectors, rng: np.random.Generator) -> SearchCoder:
    """Learn a codebook from (N, D) embeddings.

    With fewer than 256 vectors the codewords are fewer; below that the code is exact for those vectors anyway.

    Raises:
        UnavailableError: fewer than two vectors, or fewer than 16 dimensions.
    """
    vectors = as_vectors(vectors)
    n_kept = min(KEPT_DIMENSIONS, vectors.shape[1]) // CODE_BYTES * CODE_BYTES
    if len(vectors) < 2 or not n_kept:
        raise UnavailableError(
            f"search codes need two pictures and {CODE_BYTES} dimensions or more, got {vectors.shape}; use --no-search"
        )
    if len(vectors) > _TRAIN_MOST:
        vectors = vectors[np.sort(rng.choice(len(vectors), _TRAIN_MOST, replace=False))]
    mean = vectors.mean(axis=0)
    centred = vectors - mean
    _, basis = np.linalg.eigh(centred.T.astype(np.float64) @ centred)
    kept = basis[:, ::-1][:, :n_kept]
    projected = np.ascontiguousarray(centred @ kept, dtype=np.float32)
    n_bits = min(8, int(np.log2(len(vectors))))
    rotation = _balanced(projected.var(axis=0))
    quantizer = ProductQuantizer(n_kept, CODE_BYTES, n_bits)
    for round_number in range(_ROUNDS):
        turned = np.ascontiguousarray(projected @ rotation, dtype=np.float32)
        quantizer.train(turned, rng, n_iterations=25 if round_number == _ROUNDS - 1 else 5)
        if round_number < _ROUNDS - 1:
            decoded = quantizer.decode(quantizer.encode(turned))
            left, _, right = np.linalg.svd(projected.T.astype(np.float64) @ decoded)
            rotation = left @ right  # the orthogonal matrix that brings the vectors nearest to their codes
    basis = (kept @ rotation).astype(np.float16).astype(np.float32)
    return _packed(mean.astype(np.float32), basis, quantizer)


def load_search_coder(source: Path | bytes) -> SearchCoder:
    """Read a codebook.

    Raises:
        DamagedFileError: it is none.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    data = source if isinstance(source, bytes) else source.read_bytes()
    try:
        arrays = load(data)
        mean, basis = arrays["mean"].astype(np.float32), arrays["basis"].astype(np.float32)
        codewords = arrays["codewords"].astype(np.float32)
    except (SafetensorError, KeyError, ValueError, IndexError) as error:
        raise DamagedFileError(f"the search codes' codebook is damaged ({error})") from error
    n_books, n_words, _ = codewords.shape if codewords.ndim == 3 else (0, 0, 0)
    fits = mean.ndim == 1 and basis.shape == (len(mean), codewords.size // max(1, n_words))
    if not fits or n_words & (n_words - 1) or not 2 <= n_words <= 256:
        raise DamagedFileError("the search codes' codebook has parts that do not fit together")
    quantizer = ProductQuantizer(basis.shape[1], n_books, n_words.bit_length() - 1)
    quantizer.codewords[...] = codewords
    return SearchCoder(mean, basis, quantizer, data)


def shipped_search_coder(encoder: str) -> SearchCoder | None:
    """Return the codebook that comes with the program for an encoder, or None."""
    path = SHIPPED / f"{encoder}.safetensors"
    return load_search_coder(path) if path.is_file() else None


def find_search_coder(encoder: str, sha256: str, carried: bytes | None) -> SearchCoder:
    """Return the codebook that an archive's codes were made with.

    Args:
        carried: the codebook in the archive, if it has one.

    Raises:
        StaleError: it is neither in the archive nor the one that comes with the program.
    """
    coder = load_search_coder(carried) if carried is not None else shipped_search_coder(encoder)
    if coder is None or coder.sha256 != sha256:
        raise wrong_codebook(encoder, sha256, coder.sha256 if coder else None)
    return coder


def _packed(mean: Vectors, basis: Vectors, quantizer: ProductQuantizer) -> SearchCoder:
    from safetensors.numpy import save

    codewords = quantizer.codewords.astype(np.float16)
    quantizer.codewords[...] = codewords
    mean = mean.astype(np.float16).astype(np.float32)
    arrays: dict[str, NDArray[Any]] = {
        "mean": mean.astype(np.float16),
        "basis": basis.astype(np.float16),
        "codewords": codewords,
    }
    return SearchCoder(mean, basis, quantizer, save(arrays))


def _balanced(variances: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the permutation that gives every sub-space about the same product of variances (Ge et al., 3.2)."""
    n_each = len(variances) // CODE_BYTES
    members: list[list[int]] = [[] for _ in range(CODE_BYTES)]
    logs = np.zeros(CODE_BYTES)
    for component in np.argsort(-variances):
        free = [m for m in range(CODE_BYTES) if len(members[m]) < n_each]
        chosen = min(free, key=lambda m: logs[m])
        members[chosen].append(int(component))
        logs[chosen] += np.log(max(float(variances[component]), 1e-12))
    order = [component for member in members for component in member]
    return np.eye(len(variances))[:, order]
