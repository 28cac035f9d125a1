"""The one way in which torchvision is imported, so that a CPU torch and a torchvision built for CUDA work together.

Importing torchvision registers fake kernels for its operators `nms` and `qnms`. Their schemas come from its compiled
part, which does not load where the CUDA libraries that it was linked against are absent; the import then fails,
although models and transforms need none of it. Where that part does not load, the two schemas are defined here instead.
"""

import functools
import sys
import threading
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from core.errors import UnavailableError

_LOCK = threading.Lock()
_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def torchvision() -> ModuleType:
    """Return the package torchvision.

    Raises:
        UnavailableError: it, or torch, is not installed.
    """
    with _LOCK:
        if "torchvision" not in sys.modules:
            spec = find_spec("torchvision")
            if spec is None or spec.origin is None or find_spec("torch") is None:
                raise UnavailableError("torch and torchvision are not installed; run: make setup")
            _operators(Path(spec.origin).parent)
        return import_module("torchvision")


@functools.cache  # keeps the library alive: its definitions vanish with it
def _operators(package: Path) -> Any:
    """Load the compiled operators of `package`, or define the schemas that its Python part asks for."""
    import torch

    ops: Any = torch.ops
    library_type: Any = torch.library.Library  # neither has types

    for compiled in sorted([*package.glob("_C*.so"), *package.glob("_C*.pyd")]):
        try:
            ops.load_library(str(compiled))
        except OSError:
            continue
        return compiled
    library = library_type("torchvision", "DEF")
    for schema in _SCHEMAS:
        library.define(schema)
    return library
