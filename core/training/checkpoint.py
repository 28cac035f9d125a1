"""Checkpoints: all that a run needs to go on, in one safetensors file that is either whole or absent.

Weights, buffers and the optimizer's moments are tensors; counters, history and configuration are JSON in the file's
metadata, so that they can never belong to another state than the tensors do.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from core.errors import DamagedFileError, NotPreparedError, RetrievalError
from core.storage import storage_errors
from core.types import Json

_MOMENTS = ("exp_avg", "exp_avg_sq")


class OtherRunError(RetrievalError):
    """A checkpoint belongs to a run of another configuration or architecture."""


@dataclass(frozen=True)
class Checkpoint:
    """A state of a run.

    Attributes:
        tensors: "module.<name>" and "<moment>.<name>".
        facts: JSON: configuration, counters, history.
    """

    tensors: dict[str, Tensor]
    facts: Json


def capture(module: nn.Module, optimizer: torch.optim.Optimizer, facts: Json) -> Checkpoint:
    """Return the present state; tensors are not copied."""
    tensors = {f"module.{name}": value for name, value in module.state_dict().items()}
    for name, parameter in module.named_parameters():
        state = optimizer.state.get(parameter, {})
        tensors |= {f"{moment}.{name}": state[moment] for moment in _MOMENTS if moment in state}
    return Checkpoint(tensors, facts)


def restore(checkpoint: Checkpoint, module: nn.Module, optimizer: torch.optim.Optimizer, updates: int) -> None:
    """Put a state back.

    Args:
        updates: steps that the optimizer has made.

    Raises:
        OtherRunError: the tensors are of another architecture.
    """
    own = module.state_dict()
    found = {name[7:]: value for name, value in checkpoint.tensors.items() if name.startswith("module.")}
    wrong = [n for n in own if n not in found or found[n].shape != own[n].shape] + [n for n in found if n not in own]
    if wrong:
        raise OtherRunError(f"the checkpoint is of another architecture: {wrong[0]} is absent or of another shape")
    module.load_state_dict(found)
    for name, parameter in module.named_parameters():
        moments = {m: checkpoint.tensors.get(f"{m}.{name}") for m in _MOMENTS}
        if all(value is not None for value in moments.values()):
            state: dict[str, Any] = {
                m: torch.empty_like(parameter).copy_(v) for m, v in moments.items() if v is not None
            }
            optimizer.state[parameter] = {**state, "step": torch.tensor(float(updates))}


def write(path: Path, checkpoint: Checkpoint) -> None:
    """Replace the file, whole or not at all, without waiting for the disk: a killed process must find it, no more."""
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in checkpoint.tensors.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with storage_errors(path):
        try:
            save_file(tensors, str(temporary), metadata={"facts": json.dumps(checkpoint.facts)})
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def read(path: Path) -> Checkpoint:
    """Read a file.

    Raises:
        NotPreparedError: it does not exist.
        DamagedFileError: it is truncated, or no checkpoint.
    """
    if not path.is_file():
        raise NotPreparedError(f"there is no checkpoint {path}")
    try:
        with safe_open(str(path), framework="pt") as file:
            facts = json.loads((file.metadata() or {})["facts"])
            return Checkpoint({name: file.get_tensor(name) for name in file.keys()}, facts)  # noqa: SIM118
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise DamagedFileError(f"{path} is no whole checkpoint ({error}); remove it to start again") from error
