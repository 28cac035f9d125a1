"""A neural network as an encoder back end: where its weights are, how pictures go in, how it runs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from core.encoders.base import PictureEncoder, Preparation
from core.errors import UnavailableError
from core.settings import Settings
from core.storage import digest, sha256_of

if TYPE_CHECKING:
    import torch

_PREPROCESSING = 1  # changes whenever the same picture would give other pixels


@dataclass(frozen=True)
class Network:
    """A network whose weights lie in one file.

    Attributes:
        mean, deviation: of each channel, in 0..255; pixels go in as (pixel - mean) / deviation.
        find: returns the file of the weights if it is here, else None; downloads nothing.
        fetch: returns that file, downloading it if need be; raises UnavailableError.
        build: returns the module that maps (B, 3, S, S) normalised pixels to (B, dim) features, in evaluation mode.
        requires: modules without which it cannot be built.
        packages: what to install for a module that is not named like its package.
        cells_of: the network whose last feature map stands for this one's, which pools several.
    """

    name: str
    title: str
    dim: int
    preparation: Preparation
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    find: Callable[[], Path | None]
    fetch: Callable[[], Path]
    build: "Callable[[Path], torch.nn.Module]"
    requires: tuple[str, ...] = ("torch",)
    packages: Mapping[str, str] = field(default_factory=dict)
    cells_of: str = ""

    @property
    def runtime(self) -> str:
        """ "onnx": exported once, it needs no torch afterwards; "torch" where ONNX Runtime is not installed."""
        return "onnx" if find_spec("onnxruntime") else "torch"

    def missing(self, settings: Settings) -> str:
        """Return what is missing here to load it and what to do about it, or nothing."""
        absent = self.absent()
        if absent:
            return absent
        try:
            found = self.find()
        except UnavailableError as error:
            return str(error)
        return (
            "" if found else f"the weights of {self.name} are not here yet; they are downloaded when it is first used"
        )

    def load(self, settings: Settings) -> PictureEncoder:
        """Return the encoder, exporting the network first if that has not been done.

        Raises:
            UnavailableError: the weights or a package are missing; the message says where to get them.
        """
        weights = self.find()
        if weights is None:
            self.require_packages()
            weights = self.fetch()
        fingerprint = self.fingerprint_of(weights)
        if self.runtime == "onnx":
            from core.encoders.onnx_runtime import OnnxEncoder

            return OnnxEncoder(self, weights, fingerprint, settings)
        from core.encoders.torch_runtime import TorchEncoder

        return TorchEncoder(self, weights, fingerprint, settings)

    def fingerprint_of(self, weights: Path) -> str:
        """Return the digest of the weights, the preprocessing, the input size and the runtime."""
        return digest(
            self.name, sha256_of(weights), _PREPROCESSING, self.preparation.size, self.preparation.fit,
            self.mean, self.deviation, self.runtime,
        )  # fmt: skip

    def require_packages(self) -> None:
        """Raise UnavailableError if a package that building needs is not installed."""
        absent = self.absent()
        if absent:
            raise UnavailableError(absent)

    def absent(self) -> str:
        """Return which package is not installed and how to install it, or nothing."""
        for module in self.requires:
            if find_spec(module) is None:
                package = self.packages.get(module, module)
                return f"{self.name} needs the package {package}; run: .venv/bin/pip install {package}"
        return ""
