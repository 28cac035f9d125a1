"""What a set of pictures is: records, fields, facets, and the object through which every layer reads them."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal

from core import imaging
from core.datasets.remote import CACHE, Cache, Remote
from core.errors import ImageError, RetrievalError
from core.storage import write_bytes
from core.types import Image

if TYPE_CHECKING:
    from core.datasets.catalog import Catalog

Value = str | int | float | None
Kind = Literal["paintings", "satellite", "pictures"]
THUMBNAILS = "thumbnails"


@dataclass(frozen=True)
class ImageRecord:
    """One picture of a data set.

    Attributes:
        image_id: for ever this content: never reused, and a file with other content gets another one.
        path: relative to the folder of the pictures, with `/`.
        sha256: of the file.
        width: in pixels, upright.
        height: likewise.
        title: what to call it.
        label: class or folder; empty where there is none.
        split: "train", "test", ...; empty where there is none.
        fields: the set's own: artist, latitude, licence, ...
    """

    image_id: int
    path: str
    sha256: str
    width: int
    height: int
    title: str
    label: str
    split: str
    fields: Mapping[str, Value]


@dataclass(frozen=True)
class FieldSpec:
    """A field that a set's records have.

    Attributes:
        name: the key in `ImageRecord.fields`, an identifier.
        title: what people read.
        kind: "choice" (few values, offered with counts), "range" (a number), or "text" (shown, not offered).
    """

    name: str
    title: str
    kind: Literal["choice", "range", "text"] = "text"

    def __post_init__(self) -> None:
        if not self.name.isidentifier() or self.kind not in ("choice", "range", "text"):
            raise ValueError(f"a field needs an identifier and a kind choice, range or text, got {self!r}")


@dataclass(frozen=True)
class Facet:
    """What a gallery can be filtered by.

    Attributes:
        name: of the field, or "label" or "split".
        title: what people read.
        kind: "choice" or "range".
        values: of a choice, with the number of pictures that have each.
        low: of a range, the least value that occurs.
        high: likewise the largest.
    """

    name: str
    title: str
    kind: Literal["choice", "range"]
    values: list[tuple[Value, int]] = field(default_factory=list)
    low: float | None = None
    high: float | None = None


class Dataset:
    """A prepared set of pictures: its catalog, its files and its thumbnails. Safe for concurrent readers."""

    def __init__(self, name: str, folder: Path, catalog: "Catalog") -> None:
        self.name = name
        self.folder = folder  # datasets/<name>
        self.catalog = catalog
        self._remotes: dict[str, Remote] = {}
        self._originals = Cache(folder / CACHE)

    @property
    def title(self) -> str:
        return self.catalog.meta().get("title") or self.name

    @property
    def kind(self) -> str:
        """paintings, satellite or pictures."""
        return self.catalog.meta().get("kind") or "pictures"

    @property
    def note(self) -> str:
        """What a person should know before searching, such as the ground scale; may be empty."""
        return self.catalog.meta().get("note", "")

    @property
    def licence(self) -> str:
        return self.catalog.meta().get("licence", "")

    @property
    def is_imported(self) -> bool:
        """True where the pictures lie in a person's own folder, or behind an address of theirs."""
        meta = self.catalog.meta()
        return bool(meta.get("source_folder") or meta.get("source_url"))

    @property
    def images_root(self) -> Path:
        """The folder that the records' paths are relative to."""
        return images_root(self.folder, self.catalog.meta())

    def __len__(self) -> int:
        return len(self.catalog)

    def __iter__(self) -> Iterator[ImageRecord]:
        return iter(self.catalog.records())

    def load(self, record: ImageRecord, min_side: int | None = None) -> Image:
        """Return the record's picture, see `core.imaging.open_image`.

        Raises:
            ImageError: it is gone, unreadable, or its path leaves the folder.
        """
        return imaging.open_image(self.source_path(record), min_side=min_side)

    def source_path(self, record: ImageRecord) -> Path:
        """Return where the record's file lies.

        Raises:
            ImageError: the file is not there, or the path would leave the set's folder.
            UnavailableError, DownloadError: it lies behind an address and cannot be fetched.
        """
        if url := self.catalog.meta().get("source_url"):
            return self._originals.fetch(self._remote(url), record.path, record.sha256)
        root = self.images_root
        path = inside(root, record.path)
        if not path.is_file():
            archive = self.catalog.meta().get("archive_file")  # see core.archive.importing
            verb = f"import {archive} --name" if archive else "get"
            hint = f"python -m core data {verb} {self.name}"
            if self.is_imported:
                table = self.catalog.meta().get("source_table")
                hint = f"python -m core data import {f'{table} --folder {root}' if table else root} --name {self.name}"
                if not root.is_dir():
                    hint = f"python -m core data relocate {self.name} FOLDER"
            raise ImageError(f"{path} is not there any more; run: {hint}")
        return path

    def thumbnail_path(self, record: ImageRecord) -> Path:
        """Return where the record's thumbnail lies: WebP, at most 320 pixels high, made when the set was prepared.

        One that was moved behind an address is fetched first; where that fails, nothing lies at the path.
        """
        path = thumbnail_path(self.folder, record.sha256)
        if not path.is_file() and (url := self.catalog.meta().get("thumbnails_url")):
            with contextlib.suppress(RetrievalError):  # the page shows a blank in its place
                write_bytes(path, self._remote(url).read(path.relative_to(self.folder).as_posix()))
        return path

    def _remote(self, url: str) -> Remote:
        return self._remotes.setdefault(url, Remote(url))


def images_root(folder: Path, meta: Mapping[str, str]) -> Path:
    """Return the folder of the pictures of the data set in `folder`, given its catalog's facts."""
    source = meta.get("source_folder")
    return Path(source) if source else folder / "images"


def thumbnail_path(folder: Path, sha256: str) -> Path:
    """Return the thumbnail's place in the data set's folder; equal files share one."""
    return folder / THUMBNAILS / sha256[:2] / f"{sha256[2:32]}.webp"


def inside(root: Path, relative: str) -> Path:
    """Return `root / relative`.

    Raises:
        ImageError: it would lie outside `root`, also by way of a symbolic link.
    """
    parts = PurePosixPath(relative)
    if not relative or parts.is_absolute() or ".." in parts.parts:
        raise ImageError(f"{relative!r} leaves the folder {root}")
    path = root / parts
    if not path.resolve().is_relative_to(root.resolve()):
        raise ImageError(f"{path} is a link that leaves the folder {root}")
    return path
