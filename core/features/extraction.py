"""Extraction: every picture of a gallery is decoded and encoded once, and never again while it is unchanged.

Threads each decode, scale and encode one picture; what is finished is written in shards every few hundred pictures,
so that an interrupted extraction continues. At the end the vectors of the last generation and of the shards are put
together in a new generation, which becomes current by one atomic step.
"""

import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from core import datasets, encoders
from core.datasets import Dataset, ImageRecord
from core.encoders import PictureEncoder
from core.errors import DamagedFileError, ImageError, NotPreparedError, RetrievalError, VersionError
from core.features.publish import publish
from core.features.shards import Shards
from core.features.store import FeatureStore, Hashes
from core.settings import Address, Settings
from core.storage import lock, require_space
from core.types import Json, Progress, Vectors, no_progress

_log = logging.getLogger(__name__)

_SHARD = 256  # pictures in a shard: what a kill -9 may cost, a few seconds' work

# Yields (record, (D,) vector or the reason why it cannot be read) for each record, in any order.
Pipeline = Callable[
    [Sequence[ImageRecord], Dataset, PictureEncoder, Settings],
    Generator[tuple[ImageRecord, Vectors | str], None, None],
]


@dataclass(frozen=True)
class ExtractReport:
    """What an extraction did.

    Attributes:
        count: vectors that the gallery has now.
        encoded: pictures that were decoded and encoded this time.
        dropped: vectors whose pictures are not in the catalog any more.
        skipped: (path, reason) of pictures that could not be read.
        published: whether a new generation was written; if not, nothing had changed.
    """

    address: Address
    count: int
    encoded: int = 0
    dropped: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)
    published: bool = True
    seconds: float = 0.0


def extract(
    address: Address,
    settings: Settings,
    progress: Progress = no_progress,
    *,
    rebuild: bool = False,
    pipeline: Pipeline | None = None,
) -> ExtractReport:
    """Bring the features of a gallery up to date with its catalog.

    Args:
        rebuild: encode every picture again, whatever is there.
        pipeline: what encodes; None: this machine's threads. See `core.features.cluster_encode` for many machines.

    Raises:
        UnknownNameError: there is no such data set or encoder.
        UnavailableError: the encoder cannot be loaded here.
        NotPreparedError: the data set has no pictures.
        ImageError: not one of the pictures can be read.
        StorageError: the disk is full; what is finished is kept.
        Cancelled: `progress` said so; what is finished is kept.
    """
    started = time.perf_counter()
    dataset = datasets.open(address.dataset, settings)
    encoder = encoders.load(address.encoder, settings)
    folder = address.features(settings)
    with lock(folder / ".extract.lock"):
        shards = Shards(folder / "shards", encoder.fingerprint, encoder.dim)
        if rebuild:
            shards.clear()
        before = None if rebuild else _reusable(address, settings, encoder)
        content_state = dataset.catalog.content_state()
        if before is not None and before.content_state == content_state and not before.skipped:
            shards.clear()
            return ExtractReport(address, len(before), published=False, seconds=time.perf_counter() - started)
        records = dataset.catalog.records()
        if not records:
            raise NotPreparedError(
                f"{address.dataset} has no pictures; run: python -m core data import FOLDER --name {address.dataset}"
            )
        known = {value.tobytes() for hashes, _ in _sources(before, shards) for value in hashes}
        # By content: equal files are encoded once.
        todo = {record.sha256: record for record in records if bytes.fromhex(record.sha256) not in known}
        require_space(folder, 4 * encoder.dim * (len(records) + len(todo)), f"extracting the features of {address}")
        skipped = _encode(list(todo.values()), dataset, encoder, settings, shards, progress, pipeline or _pipeline)
        unreadable = {entry["sha256"] for entry in skipped}
        if before is not None and before.content_state == content_state and len(todo) == len(skipped):
            return ExtractReport(address, len(before), 0, 0, before.skipped, False, time.perf_counter() - started)
        kept = [record for record in records if record.sha256 not in unreadable]
        if not kept:
            raise ImageError(f"not one picture of {address.dataset} can be read; the first: {skipped[0]['reason']}")
        publish(
            address, settings, encoder, kept, list(_sources(before, shards)),
            content_state=content_state, skipped=skipped,
            is_approximate=before is not None and before.is_approximate,
        )  # fmt: skip
        shards.clear()
    gone = 0 if before is None else int((~np.isin(before.ids, [record.image_id for record in kept])).sum())
    reasons = [(entry["path"], entry["reason"]) for entry in skipped]
    seconds = time.perf_counter() - started
    return ExtractReport(address, len(kept), len(todo) - len(skipped), gone, reasons, True, seconds)


def _reusable(address: Address, settings: Settings, encoder: PictureEncoder) -> FeatureStore | None:
    """Return the current generation if the same encoder made it and it can be read."""
    try:
        store = FeatureStore.open(address, settings)
    except NotPreparedError:
        return None
    except (DamagedFileError, VersionError) as error:
        _log.warning("%s; all pictures are encoded again", error)
        return None
    return store if store.fingerprint == encoder.fingerprint and store.dim == encoder.dim else None


def _sources(before: FeatureStore | None, shards: Shards) -> Iterator[tuple[Hashes, Vectors]]:
    if before is not None:
        yield before.hashes, before.vectors
    yield from shards


def _encode(
    todo: list[ImageRecord],
    dataset: Dataset,
    encoder: PictureEncoder,
    settings: Settings,
    shards: Shards,
    progress: Progress,
    pipeline: Pipeline,
) -> list[Json]:
    """Encode pictures into shards and return those that could not be read, with their reasons, in order."""
    what = f"encoding {dataset.name}"
    hashes: list[bytes] = []
    vectors: list[Vectors] = []
    skipped: list[Json] = []

    def keep() -> None:
        if hashes:
            shards.write(np.frombuffer(b"".join(hashes), np.uint8).reshape(-1, 32), np.stack(vectors))
            hashes.clear()
            vectors.clear()

    progress(0, len(todo), what)
    try:
        with contextlib.closing(pipeline(todo, dataset, encoder, settings)) as outcomes:
            for done, (record, outcome) in enumerate(outcomes, start=1):
                if isinstance(outcome, str):
                    skipped.append({"path": record.path, "sha256": record.sha256, "reason": outcome})
                else:
                    hashes.append(bytes.fromhex(record.sha256))
                    vectors.append(outcome)
                if len(hashes) == _SHARD:
                    keep()
                progress(done, len(todo), what)
    except (RetrievalError, KeyboardInterrupt):  # a person stopped it, or a cluster is lost
        keep()
        raise
    keep()
    places = {record.sha256: place for place, record in enumerate(todo)}
    return sorted(skipped, key=lambda entry: places[entry["sha256"]])


def encoded(record: ImageRecord, dataset: Dataset, encoder: PictureEncoder) -> Vectors | str:
    """Return the (D,) vector of a record's picture, or the reason why it cannot be read."""
    try:
        image = dataset.load(record, min_side=encoder.preparation.min_side())
    except ImageError as error:
        return str(error)
    vector: Vectors = encoder.encode([image])[0]
    return vector


def _pipeline(
    records: Sequence[ImageRecord], dataset: Dataset, encoder: PictureEncoder, settings: Settings
) -> Generator[tuple[ImageRecord, Vectors | str], None, None]:
    """Yield (record, (D,) vector or the reason why it cannot be read), in order, with few pictures in memory."""

    pool = ThreadPoolExecutor(settings.threads, thread_name_prefix="extract")
    waiting: deque[tuple[ImageRecord, Future[Vectors | str]]] = deque()
    try:
        for record in records:
            waiting.append((record, pool.submit(encoded, record, dataset, encoder)))
            if len(waiting) > 4 * settings.threads:
                first, future = waiting.popleft()
                yield first, future.result()
        while waiting:
            first, future = waiting.popleft()
            yield first, future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
