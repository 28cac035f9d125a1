"""Encoders that were trained with this program: heads on another encoder's vectors, and whole networks.

Each lies in a folder of its name: encoder.json (what it is, and its weights' checksum), weights.safetensors, and a
model card. Shipped ones are beside this file in `heads/`, a person's own under `features/.encoders/`.
"""

from dataclasses import dataclass
from pathlib import Path

from core.encoders.base import BackEnd, PictureEncoder, Preparation
from core.errors import DamagedFileError, RetrievalError, UnavailableError, VersionError
from core.settings import Settings, check_name
from core.storage import digest, read_json, sha256_of
from core.types import Json

FORMAT = 1
FACTS = "encoder.json"
WEIGHTS = "weights.safetensors"
_SHIPPED = Path(__file__).parent / "heads"
_KINDS = ("head", "network")


def folder_of(name: str, settings: Settings) -> Path:
    """Return where a person's own encoder of that name lies."""
    return settings.features / ".encoders" / check_name(name, what="an encoder's name")


def found(settings: Settings) -> dict[str, BackEnd]:
    """Return the trained encoders by name; one of a person's own hides a shipped one of the same name.

    A folder whose encoder.json cannot be read is listed as an encoder that is missing something.
    """
    folders = [*_SHIPPED.glob(f"*/{FACTS}"), *(settings.features / ".encoders").glob(f"*/{FACTS}")]
    return {path.parent.name: _back_end(path) for path in sorted(folders, key=lambda path: path.parents[1] != _SHIPPED)}


@dataclass(frozen=True)
class TrainedHead:
    """The back end of a head: the encoder that it sits on, then two small matrices."""

    name: str
    title: str
    dim: int
    folder: Path
    facts: Json

    def missing(self, settings: Settings) -> str:
        """Return what is missing here to load it and what to do about it, or nothing."""
        from core.encoders import registry

        try:
            _check_weights(self.folder, self.facts)
            return registry.back_end(self.facts["backbone"], settings).missing(settings)
        except (RetrievalError, KeyError) as error:
            return str(error)

    def load(self, settings: Settings) -> PictureEncoder:
        """Return the encoder.

        Raises:
            UnavailableError: the encoder below is missing, or is not the one that the head was trained on.
            DamagedFileError: the weights are not those that the folder's encoder.json speaks of.
        """
        from core.encoders import registry
        from core.encoders.head import Head, HeadEncoder

        sha256 = _check_weights(self.folder, self.facts)
        below = registry.load(self.facts["backbone"], settings)
        if below.input_size != self.facts["input_size"] or below.dim != self.facts["backbone_dim"]:
            raise UnavailableError(
                f"{self.name} was trained on {self.facts['backbone']} with {self.facts['backbone_dim']} numbers from "
                f"{self.facts['input_size']} pixels, here it is {below.dim} from {below.input_size}; train it again"
            )
        head = Head.load(self.folder / WEIGHTS, keep=self.facts["keep"], discrete=self.facts["discrete"])
        return HeadEncoder(self.name, below, head, digest("head", FORMAT, below.fingerprint, sha256))


def _back_end(path: Path) -> BackEnd:
    name = path.parent.name
    try:
        facts = read_json(path)
        if facts["format"] > FORMAT:
            raise VersionError(f"{path} was written by a newer version; update this program")
        if facts["kind"] not in _KINDS:
            raise DamagedFileError(f"{path} speaks of an encoder of kind {facts['kind']!r}")
        if facts["kind"] == "network":
            return _network(path.parent, facts)
        return TrainedHead(name, facts["title"], facts["dim"], path.parent, facts)
    except (RetrievalError, KeyError, TypeError) as error:
        return Broken(name, f"{path} cannot be used: {error}")


def _network(folder: Path, facts: Json) -> BackEnd:
    from core.encoders import registry
    from core.encoders.network import Network

    below = registry.back_end(facts["backbone"])
    if not isinstance(below, Network):
        raise UnavailableError(f"{facts['backbone']} is not a network that can be trained")

    def fetch() -> Path:
        raise UnavailableError(f"{folder / WEIGHTS} is missing; train it again: python -m core train")

    def build(weights: Path):  # type: ignore[no-untyped-def]  # a torch module, and torch is imported late
        from core.encoders.embedding_network import load

        _check_weights(folder, facts)
        return load(below, weights, dim=facts["dim"], pooling=facts["pooling"], discrete=facts["discrete"])

    return Network(
        name=folder.name,
        title=facts["title"],
        dim=facts["dim"],
        preparation=Preparation(facts["input_size"]),
        mean=below.mean,
        deviation=below.deviation,
        find=lambda: folder / WEIGHTS if (folder / WEIGHTS).is_file() else None,
        fetch=fetch,
        build=build,
        requires=below.requires,
    )


@dataclass(frozen=True)
class Broken:
    """Stands for a trained encoder whose description cannot be read."""

    name: str
    reason: str
    dim: int = 0

    @property
    def title(self) -> str:
        """What people call it."""
        return self.name

    def missing(self, settings: Settings) -> str:
        """Return why it cannot be used."""
        return self.reason

    def load(self, settings: Settings) -> PictureEncoder:
        """Raise UnavailableError."""
        raise UnavailableError(self.reason)


def _check_weights(folder: Path, facts: Json) -> str:
    path = folder / WEIGHTS
    if not path.is_file():
        raise UnavailableError(f"{path} is missing")
    sha256 = sha256_of(path)
    if sha256 != facts["weights_sha256"]:
        raise DamagedFileError(f"{path} does not have the checksum that {FACTS} says; train the encoder again")
    return sha256
