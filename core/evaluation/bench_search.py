"""How fast searching and importing are here: an upload's way to its results, the import's rate, many users at once."""

import io
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from core import datasets, encoders
from core.datasets.folder import import_folder
from core.encoders.efficientnet_lite0 import classifier
from core.encoders.network import Network
from core.encoders.registry import back_end
from core.errors import UnavailableError
from core.evaluation.bench_page import WARMING, bench_page
from core.features import extract
from core.search import Engine, Query
from core.settings import Address, Settings
from core.types import Image, Json, Progress, no_progress

_BATCH = 32  # of the plain pipeline that ours is compared with


def bench_search(
    settings: Settings,
    address: str,
    *,
    uploads: int = 40,
    pictures: int = 96,
    rounds: int = 3,
    users: int = 20,
    chosen: int = 20,
    progress: Progress = no_progress,
) -> Json:
    """Measure a prepared gallery's engine and the import pipeline.

    Args:
        uploads: 12-megapixel JPEGs that are searched with, one after the other.
        pictures: 1600 x 1200 JPEGs that are imported.
        rounds: how often ours and the plain pipeline take turns.
        users: threads that search at the same time.
        chosen: 12-megapixel JPEGs that are chosen on the page in a headless chromium; 0 leaves that out.
    """
    engine = Engine(settings)
    dataset = engine.dataset(address)
    samples = [dataset.load(record) for record in dataset.catalog.records()[:8]]
    return {
        "gallery": str(engine.gallery(address).address),
        "threads": settings.threads,
        "upload": _uploads(engine, address, samples, uploads, progress),
        "page": _page(settings, address, samples, chosen, progress),
        "users": _users(engine, address, samples, users, progress),
        "import": _imports(settings, samples, pictures, rounds, progress),
    }


def _uploads(engine: Engine, address: str, samples: list[Image], count: int, progress: Progress) -> Json:
    """Search with 12-megapixel JPEGs, each of them new to the engine."""
    files = [_jpeg(image, 4000, 3000) for image in samples]
    engine.search(address, Query.picture(files[0]), k=20)  # loads encoder, features and index
    totals, parts = [], []
    for number in range(count):
        progress(number, count, "searching with 12-megapixel uploads")
        data = _variant(files[number % len(files)], number)
        started = time.perf_counter()
        outcome = engine.search(address, Query.picture(data), k=20)
        totals.append(1000 * (time.perf_counter() - started))
        parts.append(outcome.timings_ms)
    medians = {name: float(np.median([part[name] for part in parts])) for name in parts[0]}
    return {
        "count": count,
        "file_bytes": int(np.mean([len(data) for data in files])),
        **_percentiles(totals),
        "median_parts_ms": medians,
    }


def _page(settings: Settings, address: str, samples: list[Image], count: int, progress: Progress) -> Json:
    """Choose 12-megapixel JPEGs on the page; {"left_out": reason} where there is no browser to do it with."""
    if not count:
        return {"left_out": "not asked for"}
    files = [_jpeg(image, 4000, 3000) for image in samples]
    variants = [_variant(files[number % len(files)], number) for number in range(count + WARMING)]
    try:
        return bench_page(settings, address, variants, progress=progress)
    except UnavailableError as error:
        return {"left_out": str(error)}


def _users(engine: Engine, address: str, samples: list[Image], users: int, progress: Progress) -> Json:
    """Let `users` threads search at once, each with three uploads of its own and some searches by id."""
    files = [_jpeg(image, 1600, 1200) for image in samples]
    ids = engine.vectors(address).ids
    indexes = [info.name for info in engine.gallery(address).indexes if info.available]
    for name in indexes:
        engine.search(address, Query.stored(int(ids[0])), k=20, index=name)  # loads it
    times: list[float] = []
    errors: list[str] = []

    def visit(user: int) -> None:
        for turn in range(6):
            data = _variant(files[(user + turn) % len(files)], 1000 * user + turn)
            query = Query.picture(data) if turn % 2 else Query.stored(int(ids[(7 * user + turn) % len(ids)]))
            started = time.perf_counter()
            try:
                engine.search(address, query, k=20, index=indexes[(user + turn) % len(indexes)])
            except Exception as error:  # whatever it is, it is what is being counted
                errors.append(repr(error))
            times.append(1000 * (time.perf_counter() - started))

    progress(0, users, f"{users} users at once")
    started = time.perf_counter()
    threads = [threading.Thread(target=visit, args=(user,)) for user in range(users)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - started
    return {
        "users": users, "searches": len(times), "errors": errors, "searches_per_s": len(times) / seconds,
        **_percentiles(times),
    }  # fmt: skip


def _imports(settings: Settings, samples: list[Image], count: int, rounds: int, progress: Progress) -> Json:
    """Extract features by ours and by plain Pillow and eager torch, in turns, from the same files."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "pictures"
        folder.mkdir()
        files = [_jpeg(image, 1600, 1200) for image in samples]
        for number in range(count):
            (folder / f"{number:05}.jpg").write_bytes(_variant(files[number % len(files)], number))
        own = replace(settings, root=Path(scratch) / "root")
        if settings.cache.is_dir():
            shutil.copytree(settings.cache, own.cache)
        import_folder(folder, "bench", own)
        encoder = encoders.default_encoder("bench")
        address = Address("bench", encoder)
        plain = _plain_pipeline(encoder, settings.threads)
        paths = [datasets.open("bench", own).source_path(record) for record in datasets.open("bench", own)]
        extract(address, own, rebuild=True)  # exports the network, if that has not been done, and warms up
        plain(paths[:_BATCH])
        ours_rates, plain_rates = [], []
        for turn in range(rounds):
            progress(turn, rounds, "importing by ours and by plain Pillow and torch")
            ours_rates.append(count / _seconds(lambda: extract(address, own, rebuild=True)))
            plain_rates.append(count / _seconds(lambda: plain(paths)))
    ratios = [ours / theirs for ours, theirs in zip(ours_rates, plain_rates, strict=True)]
    return {
        "pictures": count, "size": "1600x1200 JPEG", "rounds": rounds,
        "ours_per_s": float(np.median(ours_rates)), "plain_per_s": float(np.median(plain_rates)),
        "ratio": float(np.median(ratios)), "ratios": ratios,
    }  # fmt: skip


def _plain_pipeline(encoder: str, threads: int) -> Callable[[list[Path]], None]:
    """Return what is commonly written: open and resize by Pillow, stack a batch, run eager torch."""
    import torch

    network = back_end(encoder)
    if not isinstance(network, Network) or encoder != "efficientnet_lite0":
        raise ValueError(f"the comparison is written for efficientnet_lite0, got {encoder}")
    weights = network.find() or network.fetch()
    model = classifier(weights)
    side = network.preparation.size

    def run(paths: list[Path]) -> None:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            with torch.inference_mode():
                for start in range(0, len(paths), _BATCH):
                    pictures = [Pillow.open(path).convert("RGB") for path in paths[start : start + _BATCH]]
                    squares = np.stack([np.asarray(picture.resize((side, side))) for picture in pictures])
                    model((torch.from_numpy(squares).permute(0, 3, 1, 2).float() - 127) / 128)
        finally:
            torch.set_num_threads(before)

    return run


def _jpeg(image: Image, width: int, height: int) -> bytes:
    """Return a JPEG of that size with a photograph's amount of detail: a picture enlarged, and grain on it."""
    large = np.asarray(Pillow.fromarray(image).resize((width, height), Pillow.Resampling.BICUBIC), np.int16)
    grain = np.random.default_rng(0).normal(0, 6, (height, width, 1)).astype(np.int16)
    buffer = io.BytesIO()
    Pillow.fromarray(np.clip(large + grain, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


def _variant(jpeg: bytes, number: int) -> bytes:
    """Return the same picture as another file: with a comment after the JPEG's first marker."""
    comment = f"variant {number}".encode()
    return jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + jpeg[2:]


def _percentiles(milliseconds: list[float]) -> Json:
    return {"p50_ms": float(np.percentile(milliseconds, 50)), "p95_ms": float(np.percentile(milliseconds, 95))}


def _seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
