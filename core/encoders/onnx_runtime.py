"""Running a network by ONNX Runtime, from a file that is exported once, checked against torch, and cached."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core.arrays import normalize
from core.encoders.base import PictureEncoder
from core.errors import DamagedFileError, RetrievalError, UnavailableError
from core.settings import Settings
from core.storage import atomic_path, lock, read_json, sha256_of, write_json
from core.types import Image, Vectors

if TYPE_CHECKING:
    from core.encoders.network import Network

_log = logging.getLogger(__name__)

_FORMAT = 1
_OPSET = 17
_TOLERANCE = 1e-3  # cosine distance between ONNX Runtime and torch on the same pixels
_CHECKED_PICTURES = 3


class OnnxEncoder(PictureEncoder):
    """Encodes by ONNX Runtime; torch is imported only if the network has not been exported before."""

    def __init__(self, network: "Network", weights: Path, fingerprint: str, settings: Settings) -> None:
        super().__init__(network.name, network.dim, network.preparation, fingerprint, threads=settings.threads)
        self._session = _session(exported(network, weights, fingerprint, settings))

    def _embed(self, squares: Image) -> Vectors:
        features: Vectors = self._session.run(None, {"pixels": squares})[0]
        return features


def exported(network: "Network", weights: Path, fingerprint: str, settings: Settings) -> Path:
    """Return the cached ONNX file of `network`; export and check it first if it is absent or damaged.

    Raises:
        UnavailableError: torch or another package that the export needs is missing, or the exported network differs.
    """
    path = settings.cache / "networks" / f"{network.name}-{fingerprint}.onnx"
    with lock(path.with_suffix(".lock")):
        if not _is_whole(path):
            _export(network, weights, path)
    return path


def _is_whole(path: Path) -> bool:
    try:
        facts = read_json(path.with_suffix(".json"))
        return facts["format"] == _FORMAT and path.is_file() and sha256_of(path) == facts["sha256"]
    except (RetrievalError, KeyError):
        return False


def _export(network: "Network", weights: Path, path: Path) -> None:
    import warnings

    from core.encoders.torch_runtime import whole_module

    module = whole_module(network, weights)
    import torch

    size = network.preparation.size
    pixels = np.random.default_rng(0).integers(0, 256, (_CHECKED_PICTURES, size, size, 3), np.uint8)
    threads, fast = torch.get_num_threads(), torch.backends.mha.get_fastpath_enabled()
    torch.set_num_threads(1)
    torch.backends.mha.set_fastpath_enabled(False)  # attention in one step, which ONNX has no operator for
    try:
        with atomic_path(path) as temporary:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch announces its other exporter, which needs one more package
                torch.onnx.export(
                    module, (torch.from_numpy(pixels[:2]),), str(temporary), dynamo=False, opset_version=_OPSET,
                    input_names=["pixels"], output_names=["features"],
                    dynamic_axes={"pixels": {0: "batch"}, "features": {0: "batch"}},
                )  # fmt: skip
            with torch.inference_mode():
                expected = module(torch.from_numpy(pixels)).numpy()
            found = _session(temporary).run(None, {"pixels": pixels})[0]
            distance = float(1 - (normalize(found) * normalize(expected)).sum(axis=1).min())
            if found.shape != (_CHECKED_PICTURES, network.dim) or not distance < _TOLERANCE:
                raise UnavailableError(
                    f"{network.name} gives other vectors by ONNX Runtime than by torch (distance {distance:.2g}); "
                    "update onnxruntime or torch and run the command again"
                )
    finally:
        torch.set_num_threads(threads)
        torch.backends.mha.set_fastpath_enabled(fast)
    write_json(
        path.with_suffix(".json"),
        {"format": _FORMAT, "sha256": sha256_of(path), "cosine_distance_to_torch": distance, "network": network.name},
    )
    _log.info("exported %s to %s, cosine distance to torch %.1e", network.name, path, distance)


def _session(path: Path):  # type: ignore[no-untyped-def]  # onnxruntime has no types
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # its callers are the threads: see PictureEncoder
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises classes of its own that are not exported by name
        raise DamagedFileError(f"{path} cannot be loaded ({error}); remove it and run the command again") from error
