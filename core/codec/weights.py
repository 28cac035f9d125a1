"""The codec's weights file: float16 transforms, integer contexts and tables, in one safetensors file."""

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.codec.context import (
    MEAN_BITS,
    OUTPUT_BITS,
    RATIO_BITS,
    SCALE_BITS,
    SUM_BITS,
    WEIGHT_BITS,
    ContextTables,
    GroupTables,
)
from core.codec.shape import N_PHASES, Shape
from core.codec.tables import MEAN_PARTS, SCALE_LOW, Counts, counts_from, logistic_masses, scale_step
from core.errors import DamagedFileError, NotPreparedError, VersionError
from core.storage import atomic_path

SHIPPED = Path(__file__).parent / "weights" / "codec.safetensors"
FORMAT = 1
_MEAN_UNIT = 2.0  # what `network.ContextNetwork` multiplies its outputs by
_SCALE_UNIT, _SCALE_SHIFT = 2.0, -0.6931


@dataclass(frozen=True)
class Weights:
    """A model as it lies on disk.

    Attributes:
        sha256: of the file, in hexadecimal: what a stream needs to be decoded.
        network: state of `network.CodecNetwork` without the contexts, float16 arrays by name.
        context: integer context networks.
        counts: symbol distributions.
    """

    sha256: str
    shape: Shape
    network: dict[str, NDArray[np.float16]]
    context: ContextTables
    counts: Counts


def load_weights(path: Path = SHIPPED) -> Weights:
    """Read a weights file.

    Raises:
        NotPreparedError, DamagedFileError, VersionError: it is absent, not such a file, or of a newer format.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise NotPreparedError(f"{path} does not exist; restore it, or train one: python -m core train codec GALLERY")
    data = path.read_bytes()
    try:
        with safe_open(str(path), framework="np") as file:
            header = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, ValueError) as error:
        raise DamagedFileError(f"{path} is not a codec's weights file ({error})") from error
    version = header.get("format", "")
    if not version.isdigit():
        raise DamagedFileError(f"{path} is not a codec's weights file")
    if int(version) > FORMAT:
        raise VersionError(f"{path} has format {version}, this program reads up to {FORMAT}; update it")
    shape = Shape.from_json(header["shape"])
    groups = []
    for number in range(len(shape.groups) - 1):
        parts = {name: arrays[f"context.{number}.{name}"] for name in GroupTables.__dataclass_fields__}
        groups.append(GroupTables(**parts))
    context = ContextTables(
        shape,
        tuple(groups),
        arrays["context.ratio"].astype(np.int64),
        arrays["context.mean_factor"].astype(np.int64),
        arrays["context.scale_offset"].astype(np.int64),
        int(arrays["context.scale_factor"][0]),
    )
    network = {name.removeprefix("network."): a for name, a in arrays.items() if name.startswith("network.")}
    return Weights(hashlib.sha256(data).hexdigest(), shape, network, context, arrays["counts"].astype(np.int32))


def save_weights(path: Path, network: Any, counts: Counts | None = None) -> None:
    """Write a trained `network.CodecNetwork`; without `counts` the distributions are plain logistic ones."""
    from safetensors.numpy import save_file

    arrays: dict[str, NDArray[Any]] = {}
    for name, tensor in network.state_dict().items():
        if not name.startswith("contexts."):
            value = tensor.detach().cpu().contiguous().numpy()
            gain = name in ("log_gain", "log_step", "deviations")
            arrays[f"network.{name}"] = np.ascontiguousarray(value.astype(np.float32 if gain else np.float16))
    for name, array in integer_context(network).items():
        arrays[f"context.{name}"] = array
    arrays["counts"] = (counts_from(logistic_masses()) if counts is None else counts).astype(np.uint32)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        save_file(arrays, str(temporary), metadata={"format": str(FORMAT), "shape": network.shape.to_json()})


def integer_context(network: Any) -> dict[str, NDArray[Any]]:
    """Return the context networks of a `network.CodecNetwork` as the integers of `ContextTables`, by name."""
    shape: Shape = network.shape
    parameters = {name: tensor.detach().cpu().double().numpy() for name, tensor in network.state_dict().items()}
    qualities = np.arange(shape.n_positions) / shape.positions_per_step
    mix = np.maximum(0, 1 - np.abs(qualities[:, None] - np.arange(shape.n_anchors)))  # (n_positions, n_anchors)
    ratio = np.exp(mix @ parameters["log_step"]) / parameters["deviations"]
    arrays: dict[str, NDArray[Any]] = {
        "ratio": _fixed(ratio, RATIO_BITS, np.int32),
        "mean_factor": _fixed(_MEAN_UNIT * MEAN_PARTS / ratio, MEAN_BITS, np.int32),
        "scale_offset": _fixed(
            (_SCALE_SHIFT - np.log(ratio) - math.log(SCALE_LOW)) / scale_step(), OUTPUT_BITS + SCALE_BITS, np.int32
        ),
        "scale_factor": _fixed(np.array([_SCALE_UNIT / scale_step()]), SCALE_BITS, np.int32),
    }
    for number in range(len(shape.groups) - 1):
        part = {name: parameters[f"contexts.{number}.{name}"] for name in _CONTEXT_PARAMETERS}
        enter = part["enter.weight"].transpose(2, 3, 1, 0)  # (3, 3, channels + 1, width)
        enter = np.concatenate([enter[:, :, -1:], enter[:, :, :-1]], axis=2)  # the "inside" channel comes first
        by_quality = mix @ part["by_quality"]  # (n_positions, width)
        bias = part["enter.bias"] + by_quality[:, None] + part["by_phase"][None, :N_PHASES]
        arrays |= {
            f"{number}.enter": _fixed(enter.reshape(-1, enter.shape[-1]), WEIGHT_BITS, np.int16),
            f"{number}.enter_bias": _fixed(bias, SUM_BITS, np.int32),
            f"{number}.middle": _fixed(part["middle.weight"][:, :, 0, 0].T, WEIGHT_BITS, np.int16),
            f"{number}.middle_bias": _fixed(part["middle.bias"], SUM_BITS, np.int32),
            f"{number}.leave": _fixed(part["leave.weight"][:, :, 0, 0].T, WEIGHT_BITS, np.int16),
            f"{number}.leave_bias": _fixed(part["leave.bias"], SUM_BITS, np.int32),
        }
    return arrays


_CONTEXT_PARAMETERS = (
    "enter.weight", "enter.bias", "by_phase", "by_quality",
    "middle.weight", "middle.bias", "leave.weight", "leave.bias",
)  # fmt: skip


def _fixed(values: NDArray[np.float64], bits: int, kind: type) -> NDArray[Any]:
    """Return values in fixed point, clipped to what the integer type holds."""
    limits = np.iinfo(kind)
    return np.ascontiguousarray(np.clip(np.rint(values * 2.0**bits), limits.min, limits.max).astype(kind))
