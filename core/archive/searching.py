"""Search in an archive by its codes; no picture is decoded."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core import encoders
from core.archive.reader import Archive
from core.archive.search_codes import find_search_coder
from core.arrays import as_count
from core.encoders import PictureEncoder
from core.errors import DamagedFileError
from core.imaging import open_image
from core.settings import Settings
from core.types import Image, Json, Vectors


@dataclass(frozen=True)
class Hit:
    """One result; the similarity is approximate, as it comes from a code."""

    rank: int
    row: int
    name: str
    similarity: float


@dataclass(frozen=True)
class ArchiveOutcome:
    """What a search in an archive gave.

    Attributes:
        note: a sentence if the archive's encoder ran differently from this one, else empty.
    """

    archive: str
    encoder: str
    n_searched: int
    timings_ms: dict[str, float]
    hits: list[Hit]
    fields: list[Json]
    note: str = ""

    def to_json(self) -> Json:
        """Return what `archive search --json` prints."""
        return {
            "archive": self.archive,
            "encoder": self.encoder,
            "index": "archive codes",
            "timings_ms": self.timings_ms,
            "n_searched": self.n_searched,
            "note": self.note,
            "results": [
                {
                    "rank": hit.rank, "row": hit.row, "path": hit.name, "similarity": hit.similarity,
                    "is_approximate": True, "metadata": fields,
                }
                for hit, fields in zip(self.hits, self.fields, strict=True)
            ],
        }  # fmt: skip


def search_archive(
    archive: Archive,
    query: Path | bytes | Image | Vectors,
    settings: Settings,
    *,
    k: int = 10,
    encoder: PictureEncoder | None = None,
) -> ArchiveOutcome:
    """Return the k records whose codes are nearest to a query.

    Args:
        query: a picture, or a (D,) float32 embedding of length 1.
        encoder: already loaded; by default the one that the archive names is.

    Raises:
        DamagedFileError: the archive has no codes, or they are altered.
        StaleError: they need another codebook.
    """
    k = as_count(k, what="k")
    codes = archive.codes()
    made_with = archive.search or {}
    name, sha256 = made_with.get("encoder"), made_with.get("sha256")
    if not isinstance(name, str) or not isinstance(sha256, bytes):
        raise DamagedFileError(f"{archive.path} does not say what its search codes were made with")
    coder = find_search_coder(name, sha256.hex(), archive.codebook())
    coder.check(codes)
    started = time.perf_counter()
    note = ""
    if isinstance(query, np.ndarray) and query.dtype == np.float32 and query.ndim == 1:
        vector: Vectors = query.astype(np.float32)
        decoded = encoded = started
    else:
        chosen = encoder or encoders.load(name, settings)
        picture = open_image(query, min_side=chosen.input_size, max_pixels=settings.max_pixels)  # type: ignore[arg-type]
        decoded = time.perf_counter()
        vector = chosen.encode([picture])[0]
        encoded = time.perf_counter()
        if made_with.get("fingerprint") not in (None, chosen.fingerprint):
            note = f"the archive's codes were made with another build of {name}; similarities may differ slightly"
    similarities = coder.similarities(vector, codes)
    order = np.lexsort((np.arange(len(similarities)), -similarities))[:k]
    ended = time.perf_counter()
    fields = archive.fields()
    return ArchiveOutcome(
        archive=str(archive.path),
        encoder=name,
        n_searched=len(codes),
        timings_ms={
            "decode": 1000 * (decoded - started),
            "encode": 1000 * (encoded - decoded),
            "search": 1000 * (ended - encoded),
        },
        hits=[Hit(n, int(row), archive.names[row], float(similarities[row])) for n, row in enumerate(order, start=1)],
        fields=[fields[row] for row in order],
        note=note,
    )
