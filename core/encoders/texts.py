"""Encoders that put sentences into the same space as pictures, so that words find pictures by meaning."""

from importlib import import_module
from typing import Protocol

from core.errors import UnavailableError
from core.settings import Settings
from core.types import Vectors

# Encoder of pictures -> module of this package whose `back_end(name)` encodes sentences for it.
_MODULES = {"open_clip_vit_b_32": "open_clip_text"}


class TextEncoder(Protocol):
    """Turns sentences into vectors of L2 norm 1."""

    @property
    def fingerprint(self) -> str:
        """That of the encoder of pictures whose vectors these can be compared with."""
        ...

    def encode(self, texts: list[str]) -> Vectors:
        """Return (len(texts), dim) vectors; what is longer than the network reads is cut off."""
        ...


class TextBackEnd(Protocol):
    """What can be asked before anything is loaded."""

    def missing(self) -> str:
        """Return what is missing here to load it and what to do about it, or nothing."""
        ...

    def load(self) -> TextEncoder:
        """Return the encoder.

        Raises:
            UnavailableError: weights or a package are missing; the message says where to get them.
        """
        ...


def understanding() -> tuple[str, ...]:
    """Return the names of the encoders of pictures that understand words."""
    return tuple(_MODULES)


def why_not(name: str) -> str:
    """Return why words cannot be searched by meaning with this encoder of pictures, and what to do; or nothing."""
    if name not in _MODULES:
        return f"{name} knows pictures only"
    return _back_end(name).missing()


def load_text(name: str, settings: Settings) -> TextEncoder:
    """Return the encoder of sentences that goes with an encoder of pictures.

    Raises:
        UnavailableError: there is none, or weights or a package are missing; the message says where to get them.
    """
    if name not in _MODULES:
        raise UnavailableError(f"{name} knows pictures only; words by meaning need one of: {', '.join(_MODULES)}")
    return _back_end(name).load()


def _back_end(name: str) -> TextBackEnd:
    chosen: TextBackEnd = import_module(f"core.encoders.{_MODULES[name]}").back_end(name)
    return chosen
