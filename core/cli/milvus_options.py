"""The options of `index` that say which Milvus a gallery goes into, and how it is built there."""

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.settings import Settings

if TYPE_CHECKING:
    from core.indexes.milvus_schema import MilvusOptions

_PANEL = "Milvus (--index milvus)"

Uri = Annotated[
    str | None,
    typer.Option(
        "--milvus-uri",
        envvar="PENTIMENTO_MILVUS_URI",
        help="http://host:19530, or a file ending in .db; else where it is already, else a file under indexes/.",
        rich_help_panel=_PANEL,
    ),
]
Token = Annotated[
    str | None,
    typer.Option(
        "--milvus-token",
        envvar="PENTIMENTO_MILVUS_TOKEN",
        help="user:password or an API key; the page takes it from the environment.",
        rich_help_panel=_PANEL,
        show_default=False,
    ),
]
Drop = Annotated[
    bool,
    typer.Option(
        "--drop-vectors",
        help="Remove the local file of vectors once Milvus holds every one; it comes back where it is needed.",
        rich_help_panel=_PANEL,
    ),
]
Kind = Annotated[
    str | None,
    typer.Option("--milvus-index", help="HNSW, IVF_PQ, DISKANN, IVF_RABITQ, FLAT, ...", rich_help_panel=_PANEL),
]
Params = Annotated[
    str | None,
    typer.Option("--milvus-params", help='Its parameters as JSON, such as {"M": 32}.', rich_help_panel=_PANEL),
]
Metric = Annotated[str | None, typer.Option("--milvus-metric", help="L2, COSINE or IP.", rich_help_panel=_PANEL)]
Partitions = Annotated[
    str | None,
    typer.Option("--milvus-partitions", help="FIELD or FIELD:N, to divide the collection by.", rich_help_panel=_PANEL),
]
Consistency = Annotated[
    str | None,
    typer.Option("--milvus-consistency", help="Strong, Bounded, Session or Eventually.", rich_help_panel=_PANEL),
]


def with_milvus(settings: Settings, uri: str | None, token: str | None) -> Settings:
    """Return the settings with the server and the token that were given."""
    return replace(settings, milvus_uri=uri or settings.milvus_uri, milvus_token=token or settings.milvus_token)


def options_of(
    kind: str | None, params: str | None, metric: str | None, partitions: str | None, consistency: str | None
) -> "MilvusOptions | None":
    """Return what was chosen, or None where nothing was.

    Raises:
        ValueError: the parameters are no JSON object, or a choice that there is not.
    """
    if not any((kind, params, metric, partitions, consistency)):
        return None
    from core.indexes.milvus_schema import MilvusOptions

    chosen: dict[str, Any] = {}
    if kind:
        chosen["index_type"] = kind.upper()
    if metric:
        chosen["metric"] = metric.upper()
    if consistency:
        chosen["consistency"] = consistency.capitalize()
    if params:
        try:
            chosen["index_params"] = json.loads(params)
        except ValueError:
            chosen["index_params"] = None
        if not isinstance(chosen["index_params"], dict):
            raise ValueError(f'--milvus-params must be a JSON object such as {{"M": 32}}, got {params!r}')
    if partitions:
        chosen["partition_field"], _, count = partitions.partition(":")
        if count and not count.isdecimal():
            raise ValueError(f"--milvus-partitions must be FIELD or FIELD:N, got {partitions!r}")
        if count:
            chosen["n_partitions"] = int(count)
    return MilvusOptions(**chosen)
