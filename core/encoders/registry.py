"""The encoders there are, by name."""

from importlib import import_module

from core.encoders.base import BackEnd, EncoderInfo, PictureEncoder
from core.errors import UnknownNameError
from core.settings import Settings

DEFAULT = "efficientnet_lite0"

# Name -> module of this package whose `back_end(name)` returns it. Modules are imported when asked for, not before.
_MODULES = {
    "efficientnet_lite0": "efficientnet_lite0",
    "efficientnet_lite0_stages": "efficientnet_lite0_stages",
    "shufflenet_v2_x1_0": "torchvision_models",
    "mobilenet_v3_small": "torchvision_models",
    "resnet18": "torchvision_models",
    "resnet50": "torchvision_models",
    "dinov2_vits14": "dinov2",
    "open_clip_vit_b_32": "open_clip",
    "histogram": "histogram",
}
# Modules of this package whose `found(settings)` returns {name: back end} for encoders that lie in a folder,
# such as trained heads. They come after the built-in ones and cannot replace them.
_FINDERS: tuple[str, ...] = ("trained",)


def names(settings: Settings | None = None) -> list[str]:
    """Return the registered names, the default first; with settings also those found in folders."""
    return list(_MODULES) + sorted(_found(settings))


def describe(name: str, settings: Settings | None = None) -> EncoderInfo:
    """Say what an encoder is and whether it can be loaded here, without loading it.

    Raises:
        UnknownNameError: no encoder has that name.
    """
    chosen = back_end(name, settings)
    reason = chosen.missing(settings or Settings.from_environment())
    return EncoderInfo(name, chosen.title, chosen.dim, not reason, reason)


def load(name: str, settings: Settings) -> PictureEncoder:
    """Return the encoder, ready to encode.

    Raises:
        UnknownNameError: no encoder has that name.
        UnavailableError: weights or a package are missing; the message says where to get them.
    """
    return back_end(name, settings).load(settings)


def default_encoder(dataset: str) -> str:
    """Return the encoder that the plain address `dataset` stands for."""
    return DEFAULT


def back_end(name: str, settings: Settings | None = None) -> BackEnd:
    """Return the back end of that name.

    Raises:
        UnknownNameError: no encoder has that name.
    """
    if name in _MODULES:
        chosen: BackEnd = import_module(f"core.encoders.{_MODULES[name]}").back_end(name)
        return chosen
    found = _found(settings)
    if name not in found:
        raise UnknownNameError(f"there is no encoder {name!r}; there are {', '.join([*_MODULES, *sorted(found)])}")
    return found[name]


def _found(settings: Settings | None) -> dict[str, BackEnd]:
    found: dict[str, BackEnd] = {}
    for module in _FINDERS if settings is not None else ():
        found.update(import_module(f"core.encoders.{module}").found(settings))
    return {name: back_end for name, back_end in found.items() if name not in _MODULES}
