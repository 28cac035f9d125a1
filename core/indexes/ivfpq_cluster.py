"""Building an IVFPQ on a Ray cluster: trained here, vectors assigned to lists and encoded on every node.

The result is what one machine builds from the same vectors with the same seed, to the byte; above a million vectors
the training sees a sample of them.
"""

import numpy as np
from numpy.typing import NDArray

from core.errors import ClusterError, RetrievalError
from core.features import FeatureStore
from core.features.cluster import Cluster
from core.features.cluster_encode import node_settings, sent_settings
from core.features.cluster_pool import GivenUp, WorkPool
from core.indexes.base import Index
from core.indexes.inverted import InvertedLists
from core.indexes.ivfpq import IVFPQ
from core.indexes.ivfpq_model import Model
from core.indexes.refine import VectorStore
from core.settings import Address, Settings
from core.types import Codes, Progress, Vectors, no_progress

_TRAINING = 1_000_000  # vectors that all serve for training; of more, a sample of at least so many
_PER_LIST = 39  # vectors of that sample for each list: what k-means needs, see FAISS's guidelines
_ROWS = 8_192  # vectors in a task
# Products with rotation matrices depend, in their last bits, on how many rows are multiplied at once: pieces are those
# in which `IVFPQ` itself encodes.
_ROWS_TURNED = 65_536

Part = tuple[NDArray[np.int64], Codes, NDArray[np.generic] | None]  # lists (n,), codes (n, M), stored vectors (n, D)
Piece = tuple[int, int, Vectors | None]  # rows from, to; their vectors where the node has none


class NodeCoder:
    """Assigns vectors to lists and encodes them where it runs.

    Args:
        settings: of the machine that gave the command.
        address: of the gallery.
        generation: of its features.
        state: of those features.
        model: what was trained.
        store: likewise, of the stored vectors.
    """

    def __init__(
        self,
        settings: Settings,
        address: Address,
        generation: str,
        state: str,
        model: Model,
        store: VectorStore | None,
    ) -> None:
        folder = address.features(node_settings(settings)) / "generations" / generation
        self._vectors: Vectors | None = None
        try:
            features = FeatureStore.open_folder(address, folder)
            self._vectors = features.vectors if features.state == state else None
        except RetrievalError:  # they are not on this node: they are sent
            pass
        self._model = model
        self._store = store

    def work(self, task: Piece) -> Part | None:
        """Return the parts of the index for some rows, or None if their vectors must be sent."""
        start, stop, vectors = task
        if vectors is None:
            if self._vectors is None:
                return None
            vectors = self._vectors[start:stop]
        labels, codes = self._model.encode(self._model.frame.view(vectors))
        return labels, codes, None if self._store is None else self._store.encode(vectors)


def build(
    index: Index, features: FeatureStore, settings: Settings, cluster: Cluster, progress: Progress = no_progress
) -> None:
    """Train an empty index and fill it with a gallery's vectors; one of another kind than IVFPQ by this machine alone.

    Raises:
        UnavailableError: the vectors are too few.
        ClusterError: no node can work, or the cluster is lost.
    """
    if not isinstance(index, IVFPQ):
        index.train(features.vectors).add(features.vectors, features.ids)
        return
    n = len(features)
    sample = _sample(index, n)
    index.train(features.vectors if sample is None else np.array(features.vectors[sample]))
    model, store = index.model, index.store
    size = _ROWS_TURNED if model.frame.matrix is not None or len(model.rotations) else _ROWS
    labels = np.empty(n, np.int64)
    codes = np.empty((n, model.codewords.shape[1]), np.uint8)
    stored = None
    if store is not None:
        stored = np.empty((n, index.dim), np.uint16 if store.kind == "float16" else np.uint8)
    what = f"coding {features.address.dataset} for {index.name}"
    arguments = sent_settings(settings), features.address, features.folder.name, features.state, model, store
    pieces = [(start, min(start + size, n), None) for start in range(0, n, size)]
    done = 0
    progress(done, n, what)
    with WorkPool(cluster, NodeCoder, *arguments) as pool:
        for (start, stop, _), part in pool.run(pieces):
            if isinstance(part, GivenUp):
                raise ClusterError(f"vectors {start} to {stop} cannot be encoded: {part.reason}")
            if part is None:
                pool.submit((start, stop, np.array(features.vectors[start:stop])))
                continue
            labels[start:stop], codes[start:stop] = part[0], part[1]
            if stored is not None:
                stored[start:stop] = part[2]
            done += stop - start
            progress(done, n, what)
    index._adopt(features.ids, InvertedLists.of(model, labels, codes, stored))


def _sample(index: IVFPQ, n: int) -> NDArray[np.int64] | None:
    """Return the rows to train with, or None for all; settles how many lists there are where it is a sample."""
    if n <= _TRAINING:
        return None
    if index.params["n_lists"] is None:
        index.params["n_lists"] = index._sizes(n)[0]
    count = max(_TRAINING, _PER_LIST * index.params["n_lists"])
    if count >= n:
        return None
    rng = np.random.default_rng(index.params["seed"])
    return np.sort(rng.choice(n, count, replace=False))
