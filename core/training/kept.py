"""The linear branch of a head: what is kept of the vectors below, without what differs between views of one picture.

A. Hatch, S. Kajarekar, A. Stolcke, "Within-Class Covariance Normalization for SVM-Based Speaker Recognition",
Interspeech 2006, with a picture as the class; then a projection on the principal directions.
"""

from collections.abc import Sequence

import numpy as np

from core.encoders.head import Matrix
from core.types import Ids, Vectors


def fit_kept(views: Sequence[Vectors], rows: Ids, dim: int, *, shrinkage: float = 1.0) -> tuple[Matrix, Matrix]:
    """Return weights (dim, D) and biases (dim,) of the map, fitted in closed form.

    Args:
        views: (N, D) vectors of each view of all pictures, the plain one first; of one view alone there is no scatter,
            and only the projection remains.
        rows: training pictures.
        shrinkage: mean variance times this is added to every direction's scatter.
    """
    plain = views[0][rows].astype(np.float64)
    mean = plain.mean(axis=0)
    size = plain.shape[1]
    scatter = np.zeros((size, size))
    centre = np.mean([view[rows] for view in views], axis=0, dtype=np.float64)
    for view in views:
        apart = view[rows] - centre
        scatter += apart.T @ apart
    if len(views) > 1:
        values, vectors = np.linalg.eigh(scatter / np.trace(scatter) * size + shrinkage * np.eye(size))
        whitening = vectors @ np.diag(values**-0.5) @ vectors.T
    else:
        whitening = np.eye(size)
    spread = (plain - mean) @ whitening
    _, directions = np.linalg.eigh(spread.T @ spread)
    weight = directions[:, ::-1][:, : min(dim, size)].T @ whitening
    weight /= np.sqrt(((plain - mean) @ weight.T).var(axis=0).sum())  # spread 1: well inside float16
    return weight.astype(np.float32), (-weight @ mean).astype(np.float32)
