"""The words' half of OpenCLIP: sentences as vectors beside those of pictures; see `open_clip` for the other half."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core.arrays import normalize
from core.encoders import open_clip
from core.encoders.network import Network
from core.errors import DamagedFileError, UnavailableError
from core.types import Vectors

if TYPE_CHECKING:
    import torch


class OpenClipText:
    """Encodes sentences by torch: one takes some 20 ms, and there is one for each search."""

    def __init__(self, model: "torch.nn.Module", fingerprint: str) -> None:
        import open_clip as package

        self.fingerprint = fingerprint
        self._model = model
        self._tokenize = package.get_tokenizer(open_clip.MODEL)

    def encode(self, texts: list[str]) -> Vectors:
        """Return (len(texts), 512) vectors of L2 norm 1; of a sentence the first 75 tokens count."""
        import torch

        with torch.inference_mode():
            features = self._model.encode_text(self._tokenize(texts))  # type: ignore[operator]
        return normalize(np.asarray(features.numpy(), dtype=np.float32))


class OpenClipTextBackEnd:
    """Finds and loads what goes with an encoder of pictures."""

    def __init__(self, pictures: Network) -> None:
        self._pictures = pictures

    def missing(self) -> str:
        """Return what is missing here and what to do about it, or nothing."""
        try:
            return self._pictures.absent() or ("" if self._pictures.find() else open_clip.how_to_get())
        except UnavailableError as error:
            return str(error)

    def load(self) -> OpenClipText:
        """Return the encoder, downloading weights if need be.

        Raises:
            UnavailableError: weights or a package are missing; the message says where to get them.
            DamagedFileError: the file of weights is of another model.
        """
        self._pictures.require_packages()
        weights = self._pictures.find() or self._pictures.fetch()
        return OpenClipText(_words_half(weights), self._pictures.fingerprint_of(weights))


def back_end(name: str) -> OpenClipTextBackEnd:
    """Return what encodes sentences for the encoder of pictures of that name."""
    return OpenClipTextBackEnd(open_clip.back_end(name))


def _words_half(weights: Path) -> "torch.nn.Module":
    from core.encoders.torchvision_import import torchvision

    torchvision()  # open_clip imports it
    import open_clip as package
    import torch

    torch.set_num_threads(1)  # as for pictures: two of torch's own threads wait for each other on a busy machine
    try:
        model: torch.nn.Module = package.create_model(open_clip.MODEL, pretrained=str(weights))
    except (RuntimeError, KeyError) as error:
        raise DamagedFileError(f"{weights} holds no weights of {open_clip.MODEL}: {error}") from error
    del model.visual  # its pictures' half has been exported
    return model.eval().requires_grad_(False)
