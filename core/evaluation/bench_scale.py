"""What a million pictures cost, or a thousand million: every part measured on few and extrapolated."""

from collections.abc import Sequence

from core import datasets
from core.evaluation.bench_map import machine
from core.evaluation.scale_parts import (
    archive_costs,
    catalog_costs,
    feature_costs,
    index_costs,
    load_encoder,
    map_costs,
    multiplied,
    picture_costs,
    sample_queries,
)
from core.evaluation.scale_table import Prices, with_prices
from core.features import FeatureStore
from core.settings import Address, Settings
from core.types import Json, Progress, no_progress

INDEXES = ("ivfpq", "opq-ivfpq", "hash", "flat", "faiss-ivfpqfs", "faiss-hnsw")
_ROWS = 20_000  # of the catalog that is made
_POINTS = 3_000  # of the map that is laid out


def bench_scale(
    address: Address,
    settings: Settings,
    *,
    vectors: int = 20_000,
    pictures: int = 48,
    indexes: Sequence[str] = INDEXES,
    prices: Prices | None = None,
    progress: Progress = no_progress,
) -> Json:
    """Measure each part on a prepared gallery; `scale_table.report` makes tables of it.

    Args:
        vectors: that indexes are built of, the gallery's own and others made of them.
        pictures: that are decoded, encoded and packed.
        indexes: names; "ivfpq" is always among them.
        prices: of cores, disk and memory.

    Raises:
        NotPreparedError: the gallery has no features.
    """
    names = list(dict.fromkeys(["ivfpq", *indexes]))
    dataset = datasets.open(address.dataset, settings)
    store = FeatureStore.open(address, settings)
    steps = iter(range(100))

    def tell(what: str) -> None:
        progress(next(steps), 5 + len(names), f"measuring: {what}")

    tell("decoding and encoding")
    taken_in = picture_costs(dataset, load_encoder(address, settings), pictures)
    tell("catalog")
    catalog = catalog_costs(dataset, _ROWS)
    tell("archive")
    archive = archive_costs(address, settings, pictures)
    tell("map")
    made = multiplied(store.vectors, vectors)
    drawn = map_costs(made[:_POINTS])
    queries = sample_queries(made)
    measured = []
    for name in names:
        tell(name)
        measured.append(index_costs(name, made, queries))
    tell("done")
    found = {
        "gallery": str(address),
        "encoder_dim": store.dim,
        "machine": machine(),
        "vectors": vectors,
        "pictures": taken_in,
        "catalog": catalog,
        "features": feature_costs(store),
        "indexes": measured,
        "archive": archive,
        "map": drawn,
    }
    return with_prices(found, prices or Prices())
