"""Putting vectors from several sources together in a new generation of a gallery's features."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.datasets import ImageRecord
from core.encoders import PictureEncoder
from core.features.store import KIND, VERSION, Hashes
from core.settings import Address, Settings
from core.storage import Generations, seal
from core.types import Ids, Json, Vectors

_ROWS_AT_ONCE = 4096  # rows held in memory while a generation is put together


def publish(
    address: Address,
    settings: Settings,
    encoder: PictureEncoder,
    records: Sequence[ImageRecord],
    sources: Sequence[tuple[Hashes, Vectors]],
    *,
    content_state: str,
    skipped: Sequence[Json],
    is_approximate: bool = False,
) -> None:
    """Write the features of `records` and make them the current generation.

    Args:
        records: by ascending id; each has a vector in one of the sources.
        sources: (n, 32) hashes of files and their (n, D) vectors.
        content_state: of the catalog.
        skipped: {"path", "sha256", "reason"} of the pictures that could not be read.
        is_approximate: the vectors were read back from search codes (see `core.archive.importing`).

    Raises:
        StorageError: the disk is full; the generation before stays current.
    """
    hashes = np.frombuffer(b"".join(bytes.fromhex(record.sha256) for record in records), np.uint8).reshape(-1, 32)
    source, row = _locate(hashes, [known for known, _ in sources])
    with Generations(address.features(settings)).new() as folder:
        np.save(folder / "ids.npy", np.array([record.image_id for record in records], np.int64), allow_pickle=False)
        np.save(folder / "hashes.npy", hashes, allow_pickle=False)
        _gather(folder / "vectors.npy", [vectors for _, vectors in sources], source, row, encoder.dim)
        seal(
            folder,
            KIND,
            VERSION,
            built_from={"dataset": address.dataset, "content": content_state, "encoder": encoder.fingerprint},
            params={"encoder": encoder.name, "dim": encoder.dim, "count": len(records), "skipped": list(skipped)}
            | ({"is_approximate": True} if is_approximate else {}),
        )


def _locate(hashes: Hashes, known: Sequence[Hashes]) -> tuple[Ids, Ids]:
    """Return (N,) the number of the source that has each hash, and (N,) its row there."""
    places = {value.tobytes(): (number, row) for number, rows in enumerate(known) for row, value in enumerate(rows)}
    found = np.array([places[value.tobytes()] for value in hashes], np.int64).reshape(-1, 2)
    return found[:, 0], found[:, 1]


def _gather(path: Path, sources: Sequence[Vectors], source: Ids, row: Ids, dim: int) -> None:
    """Write (N, dim) vectors as .npy, a few thousand rows at a time.

    By ordinary writes and not through a memory map, so that a full disk is an error and not the end of the process.
    """
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "<f4", "fortran_order": False, "shape": (len(source), dim)}
        )
        for start in range(0, len(source), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            block = np.empty((len(source[part]), dim), "<f4")
            for number in np.unique(source[part]):
                here = source[part] == number
                block[here] = sources[number][row[part][here]]
            file.write(block.tobytes())
