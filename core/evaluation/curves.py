"""Measured curves of a gallery: what each index recalls, takes and weighs at each setting, kept beside the indexes.

`indexes/<dataset>/<encoder>/curves/curves.json` is replaced whole; it says which features and which indexes it was
measured on, so that curves of another state are recognised and never shown as this one's.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.errors import DamagedFileError, NotPreparedError, StaleError, VersionError
from core.settings import Address, Settings
from core.storage import read_json, write_json
from core.types import Json

FILE = "curves.json"
FORMAT = 1
KS = (1, 10, 100)
TIMED_K = 10  # neighbours that the timed searches ask for


@dataclass(frozen=True)
class Point:
    """One setting of one index.

    Attributes:
        knobs: keywords of `search`; what is absent has its default.
        recall: k -> share of the k true neighbours that are among the k found, the query itself left out, 0..1.
        error: k -> standard error of that mean over queries.
        p50_ms: median over queries of the time of a single query, one thread.
        p95_ms: of the same times.
        nbytes: memory of the index that this setting needs.
    """

    knobs: dict[str, int | float]
    recall: dict[int, float]
    error: dict[int, float]
    p50_ms: float
    p95_ms: float
    nbytes: int


@dataclass(frozen=True)
class Curve:
    """All settings of one index.

    Attributes:
        index: registered name.
        params: what its constructor was given besides the defaults of that name; {} for the gallery's own index.
        stamp: changes when the index is another one.
        build_s: processor seconds of one thread to train and fill it.
        reason: why it was not measured; empty if it was.
    """

    index: str
    params: dict[str, Any] = field(default_factory=dict)
    stamp: str = ""
    build_s: float = 0.0
    points: list[Point] = field(default_factory=list)
    reason: str = ""

    @property
    def is_variant(self) -> bool:
        """Whether the gallery's own index of that name was built with other parameters."""
        return bool(self.params)

    @property
    def code_bytes(self) -> int | None:
        """Bytes of a vector's code, for a variant."""
        return self.params.get("n_subspaces")


@dataclass(frozen=True)
class Curves:
    """What was measured of a gallery.

    Attributes:
        gallery: full address.
        built_from: provenance of the features.
        count: N.
        dim: D.
        queries: how many stored vectors were searched with, each left out of its own answer.
        curves: key (see `key_of`) -> curve.
        updated: UTC, ISO 8601, when the last curve was added.
    """

    gallery: str
    built_from: Json
    count: int
    dim: int
    queries: int
    curves: dict[str, Curve] = field(default_factory=dict)
    updated: str = ""

    def with_curve(self, key: str, curve: Curve) -> "Curves":
        """Return the same with one curve more, or another in its place."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return replace(self, curves={**self.curves, key: curve}, updated=now)

    def to_json(self) -> Json:
        """Return what the file holds."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Curves":
        """Return what `to_json` was called on.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        curves = {
            str(key): Curve(**{**one, "points": [_point(point) for point in one["points"]]})
            for key, one in value["curves"].items()
        }
        facts = {name: value[name] for name in ("gallery", "built_from", "count", "dim", "queries", "updated")}
        return cls(**facts, curves=curves)


def key_of(index: str, params: Mapping[str, Any]) -> str:
    """Return the name of a curve: the index's, and for a variant the bytes of its codes, as in "ivfpq-32"."""
    return f"{index}-{params['n_subspaces']}" if params else index


def folder_of(address: Address, settings: Settings) -> Path:
    """Return the folder that holds a gallery's curves, and the variants that were built to measure them."""
    return address.index(settings, "curves")


def variant_folder(address: Address, settings: Settings, key: str) -> Path:
    """Return where the index of a variant's curve is kept, for the dial to search with."""
    return folder_of(address, settings) / "variants" / key


def read(address: Address, settings: Settings, built_from: Json) -> Curves:
    """Read a gallery's curves.

    Args:
        built_from: provenance of the features that are searched now.

    Raises:
        NotPreparedError: nothing was measured yet.
        StaleError: they were measured on other features.
        DamagedFileError, VersionError: the file cannot be used.
    """
    path = folder_of(address, settings) / FILE
    command = f"python -m core bench curves {address}"
    try:
        value = read_json(path)
    except NotPreparedError:
        raise NotPreparedError(f"the indexes of {address} have not been measured yet; run: {command}") from None
    except DamagedFileError as error:
        raise DamagedFileError(f"{error}; run: {command} --rebuild") from error
    version = value.get("format")
    if isinstance(version, int) and version > FORMAT:
        raise VersionError(f"{path} has format version {version}, this program reads up to {FORMAT}; update it")
    try:
        found = Curves.from_json(value)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DamagedFileError(f"{path} holds no curves ({error!r}); run: {command} --rebuild") from error
    if found.built_from != built_from:
        raise StaleError(f"the curves of {address} were measured on other features; run: {command}")
    return found


def write(address: Address, settings: Settings, curves: Curves) -> None:
    """Replace a gallery's curves, whole or not at all."""
    write_json(folder_of(address, settings) / FILE, curves.to_json())


def _point(value: Mapping[str, Any]) -> Point:
    """Return a point; JSON has made strings of the numbers that are keys."""
    recall, error = ({int(k): float(one) for k, one in value[name].items()} for name in ("recall", "error"))
    return Point(dict(value["knobs"]), recall, error, value["p50_ms"], value["p95_ms"], value["nbytes"])
