"""The search codes of an archive as the features of the gallery that is made from it."""

from collections.abc import Mapping

import numpy as np

from core import encoders
from core.archive.reader import Archive
from core.archive.search_codes import find_search_coder
from core.datasets.catalog import CATALOG, Catalog
from core.encoders import PictureEncoder
from core.errors import RetrievalError
from core.features.publish import publish
from core.settings import Address, Settings
from core.storage import lock, require_space
from core.types import Vectors

_INSTEAD = (
    "python -m core index will encode the restored pictures, which are a worse description than the originals were"
)


def vectors_of(archive: Archive, settings: Settings) -> tuple[Vectors, PictureEncoder | None, str]:
    """Return (N, D) the vectors that the codes stand for, and their encoder.

    Where they cannot be used (there are none, they are damaged, or their encoder or codebook is not here) there is no
    encoder, and a sentence says why.
    """
    nothing = np.empty((0, 0), np.float32)
    made_with = archive.search
    if made_with is None:
        return nothing, None, f"{archive.path} has no search codes; {_INSTEAD}"
    name, sha256 = made_with.get("encoder"), made_with.get("sha256")
    if not isinstance(name, str) or not isinstance(sha256, bytes):
        return nothing, None, f"{archive.path} does not say what its search codes were made with; {_INSTEAD}"
    try:
        codes = archive.codes()
        coder = find_search_coder(name, sha256.hex(), archive.codebook())
        encoder = encoders.load(name, settings)
        coder.check(codes)
    except RetrievalError as error:
        return nothing, None, f"the search codes cannot be used: {error}; {_INSTEAD}"
    if (encoder.fingerprint, encoder.dim) != (made_with.get("fingerprint"), coder.dim):
        return nothing, None, f"the search codes were made with another build of {name}; {_INSTEAD}"
    return coder.vectors(codes), encoder, ""


def publish_vectors(
    name: str, encoder: PictureEncoder, vectors: Vectors, row_of: Mapping[str, int], settings: Settings
) -> None:
    """Make the vectors the current features of a gallery.

    Args:
        vectors: (N, D), a row for each record of the archive.
        row_of: record's row by the picture's path in the gallery.

    Raises:
        StorageError: the disk is full.
    """
    address = Address(name, encoder.name)
    catalog = Catalog(settings.datasets / name / CATALOG)
    records = catalog.records()
    rows = [row_of[record.path] for record in records]
    hashes = np.frombuffer(b"".join(bytes.fromhex(record.sha256) for record in records), np.uint8).reshape(-1, 32)
    folder = address.features(settings)
    with lock(folder / ".extract.lock"):
        require_space(folder, 4 * encoder.dim * len(rows), f"writing the features of {address}")
        publish(
            address, settings, encoder, records, [(hashes, vectors[rows])],
            content_state=catalog.content_state(), skipped=[], is_approximate=True,
        )  # fmt: skip
    catalog.close()
