"""Pictures into an archive: folders, lists of files, or a whole gallery; what cannot be read is listed and left out."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from core import encoders
from core.archive import writer as writing
from core.archive.names import fault_of
from core.archive.pipeline import MOST_TOGETHER, batches_of, in_order
from core.archive.search_codes import SearchCoder, shipped_search_coder, train_search_coder
from core.archive.writer import ArchiveWriter
from core.codec import modes
from core.codec.model import LearnedCodec
from core.codec.modes import Coded, Mode
from core.codec.pixels import Pixels, read_pixels
from core.encoders import PictureEncoder
from core.errors import ImageError
from core.imaging import open_image
from core.settings import Settings
from core.types import Image, Json, Progress, Vectors, no_progress

ENDINGS = frozenset(
    [
        ".jpg",
        ".jpeg",
        ".png",
        ".webp",
        ".avif",
        ".tif",
        ".tiff",
        ".gif",
        ".bmp",
        ".ppm",
        ".pgm",
        ".jp2",
        ".jxl",
        ".heic",
    ]
)


@dataclass(frozen=True)
class Item:
    """One picture to pack.

    Attributes:
        vector: (D,) embedding if it is known already.
    """

    name: str
    source: Path
    fields: Json = field(default_factory=dict)
    vector: Vectors | None = None


@dataclass(frozen=True)
class PackOptions:
    """How to code.

    Attributes:
        quality: 0 to 5; None for lossless.
        n_bytes: instead of a quality, the most bytes of each stream.
        others: also try AVIF and JPEG XL at the same PSNR.
        encoder: of the search codes; None for no search codes.
        carry_codebook: put the codebook into the archive even if it comes with the program.
    """

    quality: float | None = 3.0
    n_bytes: int | None = None
    others: bool = False
    encoder: str | None = "efficientnet_lite0"
    carry_codebook: bool = False


@dataclass
class PackReport:
    """What was packed.

    Attributes:
        too_long: of the streams that a number of bytes was asked for, those that take more at the lowest quality.
    """

    count: int = 0
    stream_bytes: int = 0
    original_bytes: int = 0
    pixels: int = 0
    archive_bytes: int = 0
    too_long: int = 0
    modes: Counter[str] = field(default_factory=Counter)
    skipped: list[tuple[str, str]] = field(default_factory=list)


def folder_items(folder: Path) -> list[Item]:
    """Return the pictures of a folder and its sub-folders, by their endings, in order of their names."""
    paths = (path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS and path.is_file())
    visible = [path for path in paths if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    return [Item(path.relative_to(folder).as_posix(), path) for path in sorted(visible)]


def pack(
    items: Sequence[Item],
    path: Path,
    codec: LearnedCodec,
    settings: Settings,
    *,
    options: PackOptions | None = None,
    title: str = "",
    extra: Json | None = None,
    force: bool = False,
    append: bool = False,
    progress: Progress = no_progress,
) -> PackReport:
    """Write an archive of the items, or append them to one.

    Raises:
        StorageError: the file exists (without `force` or `append`), or cannot be written.
        ImageError: none of the items can be read.
    """
    options = options or PackOptions()
    encoder, coder, search = _search_parts(items, path, settings, options, append)
    report = PackReport()
    target: AbstractContextManager[ArchiveWriter]
    if append:
        target = writing.append(path, codec_sha256=codec.sha256)
    else:
        target = writing.create(path, codec_sha256=codec.sha256, search=search, title=title, extra=extra, force=force)
    with target as archive:
        if coder is not None and not append and (options.carry_codebook or not _is_shipped(coder, options)):
            archive.store_codebook(coder.data)
        for batch, coded, vectors in _coded_batches(items, codec, encoder, settings, options, report):
            codes = coder.encode(vectors) if coder is not None and vectors is not None else None
            for number, (item, record) in enumerate(zip(batch, coded, strict=True)):
                archive.add(item.name, record, code=None if codes is None else codes[number], fields=item.fields)
                report.count += 1
                report.stream_bytes += len(record.data)
                report.original_bytes += item.source.stat().st_size
                report.pixels += record.width * record.height
                report.modes[record.mode.title] += 1
                if options.n_bytes is not None and record.mode == Mode.LEARNED:
                    report.too_long += len(record.data) > options.n_bytes
            progress(report.count + len(report.skipped), len(items), "compressing")
        if not report.count:
            reason = f"; the first: {report.skipped[0][1]}" if report.skipped else ""
            raise ImageError(f"none of {len(items)} pictures could be compressed{reason}")
    report.archive_bytes = path.stat().st_size
    return report


def _search_parts(
    items: Sequence[Item], path: Path, settings: Settings, options: PackOptions, append: bool
) -> tuple[PictureEncoder | None, SearchCoder | None, Json | None]:
    """Return the encoder, the codebook, and what the archive's directory says of them."""
    from core.archive.reader import Archive
    from core.archive.search_codes import find_search_coder

    if append:
        with Archive.open(path) as archive:
            made_with = archive.search
            if made_with is None:
                return None, None, None
            name = str(made_with["encoder"])
            coder = find_search_coder(name, made_with["sha256"].hex(), archive.codebook())
        return encoders.load(name, settings), coder, None
    if options.encoder is None:
        return None, None, None
    encoder = encoders.load(options.encoder, settings)
    chosen = shipped_search_coder(options.encoder) or train_search_coder(
        _all_vectors(items, encoder, settings), np.random.default_rng(0)
    )
    search = {
        "encoder": encoder.name,
        "fingerprint": encoder.fingerprint,
        "dim": encoder.dim,
        "sha256": bytes.fromhex(chosen.sha256),
    }
    return encoder, chosen, search


def _all_vectors(items: Sequence[Item], encoder: PictureEncoder, settings: Settings) -> Vectors:
    """Return the embeddings of the items that can be read; needed first where a codebook must be learned."""
    vectors = []
    for item in items:
        if item.vector is not None:
            vectors.append(item.vector)
            continue
        try:
            picture = open_image(item.source, min_side=encoder.input_size, max_pixels=settings.max_pixels)
        except ImageError:
            continue
        vectors.append(encoder.encode([picture])[0])
    if not vectors:
        raise ImageError(f"none of {len(items)} pictures can be read; the first is {items[0].source}")
    return np.stack(vectors)


def _is_shipped(coder: SearchCoder, options: PackOptions) -> bool:
    shipped = shipped_search_coder(str(options.encoder))
    return shipped is not None and shipped.sha256 == coder.sha256


def _coded_batches(
    items: Sequence[Item],
    codec: LearnedCodec,
    encoder: PictureEncoder | None,
    settings: Settings,
    options: PackOptions,
    report: PackReport,
) -> Iterator[tuple[list[Item], list[Coded], Vectors | None]]:
    """Yield batches in order; several are worked on at the same time, on threads."""

    def work(batch: Sequence[Item]) -> tuple[list[Item], list[Coded], Vectors | None, list[tuple[str, str]]]:
        kept: list[Item] = []
        coded: list[Coded] = []
        vectors: list[Vectors | None] = []
        skipped: list[tuple[str, str]] = []
        for some in batches_of(_readable(batch, settings, skipped), lambda one: one[1].shape[0] * one[1].shape[1]):
            items, pictures = [item for item, _ in some], [picture for _, picture in some]
            kept += items
            coded += _code(codec, pictures, options)
            vectors.append(_vectors(items, pictures, encoder))
        found = [rows for rows in vectors if rows is not None]
        return kept, coded, np.concatenate(found) if found else None, skipped

    batches = [items[start : start + MOST_TOGETHER] for start in range(0, len(items), MOST_TOGETHER)]
    for kept, coded, vectors, skipped in in_order(work, batches, settings.threads):
        report.skipped += skipped
        yield kept, coded, vectors


def _readable(
    items: Sequence[Item], settings: Settings, skipped: list[tuple[str, str]]
) -> Iterator[tuple[Item, Pixels]]:
    """Yield the items with their pictures, and add the others to `skipped` with what is wrong."""
    for item in items:
        fault = fault_of(item.name)
        if fault:
            skipped.append((item.name, f"the name {item.name!r} {fault}"))
            continue
        try:
            picture = read_pixels(item.source, max_pixels=settings.max_pixels)
        except ImageError as error:
            skipped.append((item.name, str(error)))
            continue
        yield item, picture


def _code(codec: LearnedCodec, pictures: Sequence[Pixels], options: PackOptions) -> list[Coded]:
    if options.n_bytes is not None:
        return [_code_to_bytes(codec, picture, options.n_bytes) for picture in pictures]
    position = None if options.quality is None else codec.position_of(options.quality)
    return modes.encode(codec, pictures, position, others=options.others)


def _code_to_bytes(codec: LearnedCodec, picture: Pixels, n_bytes: int) -> Coded:
    if not modes.is_rgb(picture):
        return modes.lossless(picture)
    stream = codec.encode_to_bytes(picture, n_bytes)  # type: ignore[arg-type]
    return Coded(Mode.LEARNED, stream.position, stream.width, stream.height, stream.data)


def _vectors(items: Sequence[Item], pictures: Sequence[Pixels], encoder: PictureEncoder | None) -> Vectors | None:
    """Return (N, D) embeddings of the originals."""
    if encoder is None:
        return None
    rows = []
    for item, picture in zip(items, pictures, strict=True):
        rows.append(item.vector if item.vector is not None else encoder.encode([_shown(item, picture)])[0])
    return np.stack(rows) if rows else np.empty((0, encoder.dim), np.float32)


def _shown(item: Item, pixels: Pixels) -> Image:
    """Return the RGB picture that a search would see: grey, alpha and 16 bits as `open_image` shows them."""
    return pixels if modes.is_rgb(pixels) else open_image(item.source)  # type: ignore[return-value]
