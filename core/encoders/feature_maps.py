"""The last feature map of a network that ends with global average pooling: one vector for each cell of the picture.

The pooled embedding is the mean of the cells, so that a cosine between two pictures is a sum over pairs of cells
(A. Stylianou, R. Souvenir, R. Pless, "Visualizing Deep Similarity Networks", WACV 2019).
"""

import threading
from pathlib import Path

import numpy as np

from core.encoders import registry
from core.encoders.network import Network
from core.encoders.onnx_runtime import exported
from core.encoders.trained import TrainedHead
from core.errors import UnavailableError
from core.settings import Settings
from core.storage import atomic_path, digest, lock, sha256_of
from core.types import Image, Vectors


class FeatureMaps:
    """Computes feature maps by ONNX Runtime; concurrent calls are safe."""

    def __init__(self, network: Network, weights: Path, settings: Settings) -> None:
        self.name = network.name
        self.preparation = network.preparation
        if self.preparation.fit != "squash":
            raise UnavailableError(f"{network.name} sees only the middle of a picture: its cells have no place")
        self._session = _session_with_cells(network, weights, settings)

    def cells(self, image: Image) -> Vectors:
        """Return (rows, columns, D) features of the cells of a regular grid over the whole picture, before pooling."""
        squares = self.preparation(image)[None]  # (1, S, S, 3)
        found: Vectors = self._session.run(["cells"], {"pixels": squares})[0]  # (1, D, rows, columns)
        return np.ascontiguousarray(found[0].transpose(1, 2, 0))


_loaded: dict[tuple[str, Path], FeatureMaps] = {}
_loading = threading.Lock()


def load_feature_maps(name: str, settings: Settings) -> FeatureMaps:
    """Return the feature maps of the encoder `name`, or of the one below a trained head; loaded once.

    Raises:
        UnknownNameError: no encoder has that name.
        UnavailableError: it has no feature maps, or its weights are not here.
    """
    with _loading:
        key = (name, settings.cache)
        if key not in _loaded:
            chosen = registry.back_end(name, settings)
            if isinstance(chosen, TrainedHead):
                chosen = registry.back_end(chosen.facts["backbone"], settings)
            if isinstance(chosen, Network) and chosen.cells_of:
                chosen = registry.back_end(chosen.cells_of, settings)
            if not isinstance(chosen, Network) or chosen.runtime != "onnx":
                raise UnavailableError(f"{name} has no feature maps, so it cannot say which regions match")
            weights = chosen.find() or chosen.fetch()
            _loaded[key] = FeatureMaps(chosen, weights, settings)
        return _loaded[key]


def _session_with_cells(network: Network, weights: Path, settings: Settings):  # type: ignore[no-untyped-def]
    """Return a session of the exported network with the input of its pooling as the output `cells`."""
    import onnx
    import onnxruntime

    whole = exported(network, weights, network.fingerprint_of(weights), settings)
    path = whole.with_name(f"{whole.stem}-cells-{digest(sha256_of(whole))}.onnx")
    with lock(path.with_suffix(".lock")):
        if not path.is_file():
            model = onnx.load(str(whole))
            pooling = [node for node in model.graph.node if node.op_type in ("GlobalAveragePool", "ReduceMean")]
            if not pooling:
                raise UnavailableError(f"{network.name} does not end with average pooling, so it has no feature map")
            model.graph.node.append(onnx.helper.make_node("Identity", [pooling[-1].input[0]], ["cells"]))
            shape: list[str | int | None] = ["batch", network.dim, "rows", "columns"]
            model.graph.output.append(onnx.helper.make_tensor_value_info("cells", onnx.TensorProto.FLOAT, shape))
            with atomic_path(path) as temporary:
                onnx.save(model, str(temporary))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = settings.threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
