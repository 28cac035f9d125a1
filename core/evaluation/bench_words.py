"""How fast words are found in a catalog of many rows, made of a real gallery's texts put together anew."""

import tempfile
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np

from core import datasets
from core.datasets.base import Value
from core.datasets.catalog import CATALOG, Catalog, Row
from core.evaluation.bench_timing import cpu_seconds
from core.settings import Settings
from core.types import Json, Progress, no_progress

_BATCH = 5_000
_FIRST = 24  # results, as the page asks for
_SYLLABLES = ("ra", "mo", "ne", "ti", "lu", "ko", "van", "der", "sta", "bel", "chi", "or", "wa", "fer", "no", "sul")
# What is asked, by kind; {rare} is a word that few rows have.
QUESTIONS: Mapping[str, str] = {
    "a rare word": "{rare}",
    "a rare word, mistyped": "{mistyped}",
    "an artist": "rembrandt",
    "an artist, mistyped": "rembrant",
    "the beginning of a word": "port",
    "two words": "woman portrait",
    "a word that most rows have": "oil",
    "the beginning of a word that most rows have": "can",
    "three words that most rows have": "oil on canvas painting",
    "words that no row has together": "rembrandt kyoto lacquer",
    "10,000 characters": "{long}",
}


def bench_words(settings: Settings, gallery: str, *, rows: int, rounds: int, progress: Progress = no_progress) -> Json:
    """Return the cost of building the index and of each kind of question.

    Args:
        gallery: a prepared data set whose texts are used.
        rows: of the catalog that is made, in a temporary folder.
        rounds: how often each question is asked; the first time is reported by itself.

    Returns:
        {"rows", "build_s", "index_bytes", "questions": {kind: {"total", "first_ms", "median_ms",
        "worst_ms"}}}; times of questions are CPU milliseconds of the answering thread.
    """
    with tempfile.TemporaryDirectory() as folder:
        catalog = Catalog.create(Path(folder) / "many" / CATALOG, {"ready": "1"})
        rare = _fill(catalog, datasets.open(gallery, settings).catalog, rows, progress)
        before = catalog.path.stat().st_size
        started = time.process_time()
        catalog.index_words()
        build_s = time.process_time() - started
        texts = {"rare": rare, "mistyped": rare[:3] + rare[4:], "long": " ".join([rare, "portrait"] * 700)[:10_000]}
        found = {}
        for kind, question in QUESTIONS.items():
            text = question.format(**texts)
            spent = [1000 * cpu_seconds(partial(catalog.search_words, text, {}, _FIRST)) for _ in range(rounds + 1)]
            found[kind] = {
                "total": catalog.search_words(text, {}, _FIRST).total,
                "first_ms": spent[0],
                "median_ms": float(np.median(spent[1:])),
                "worst_ms": max(spent[1:]),
            }
            progress(len(found), len(QUESTIONS), "asking")
        catalog.close()
        return {
            "rows": rows, "build_s": build_s, "index_bytes": _size(catalog.path) - before, "questions": found,
        }  # fmt: skip


def _fill(catalog: Catalog, real: Catalog, rows: int, progress: Progress) -> str:
    """Write the rows and return a word that few of them have."""
    rng = np.random.default_rng(0)
    records = real.records()
    invented = ["".join(rng.choice(_SYLLABLES, rng.integers(2, 6))) for _ in range(rows // 2)]  # names and places
    for start in range(0, rows, _BATCH):
        batch = []
        for number in range(start, min(rows, start + _BATCH)):
            parts = [records[at] for at in rng.integers(0, len(records), 6)]
            name = " ".join(invented[at] for at in rng.integers(0, len(invented), 2))
            fields: dict[str, Value] = {}
            for record in parts:
                fields |= {key: value for key, value in record.fields.items() if rng.random() < 0.7}
            fields["note"] = f"painting, {name}"
            batch.append(
                Row(f"{number}.jpg", f"{number:064x}", 100, 100, parts[0].title, parts[1].label, fields=fields)
            )
        catalog.write(batch)
        progress(min(rows, start + _BATCH), rows, "writing rows")
    return max(set(name.split()), key=len)  # of the last row


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*"))
