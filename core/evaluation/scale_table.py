"""From costs per picture to machines and money: the tables of docs/scaling.md, from what `bench scale` measured."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from core.types import Json

SIZES = (10**6, 10**7, 10**8, 10**9)
_NAMES = {10**6: "1M", 10**7: "10M", 10**8: "100M", 10**9: "1B"}
WITH_LISTS = frozenset(["ivfpq", "opq-ivfpq", "lopq", "faiss-ivfflat", "faiss-ivfpq", "faiss-ivfpqfs"])
_GRAPHS = frozenset(["faiss-hnsw"])
_BEHIND_MILVUS_FROM = 10**8
_TRAINING, _PER_LIST = 1_000_000, 39  # vectors that `core.indexes.ivfpq_cluster` trains with
_MOST_LISTS = 65_536


@dataclass(frozen=True)
class Prices:
    """What a person pays; the defaults are round numbers of the size that public clouds ask, not anyone's list.

    Attributes:
        core_hour: dollars for one core for an hour.
        disk_gb_month: for a gigabyte of disk for a month.
        memory_gb_month: for a gigabyte of memory for a month, with the cores that come with it.
    """

    core_hour: float = 0.04
    disk_gb_month: float = 0.08
    memory_gb_month: float = 4.0


def report(found: Json) -> str:
    """Return all tables as Markdown."""
    parts = [
        f"Measured on {found['machine']['machine']}, {found['machine']['cores']} cores under a load of "
        f"{found['machine'].get('load_average', 'unknown')}, with one thread, from "
        f"`{found['gallery']}` ({found['encoder_dim']} numbers a vector) and {found['vectors']:,} vectors made of its "
        "own by adding noise.",
        "### What one picture costs",
        _table(("part", "processor seconds", "bytes on disk", "bytes in memory"), _part_rows(found)),
        "### What an index costs",
        _table(_index_head(found), [_index_row(entry) for entry in found["indexes"]]),
        "### How much that is",
        _table(("", *(_NAMES[n] for n in SIZES)), _total_rows(found)),
        "### What it asks for",
        _table(("", *(_NAMES[n] for n in SIZES)), _deployment_rows(found)),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def lists_of(n: int) -> int:
    """Return how many lists an index of N vectors has: 4 sqrt(N), if each gets 39 vectors to be trained with."""
    return max(1, min(round(4 * math.sqrt(n)), n // _PER_LIST, _MOST_LISTS))


def index_bytes(entry: Json, n: int, where: str = "memory") -> float:
    """Return the bytes of an index of N vectors, in "memory" or on "disk"."""
    lists = lists_of(n) if entry["n_lists"] else 0
    each, of_list, besides = (entry[f"{where}_bytes{part}"] for part in ("", "_of_list", "_besides"))
    return float(n * each + lists * of_list + besides)


def build_seconds(entry: Json, n: int) -> float:
    """Return the processor seconds that one of N vectors costs an index: its share of the training, and adding it.

    Both are distances to all lists where there are lists. Training sees a sample of what is more than a million.
    """
    growth = 1.0
    if entry["n_lists"]:
        growth = lists_of(n) / entry["n_lists"]
    elif entry["index"] in _GRAPHS:
        growth = math.log(n) / math.log(entry["vectors"])
    trained = min(1.0, max(_TRAINING, _PER_LIST * lists_of(n)) / n)
    return float(growth * (entry["add_cpu_s"] + trained * entry["train_cpu_s"]))


def query_ms(entry: Json, n: int) -> float:
    """Return the processor milliseconds of a query among N vectors.

    With lists: distances to all of them, then the codes in a few: as whichever of the two grows more. Graphs are
    walked in O(log N) steps. All other indexes look at every vector or code.
    """
    if entry["n_lists"]:
        lists = lists_of(n)
        growth = max(lists / entry["n_lists"], n / lists * entry["n_lists"] / entry["vectors"])
    elif entry["index"] in _GRAPHS:
        growth = math.log(n) / math.log(entry["vectors"])
    else:
        growth = n / entry["vectors"]
    return float(entry["query_cpu_ms"] * growth)


def cpu_seconds(found: Json, n: int, index: str) -> float:
    """Return the processor seconds of taking in one of N pictures of the gallery and indexing it."""
    picture, catalog = found["pictures"][0], found["catalog"]
    pixels = picture["hash_and_thumbnail_cpu_s"] + picture["decode_cpu_s"] + picture["encode_cpu_s"]
    return float(pixels + catalog["cpu_s"] + catalog["words_cpu_s"]) + build_seconds(_entry(found, index), n)


def disk_bytes(found: Json, n: int, index: str) -> float:
    """Return the bytes on disk of N pictures of the gallery, their files included, and of one index."""
    picture, catalog = found["pictures"][0], found["catalog"]
    files = picture["file_bytes"] + picture["thumbnail_disk_bytes"]
    rows = catalog["disk_bytes"] + catalog["words_disk_bytes"] + found["features"]["disk_bytes"]
    return float(n * (files + rows)) + index_bytes(_entry(found, index), n, "disk")


def dollars(found: Json, n: int, index: str) -> tuple[float, float]:
    """Return what taking in N pictures of the gallery costs once, and keeping them searchable each month."""
    prices = found["prices"]
    once = n * cpu_seconds(found, n, index) / 3600 * prices["core_hour"]
    disk = disk_bytes(found, n, index) / 1e9 * prices["disk_gb_month"]
    return once, disk + index_bytes(_entry(found, index), n) / 1e9 * prices["memory_gb_month"]


def with_prices(found: Json, prices: Prices) -> Json:
    """Return measurements together with the prices that their tables use."""
    return {**found, "prices": asdict(prices)}


def _part_rows(found: Json) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = []
    for picture in found["pictures"]:
        kind = picture["kind"]
        rows += [
            (f"file, {kind}", "", _bytes(picture["file_bytes"]), ""),
            (
                f"hash and thumbnail, {kind}", _seconds(picture["hash_and_thumbnail_cpu_s"]),
                f"{_bytes(picture['thumbnail_bytes'])} ({_bytes(picture['thumbnail_disk_bytes'])} in blocks)", "",
            ),
            (f"decode to the encoder's size, {kind}", _seconds(picture["decode_cpu_s"]), "", ""),
            (f"encode, {kind}", _seconds(picture["encode_cpu_s"]), "", ""),
        ]  # fmt: skip
    catalog, archive, drawn = found["catalog"], found["archive"], found["map"]
    features = _bytes(found["features"]["disk_bytes"])
    return [
        *rows,
        ("catalog row", _seconds(catalog["cpu_s"]), _bytes(catalog["disk_bytes"]), ""),
        ("words of the catalog", _seconds(catalog["words_cpu_s"]), _bytes(catalog["words_disk_bytes"]), ""),
        ("features", "", features, f"{features}, mapped: as much of them as is free"),
        ("archive record, quality 3", _seconds(archive["cpu_s"]), _bytes(archive["disk_bytes"]), ""),
        ("point on the map", _seconds(drawn["cpu_s"] + drawn["neighbours_cpu_s"]), _bytes(drawn["disk_bytes"]), ""),
    ]


def _index_head(found: Json) -> Sequence[str]:
    return (
        "index", "disk, a vector", "memory, a vector", "lists and model at 1M, MB", "build at 1M, CPU ms a vector",
        f"query at {found['vectors']:,}, CPU ms",
    )  # fmt: skip


def _index_row(entry: Json) -> Sequence[str]:
    million = 10**6
    besides = index_bytes(entry, million) - million * entry["memory_bytes"]
    return (
        f"`{entry['index']}`", _bytes(entry["disk_bytes"]), _bytes(entry["memory_bytes"]), _short(besides / 1e6),
        _short(1000 * build_seconds(entry, million)), _short(entry["query_cpu_ms"]),
    )  # fmt: skip


def _total_rows(found: Json) -> list[Sequence[str]]:
    picture, photograph = found["pictures"][:2]
    catalog, indexes = found["catalog"], found["indexes"]
    rows: list[Sequence[str]] = []
    for one in (picture, photograph):
        seconds = one["hash_and_thumbnail_cpu_s"] + one["decode_cpu_s"] + one["encode_cpu_s"]
        rows.append((f"taking in {one['kind']}, core hours", *(_short(n * seconds / 3600) for n in SIZES)))
    sizes = {
        f"files of {picture['kind']}": picture["file_bytes"],
        f"files of {photograph['kind']}": photograph["file_bytes"],
        "thumbnails, in blocks": picture["thumbnail_disk_bytes"],
        "catalog with words": catalog["disk_bytes"] + catalog["words_disk_bytes"],
        "features": found["features"]["disk_bytes"],
        "archive in the place of files": found["archive"]["disk_bytes"],
    }
    rows += [(title, *(_bytes(n * size) for n in SIZES)) for title, size in sizes.items()]
    rows += [(f"`{one['index']}` in memory", *(_bytes(index_bytes(one, n)) for n in SIZES)) for one in indexes]
    rows += [(f"`{one['index']}` query, CPU ms", *(_short(query_ms(one, n)) for n in SIZES)) for one in indexes]
    return rows


def _deployment_rows(found: Json) -> list[Sequence[str]]:
    """Return what to run for each size, with as many machines as the measured bytes and seconds ask for."""
    where = {
        10**6: "a laptop: this program alone",
        10**7: "one server: this program alone",
        10**8: "Milvus Standalone; Ray to encode",
        10**9: "Milvus Distributed; Ray to encode",
    }
    entry = _entry(found, "ivfpq")
    days = [n * cpu_seconds(found, n, "ivfpq") / 86_400 for n in SIZES]
    milvus = [n >= _BEHIND_MILVUS_FROM for n in SIZES]
    costs = [dollars(found, n, "ivfpq") for n in SIZES]
    return [
        ("deployment", *(where[n] for n in SIZES)),
        ("index", *("Milvus `IVF_PQ` or `DISKANN`" if behind else "`ivfpq`" for behind in milvus)),
        ("memory of the index", *(_bytes(index_bytes(entry, n)) for n in SIZES)),
        ("memory to hold the vectors, too", *(_bytes(n * found["features"]["dim"] * 4) for n in SIZES)),
        ("cores to take all in within a day", *(f"{math.ceil(core_days):,}" for core_days in days)),
        ("dollars, once", *(_short(once) for once, _ in costs)),
        ("dollars, each month", *(_short(monthly) for _, monthly in costs)),
    ]


def _entry(found: Json, index: str) -> Json:
    entry: Json = next(entry for entry in found["indexes"] if entry["index"] == index)
    return entry


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|---" + "|--:" * (len(head) - 1) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _bytes(value: float) -> str:
    """Return bytes with three digits and a unit: 1,337 -> "1.34 kB"."""
    units = ("B", "kB", "MB", "GB", "TB", "PB")
    power = min(max(0, int(math.log10(max(value, 1)) // 3)), len(units) - 1)
    return f"{_short(value / 1000**power)} {units[power]}"


def _seconds(value: float) -> str:
    return f"{_short(1000 * value)} ms" if value >= 1e-4 else f"{_short(1e6 * value)} us"


def _short(value: float) -> str:
    """Return a number with three significant digits, and no exponent."""
    if value >= 100:
        digits = 3 - len(str(int(value)))
        return f"{round(value, min(digits, 0)):,.0f}"
    return f"{value:.3g}"


def checked(found: Mapping[str, object]) -> Json:
    """Return what a results file holds.

    Raises:
        ValueError: it is not one of `bench scale`.
    """
    missing = {"pictures", "catalog", "features", "indexes", "archive", "map", "prices"} - set(found)
    if missing:
        raise ValueError(f"not a result of `bench scale`: it has no {', '.join(sorted(missing))}")
    return dict(found)
