"""What one picture costs in each part of the program: processor seconds, bytes on disk, bytes in memory.

Everything is done for real on a few dozen pictures, or on vectors made of a gallery's own by adding noise, with one
thread, and timed by processor time, which other work on the machine hardly changes.
"""

import contextlib
import io
import itertools
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from threadpoolctl import threadpool_limits

from core import encoders
from core.archive.gallery import gallery_items
from core.archive.pack import pack
from core.arrays import normalize
from core.codec.model import LearnedCodec
from core.codec.weights import SHIPPED
from core.datasets import Dataset
from core.datasets.builder import add_thumbnail
from core.datasets.catalog import Catalog, Row
from core.encoders import PictureEncoder
from core.evaluation.bench_map import write_synthetic
from core.evaluation.scale_table import WITH_LISTS, lists_of
from core.features import FeatureStore
from core.imaging import open_image
from core.indexes import Index, create
from core.projection.neighbours import mutual_neighbours
from core.projection.umap_adapter import UmapProjection
from core.settings import Address, Settings
from core.types import Image, Json, Vectors

_PHOTOGRAPH = (4000, 3000)
_QUERIES = 64
_NOISE = 0.3  # norm of what is added to a vector of norm 1 to make another of it


def picture_costs(dataset: Dataset, encoder: PictureEncoder, count: int) -> list[Json]:
    """Return the costs of taking in pictures: the gallery's own, and as 12-megapixel photographs of the same scenes."""
    records = dataset.catalog.records()[:count]
    tiles = [dataset.source_path(record).read_bytes() for record in records]
    photographs = [_photograph(data) for data in tiles[: max(1, count // 6)]]
    return [
        _taken_in(f"{records[0].width} x {records[0].height}", tiles, encoder),
        _taken_in("{} x {}".format(*_PHOTOGRAPH), photographs, encoder),
    ]


def catalog_costs(dataset: Dataset, rows: int) -> Json:
    """Return bytes and processor seconds of a catalog's row, with its words and without."""
    real = dataset.catalog.records()
    made = [
        Row(
            f"{number:08}/{record.path}", f"{number:064x}", record.width, record.height, record.title, record.label,
            record.split, record.fields, 10_000, number,
        )
        for number, record in zip(range(rows), itertools.cycle(real), strict=False)
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "catalog.sqlite"
        catalog = Catalog.create(path, {"title": "Scale"}, dataset.catalog.fields())
        empty = _size(path)
        seconds = _cpu(lambda: catalog.write(made))
        plain = _size(path)
        word_seconds = _cpu(catalog.index_words)
        whole = _size(path)
    return {
        "rows": rows,
        "disk_bytes": (plain - empty) / rows,
        "words_disk_bytes": (whole - plain) / rows,
        "cpu_s": seconds / rows,
        "words_cpu_s": word_seconds / rows,
    }


def feature_costs(store: FeatureStore) -> Json:
    """Return the bytes of one picture's vector, id and hash on disk."""
    arrays = [store.folder / f"{name}.npy" for name in ("vectors", "ids", "hashes")]
    return {"dim": store.dim, "disk_bytes": sum(path.stat().st_size for path in arrays) / len(store)}


def index_costs(name: str, vectors: Vectors, queries: Vectors) -> Json:
    """Return an index's bytes per vector, per list and besides, seconds per vector of training and adding, of a query.

    It is built from all vectors and from half of them, and where it has lists with half as many, too: three builds
    settle the three numbers.
    """
    n = len(vectors)
    n_lists = lists_of(n) if name in WITH_LISTS else 0
    whole = _index_at(name, vectors, queries, n_lists)
    fewer = _index_at(name, vectors, queries, n_lists // 2) if n_lists else whole
    half = _index_at(name, vectors[: n // 2], queries, n_lists // 2)
    entry: Json = {"index": name, "vectors": n, "n_lists": n_lists, "query_cpu_ms": 1000 * whole["query_cpu_s"]}
    for where in ("disk_bytes", "memory_bytes"):
        each = (fewer[where] - half[where]) / (n - n // 2)
        of_list = (whole[where] - fewer[where]) / (n_lists - n_lists // 2) if n_lists else 0.0
        besides = max(0.0, whole[where] - each * n - of_list * n_lists)
        entry |= {where: each, f"{where}_of_list": of_list, f"{where}_besides": besides}
    return entry | {step: whole[step] / n for step in ("train_cpu_s", "add_cpu_s")}


def archive_costs(address: Address, settings: Settings, count: int) -> Json:
    """Return bytes and processor seconds of a picture in an archive, and the bytes that an archive has besides."""
    items, extra = gallery_items(address, settings)
    codec = LearnedCodec(SHIPPED, threads=1)
    single = replace(settings, threads=1)
    with tempfile.TemporaryDirectory() as scratch:

        def packed(n: int) -> int:
            path = Path(scratch) / f"{n}.pent"
            return pack(items[:n], path, codec, single, extra=extra).archive_bytes

        few = max(1, count // 4)
        small = packed(few)  # compiles and warms up, too
        large = 0
        started = time.process_time()
        large = packed(count)
        seconds = time.process_time() - started
    slope = (large - small) / (count - few)
    return {
        "pictures": count,
        "disk_bytes": slope,
        "disk_bytes_besides": large - slope * count,
        "cpu_s": seconds / count,
    }


def map_costs(vectors: Vectors) -> Json:
    """Return bytes and processor seconds of a point on a map, once everything is compiled."""
    small = vectors[:300]
    UmapProjection().fit(small, mutual_neighbours(small, 15))
    near_seconds = _cpu(lambda: mutual_neighbours(vectors, 15))
    near = mutual_neighbours(vectors, 15)
    seconds = _cpu(lambda: UmapProjection().fit(vectors, near))
    with tempfile.TemporaryDirectory() as scratch:
        write_synthetic(Path(scratch), len(vectors), pictures=True)
        n_bytes = sum(path.stat().st_size for path in Path(scratch).rglob("*") if path.is_file())
    return {
        "points": len(vectors), "disk_bytes": n_bytes / len(vectors), "cpu_s": seconds / len(vectors),
        "neighbours_cpu_s": near_seconds / len(vectors),
    }  # fmt: skip


def multiplied(vectors: Vectors, count: int) -> Vectors:
    """Return (count, D) unit vectors: real ones, and copies of them with noise, so that neighbourhoods stay real."""
    rng = np.random.default_rng(0)
    chosen = vectors[np.arange(count) % len(vectors)]
    noise = normalize(rng.normal(size=chosen.shape).astype(np.float32)) * np.float32(_NOISE)
    noise[: len(vectors)] = 0
    return normalize(chosen + noise)


def _taken_in(kind: str, files: Sequence[bytes], encoder: PictureEncoder) -> Json:
    """Measure what `data import` and `features` do with a file."""
    side = encoder.preparation.min_side()
    open_image(files[0], min_side=side)
    encoder.encode([open_image(files[0], min_side=side)])
    images: list[Image] = []
    decode = _cpu(lambda: images.extend(open_image(data, min_side=side) for data in files))
    encode = _cpu(lambda: [encoder.encode([image]) for image in images])
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        hashed = _cpu(lambda: [add_thumbnail(folder, data, "picture") for data in files])
        thumbnails = [path.stat() for path in folder.rglob("*.webp")]
    return {
        "kind": kind,
        "pictures": len(files),
        "file_bytes": float(np.mean([len(data) for data in files])),
        "thumbnail_bytes": float(np.mean([found.st_size for found in thumbnails])),
        "thumbnail_disk_bytes": float(np.mean([512 * found.st_blocks for found in thumbnails])),
        "hash_and_thumbnail_cpu_s": hashed / len(files),
        "decode_cpu_s": decode / len(files),
        "encode_cpu_s": encode / len(files),
    }


def _index_at(name: str, vectors: Vectors, queries: Vectors, n_lists: int) -> Json:
    """Build an index, with so many lists if it has any, and return its bytes and what it took."""
    with threadpool_limits(1):
        index = create(name, vectors.shape[1], **({"n_lists": n_lists} if n_lists else {}))
        train = _cpu(lambda: index.train(vectors))
        add = _cpu(lambda: index.add(vectors))
        _search_all(index, queries)  # compiles
        query = min(_cpu(lambda: _search_all(index, queries)) for _ in range(3)) / len(queries)
    with tempfile.TemporaryDirectory() as scratch:
        index.save(Path(scratch) / "index")
        disk = sum(path.stat().st_size for path in (Path(scratch) / "index").iterdir())
    return {
        "disk_bytes": disk, "memory_bytes": index.nbytes, "train_cpu_s": train, "add_cpu_s": add, "query_cpu_s": query,
    }  # fmt: skip


def _search_all(index: Index, queries: Vectors) -> None:
    """Search one by one, as people do."""
    for row in range(len(queries)):
        index.search(queries[row : row + 1], 10)


def sample_queries(vectors: Vectors) -> Vectors:
    """Return (Q, D) queries near vectors of the gallery."""
    rng = np.random.default_rng(1)
    chosen = vectors[rng.integers(len(vectors), size=_QUERIES)]
    return normalize(chosen + _NOISE * normalize(rng.normal(size=chosen.shape).astype(np.float32)))


def load_encoder(address: Address, settings: Settings) -> PictureEncoder:
    """Return the gallery's encoder, for one thread."""
    return encoders.load(address.encoder, replace(settings, threads=1))


def _photograph(data: bytes) -> bytes:
    """Return a 12-megapixel JPEG with a photograph's amount of detail: the picture enlarged, and grain on it."""
    width, height = _PHOTOGRAPH
    picture = Pillow.fromarray(open_image(data)).resize((width, height), Pillow.Resampling.BICUBIC)
    grain = np.random.default_rng(0).normal(0, 6, (height, width, 1)).astype(np.int16)
    buffer = io.BytesIO()
    Pillow.fromarray(np.clip(np.asarray(picture, np.int16) + grain, 0, 255).astype(np.uint8)).save(buffer, "JPEG")
    return buffer.getvalue()


def _size(path: Path) -> int:
    """Return the bytes of an SQLite file, once its log is written into it."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path.stat().st_size


def _cpu(work: Callable[[], object]) -> float:
    """Return the processor seconds of one piece of work, all threads of this process counted."""
    started = time.process_time()
    work()
    return time.process_time() - started
