"""A head: what is learned on top of another encoder's vectors, applied without torch.

One branch is a small perceptron. Another, if some of the vectors below is to be kept, is a linear map that takes out
what differs between views of the same picture (A. Hatch, S. Kajarekar, A. Stolcke, "Within-Class Covariance
Normalization for SVM-Based Speaker Recognition", Interspeech 2006, with a picture as the class): it holds for pictures
unlike those of training. A cosine between two embeddings is then the weighted mean of the two branches' cosines.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.arrays import normalize
from core.encoders.base import PictureEncoder
from core.errors import DamagedFileError
from core.types import Image, Vectors

Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class Head:
    """The weights, all float32 in memory.

    Attributes:
        keep: share of the similarity that the linear branch decides, in 0..1; 0: there is no such branch.
        discrete: the perceptron's outputs are reduced to their signs.
        layers: weights (out, in) and biases (out,) of the perceptron, with ReLU between.
        kept: (out, D) and (out,) of the linear branch, or None.
    """

    keep: float
    discrete: bool
    layers: list[tuple[Matrix, Matrix]]
    kept: tuple[Matrix, Matrix] | None = None

    @property
    def dim(self) -> int:
        """Length of the embedding."""
        return len(self.layers[-1][1]) + (len(self.kept[1]) if self.kept else 0)

    @classmethod
    def load(cls, path: Path, *, keep: float, discrete: bool) -> "Head":
        """Read the weights.

        Raises:
            DamagedFileError: the file is damaged or lacks a matrix.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            arrays = {name: value.astype(np.float32) for name, value in load_file(str(path)).items()}
            count = sum(name.startswith("layers.") and name.endswith(".weight") for name in arrays)
            layers = [(arrays[f"layers.{i}.weight"], arrays[f"layers.{i}.bias"]) for i in range(count)]
            kept = (arrays["kept.weight"], arrays["kept.bias"]) if keep else None
        except (SafetensorError, KeyError, OSError) as error:
            raise DamagedFileError(f"{path} does not hold a head ({error}); train it again") from error
        if not layers:
            raise DamagedFileError(f"{path} does not hold a head; train it again")
        return cls(keep, discrete, layers, kept)

    def save(self, path: Path) -> None:
        """Write the weights as float16."""
        from safetensors.numpy import save_file

        arrays: dict[str, Matrix] = {}
        for i, (weight, bias) in enumerate(self.layers):
            arrays |= {f"layers.{i}.weight": weight, f"layers.{i}.bias": bias}
        if self.kept:
            arrays |= {"kept.weight": self.kept[0], "kept.bias": self.kept[1]}
        save_file({name: np.ascontiguousarray(value, dtype=np.float16) for name, value in arrays.items()}, str(path))

    def __call__(self, vectors: Vectors) -> Vectors:
        """Return (N, dim) embeddings of norm 1 for (N, D) vectors of norm 1."""
        values = vectors
        for i, (weight, bias) in enumerate(self.layers):
            values = values @ weight.T + bias
            if i + 1 < len(self.layers):
                values = np.maximum(values, 0)
        if self.discrete:
            values = np.where(values > 0, np.float32(1), np.float32(-1))
        learned = normalize(np.ascontiguousarray(values, dtype=np.float32))
        if self.kept is None:
            return learned
        linear = normalize(np.ascontiguousarray(vectors @ self.kept[0].T + self.kept[1], dtype=np.float32))
        return np.concatenate([np.sqrt(1 - self.keep) * learned, np.sqrt(self.keep) * linear], axis=1, dtype=np.float32)


class HeadEncoder(PictureEncoder):
    """Encodes by the encoder below, then the head."""

    def __init__(self, name: str, below: PictureEncoder, head: Head, fingerprint: str) -> None:
        super().__init__(name, head.dim, below.preparation, fingerprint)
        self._below = below
        self.head = head

    def _embed(self, squares: Image) -> Vectors:
        return self.head(self._below.encode(list(squares)))
