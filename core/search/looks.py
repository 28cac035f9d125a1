"""What a gallery's pictures look like: colour and texture of each, measured once and kept in a file.

colour.npy  (N, 800) float16    texture.npy  (N, 118) float16    ids.npy  (N,) int64, ascending
hashes.npy  (N, 32) uint8, the SHA-256 of each picture's file    pairs.npy  (2, P) float32, ascending: what random pairs
have in common in colour and in texture
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core import datasets
from core.datasets import Dataset, ImageRecord
from core.errors import DamagedFileError, ImageError, NotPreparedError, RetrievalError, StaleError
from core.search.appearance import MIN_SIDE, Appearance, appearance, shared
from core.settings import Address, Settings
from core.storage import Generations, lock, read_manifest, seal
from core.types import Ids, Progress, no_progress

NAME = "appearance"
_VERSION = 1
_METHOD = 1  # changes whenever the same picture would measure otherwise
_COLOURS, _PATTERNS = 800, 118
_PAIRS = 5000
_AT_ONCE = 256

Shares = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Looks:
    """The measurements of a gallery.

    Attributes:
        ids: (N,) ascending.
        colour: (N, 800) shares, each row adding up to 1; a row of zeros where a picture could not be read.
        texture: (N, 118) likewise.
        hashes: (N, 32) of the pictures' files.
        pairs: what random pairs share, ascending, for "colour" and "texture".
        content: the catalog's `content_state` that they were measured from.
    """

    ids: Ids
    colour: NDArray[np.float16]
    texture: NDArray[np.float16]
    hashes: NDArray[np.uint8]
    pairs: dict[str, NDArray[np.float32]]
    content: str

    @classmethod
    def open(cls, address: Address, settings: Settings) -> "Looks":
        """Open what was measured last, whether or not the gallery is still the same.

        Raises:
            NotPreparedError: nothing was measured yet.
            DamagedFileError, VersionError, StaleError: a file is not what it should be; measure again.
        """
        folder = Generations(address.index(settings, NAME)).current()
        if folder is None:
            raise NotPreparedError(
                _command(f"colours and textures of {address.dataset} have not been measured yet", address)
            )
        manifest = read_manifest(folder, NAME, _VERSION)
        if manifest.params.get("method") != _METHOD:
            raise StaleError(_command(f"colours and textures of {address.dataset} were measured otherwise", address))
        try:
            colour, texture, ids, hashes, pairs = (
                np.load(folder / f"{name}.npy", allow_pickle=False)
                for name in ("colour", "texture", "ids", "hashes", "pairs")
            )
        except (OSError, ValueError) as error:
            raise DamagedFileError(_command(f"{folder} cannot be read ({error})", address)) from error
        if not len(ids) == len(colour) == len(texture) == len(hashes):
            raise DamagedFileError(_command(f"{folder} holds arrays of different lengths", address))
        content = str(manifest.built_from.get("content", ""))
        return cls(ids, colour, texture, hashes, {"colour": pairs[0], "texture": pairs[1]}, content)

    def of(self, ids: Any) -> Appearance:
        """Return the (n, 800) and (n, 118) shares of several pictures; zeros for one that was not measured."""
        wanted = np.asarray(ids, np.int64)
        if not len(self.ids):
            return Appearance(
                np.zeros((len(wanted), _COLOURS), np.float32), np.zeros((len(wanted), _PATTERNS), np.float32)
            )
        rows = np.minimum(np.searchsorted(self.ids, wanted), len(self.ids) - 1)
        here = (self.ids[rows] == wanted).astype(np.float32)[:, None]
        return Appearance(self.colour[rows] * here, self.texture[rows] * here)


def measure(
    address: Address, settings: Settings, progress: Progress = no_progress, *, rebuild: bool = False
) -> tuple[Looks, bool]:
    """Return the looks of a gallery as it is now, and whether something had to be measured.

    Pictures that were measured before are not measured again.

    Raises:
        UnknownNameError, NotPreparedError: there is no such data set.
        StorageError, Cancelled: nothing is half-written.
    """
    dataset = datasets.open(address.dataset, settings)
    home = address.index(settings, NAME)
    with lock(home / ".build.lock"):
        before = None if rebuild else _usable(address, settings)
        content = dataset.catalog.content_state()
        if before is not None and before.content == content:
            return before, False
        made = _measured(dataset, before, content, settings, progress)
        with Generations(home).new() as folder:
            _write(folder, made)
    return made, True


def _usable(address: Address, settings: Settings) -> Looks | None:
    try:
        return Looks.open(address, settings)
    except RetrievalError:
        return None


def _measured(dataset: Dataset, before: Looks | None, content: str, settings: Settings, progress: Progress) -> Looks:
    records = dataset.catalog.records()
    colour = np.zeros((len(records), _COLOURS), np.float16)
    texture = np.zeros((len(records), _PATTERNS), np.float16)
    known = {} if before is None else {sha.tobytes(): row for row, sha in enumerate(before.hashes)}
    todo = []
    for row, record in enumerate(records):
        at = known.get(bytes.fromhex(record.sha256))
        if at is None or before is None:
            todo.append(row)
        else:
            colour[row], texture[row] = before.colour[at], before.texture[at]
    what = f"measuring colours and textures of {dataset.name}"
    progress(0, len(todo), what)
    for done, (row, look) in enumerate(_pipeline(dataset, records, todo, settings), start=1):
        if look is not None:
            colour[row], texture[row] = look.colour, look.texture
        progress(done, len(todo), what)
    ids = np.array([record.image_id for record in records], np.int64)
    hashes = np.array([list(bytes.fromhex(record.sha256)) for record in records], np.uint8).reshape(-1, 32)
    pairs = {"colour": _pairs(colour), "texture": _pairs(texture)}
    return Looks(ids, colour, texture, hashes, pairs, content)


def _pipeline(
    dataset: Dataset, records: list[ImageRecord], todo: list[int], settings: Settings
) -> Iterator[tuple[int, Appearance | None]]:
    """Yield (row, its appearance, or None where the picture cannot be read)."""

    def work(row: int) -> tuple[int, Appearance | None]:
        try:
            return row, appearance(dataset.load(records[row], min_side=MIN_SIDE))
        except ImageError:
            return row, None

    with ThreadPoolExecutor(settings.threads, thread_name_prefix="looks") as pool:
        for start in range(0, len(todo), _AT_ONCE):
            yield from pool.map(work, todo[start : start + _AT_ONCE])


def _pairs(shares: NDArray[np.float16]) -> NDArray[np.float32]:
    """Return what random pairs of different rows have in common, ascending."""
    if len(shares) < 2:
        return np.empty(0, np.float32)
    rng = np.random.default_rng(0)
    first = rng.integers(0, len(shares), _PAIRS)
    second = (first + rng.integers(1, len(shares), _PAIRS)) % len(shares)
    blocks = [slice(start, start + 500) for start in range(0, _PAIRS, 500)]
    return np.sort(
        np.concatenate([shared(shares[first[block]].astype(np.float32), shares[second[block]]) for block in blocks])
    )


def _write(folder: Path, looks: Looks) -> None:
    arrays: dict[str, NDArray[Any]] = {
        "colour": looks.colour, "texture": looks.texture, "ids": looks.ids, "hashes": looks.hashes,
        "pairs": np.stack([looks.pairs["colour"], looks.pairs["texture"]]),
    }  # fmt: skip
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    seal(
        folder,
        NAME,
        _VERSION,
        built_from={"content": looks.content},
        params={"method": _METHOD, "count": len(looks.ids)},
    )


def _command(fault: str, address: Address) -> str:
    return f"{fault}; run: python -m core index {address}"
