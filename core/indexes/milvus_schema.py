"""What a gallery's collection in Milvus looks like: the choices of its operator, its columns, and their check."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from core.datasets.base import FieldSpec
from core.errors import StaleError, UnavailableError, VersionError
from core.indexes.milvus_client import ADMIN_S, LOAD_S, MilvusServer, import_pymilvus
from core.indexes.milvus_filter import MAX_TEXT_BYTES, NO_NUMBER, NO_TEXT, PARTITION, column_of, kinds_of
from core.types import Json

SCHEMA_VERSION = 2
METRICS = ("L2", "COSINE", "IP")
CONSISTENCY = ("Strong", "Bounded", "Session", "Eventually")
# Of each type of index: what it is built with unless told otherwise, and the name of its effort in a search.
INDEX_TYPES: Mapping[str, tuple[Json, str]] = {
    "HNSW": ({"M": 16, "efConstruction": 200}, "ef"),
    "HNSW_SQ": ({"M": 16, "efConstruction": 200, "sq_type": "SQ8"}, "ef"),
    "IVF_FLAT": ({"nlist": 1024}, "nprobe"),
    "IVF_SQ8": ({"nlist": 1024}, "nprobe"),
    "IVF_PQ": ({"nlist": 1024, "m": 16, "nbits": 8}, "nprobe"),
    "IVF_RABITQ": ({"nlist": 1024}, "nprobe"),
    "SCANN": ({"nlist": 1024}, "nprobe"),
    "DISKANN": ({}, "search_list"),
    "FLAT": ({}, ""),
    "AUTOINDEX": ({}, ""),
}
LITE_TYPES = ("HNSW", "HNSW_SQ", "IVF_FLAT", "IVF_SQ8", "FLAT", "AUTOINDEX")
_DIGEST = "digest_v"
# The column by which a row is known to be up to date; its name carries the version, since Milvus Lite keeps neither
# descriptions nor properties.
DIGEST = f"{_DIGEST}{SCHEMA_VERSION}"
_MOST_FIELDS = 58  # Milvus allows 64 columns


@dataclass(frozen=True)
class MilvusOptions:
    """What an operator chooses when a gallery is put into Milvus.

    Attributes:
        index_type: one of INDEX_TYPES.
        index_params: of the index, in Milvus's words; others than these keep the defaults of INDEX_TYPES.
        metric: L2, COSINE or IP; of vectors of length 1 all three give the same order.
        partition_field: a field of choices by whose values the collection is divided, or "".
        n_partitions: into how many parts.
        consistency: how fresh what a search sees must be; Milvus Lite is always Strong.
    """

    index_type: str = "HNSW"
    index_params: Json = field(default_factory=dict)
    metric: str = "L2"
    partition_field: str = ""
    n_partitions: int = 16
    consistency: str = "Bounded"

    def __post_init__(self) -> None:
        """Check everything that can be checked without a server (ValueError)."""
        for value, known, what in (
            (self.index_type, INDEX_TYPES, "index type"),
            (self.metric, METRICS, "metric"),
            (self.consistency, CONSISTENCY, "consistency level"),
        ):
            if value not in known:
                raise ValueError(f"the Milvus {what} must be one of {', '.join(known)}, got {value!r}")
        if not 1 <= self.n_partitions <= 1024:
            raise ValueError(f"the number of Milvus partitions must be between 1 and 1024, got {self.n_partitions}")

    def to_json(self) -> Json:
        """Return the values as a manifest keeps them."""
        return asdict(self)


def columns(fields: Sequence[FieldSpec]) -> dict[str, tuple[str, str]]:
    """Return field -> (column, kind) of everything that is stored beside a vector.

    Raises:
        UnavailableError: there are more fields than Milvus has columns.
    """
    kinds = kinds_of(fields)
    if len(kinds) > _MOST_FIELDS:
        raise UnavailableError(f"Milvus holds up to {_MOST_FIELDS} fields of a picture; this gallery has {len(kinds)}")
    return {name: (column_of(name), kind) for name, kind in kinds.items()}


def require(server: MilvusServer, options: MilvusOptions, fields: Sequence[FieldSpec]) -> None:
    """Say what a server, or the gallery, does not have of what is asked for.

    Raises:
        UnavailableError: Milvus Lite has no such index, or the server is too old for partitions.
        ValueError: the partition field is none of the gallery's fields of choices or texts.
    """
    if options.partition_field and kinds_of(fields).get(options.partition_field) not in ("choice", "text"):
        known = ", ".join(name for name, kind in kinds_of(fields).items() if kind == "choice")
        raise ValueError(f"Milvus partitions go by a field of choices ({known}), got {options.partition_field!r}")
    if options.partition_field and server.is_before(2, 4):
        raise UnavailableError(
            f"{server.place} is version {server.version()}, which files rows in wrong partitions (repaired in 2.4, "
            "milvus-io/milvus#30772); use a newer server, or no partitions"
        )
    if server.is_lite() and options.index_type not in LITE_TYPES:
        raise UnavailableError(
            f"Milvus Lite has no {options.index_type} index; choose one of {', '.join(LITE_TYPES)}, or give the "
            "--milvus-uri of a Milvus server"
        )


def create(
    server: MilvusServer, collection: str, dim: int, fields: Sequence[FieldSpec], options: MilvusOptions
) -> None:
    """Make the collection with its index, unless it is there; then check that it is the same.

    Raises:
        UnavailableError: the server refuses it; the message is the server's own.
        VersionError, StaleError: see `check`.
    """
    pymilvus = import_pymilvus()
    kind = pymilvus.DataType
    if server.call(lambda client, left: client.has_collection(collection, timeout=left), deadline_s=ADMIN_S):
        check(server, collection, dim, fields)
        return
    schema = pymilvus.MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("image_id", kind.INT64, is_primary=True)
    schema.add_field("vector", kind.FLOAT_VECTOR, dim=dim)
    schema.add_field(DIGEST, kind.INT64)
    for column, of in columns(fields).values():
        if of == "range":
            schema.add_field(column, kind.DOUBLE)
        else:
            schema.add_field(column, kind.VARCHAR, max_length=MAX_TEXT_BYTES)
    more: Json = {}
    if options.partition_field:
        schema.add_field(PARTITION, kind.VARCHAR, max_length=MAX_TEXT_BYTES, is_partition_key=True)
        more["num_partitions"] = options.n_partitions
    index = pymilvus.MilvusClient.prepare_index_params()
    params = {**INDEX_TYPES[options.index_type][0], **options.index_params}
    index.add_index("vector", index_type=options.index_type, metric_type=options.metric, params=params)

    def make(client: Any, left: float) -> None:
        client.create_collection(
            collection,
            schema=schema,
            index_params=index,
            consistency_level=options.consistency,
            timeout=left,
            **more,
        )

    try:
        server.call(make, deadline_s=LOAD_S)
    except pymilvus.MilvusException as error:
        raise UnavailableError(f"{server.place} refuses the collection: {error.message}") from error


def check(server: MilvusServer, collection: str, dim: int, fields: Sequence[FieldSpec] | None = None) -> None:
    """Compare a collection with what this program expects.

    Args:
        fields: of the gallery, or None not to compare the columns.

    Raises:
        VersionError: its schema was made by a newer program.
        StaleError: it has vectors of another dimension, or other columns, or was made by an older program; or it is no
            collection of this program.
    """
    facts = server.call(lambda client, left: client.describe_collection(collection, timeout=left), deadline_s=ADMIN_S)
    found = {one["name"]: one for one in facts["fields"]}
    marks = [name.removeprefix(_DIGEST) for name in found if name.startswith(_DIGEST)]
    if len(marks) != 1 or not marks[0].isdecimal():
        raise StaleError(f"the collection {collection} of {server.place} was not made by this program")
    version = int(marks[0])
    if version > SCHEMA_VERSION:
        raise VersionError(
            f"the collection {collection} of {server.place} has schema version {version}, this program knows up to "
            f"{SCHEMA_VERSION}; update it"
        )
    if version < SCHEMA_VERSION:
        raise StaleError(
            f"the collection {collection} of {server.place} has schema version {version}, this program makes "
            f"{SCHEMA_VERSION}"
        )
    dim_there = int(found.get("vector", {}).get("params", {}).get("dim", 0))
    if dim_there != dim:
        raise StaleError(f"the collection {collection} of {server.place} has vectors of D={dim_there}, not {dim}")
    missing = [] if fields is None else [name for name, _ in columns(fields).values() if name not in found]
    if missing:
        raise StaleError(f"the collection {collection} of {server.place} lacks the columns {', '.join(missing)}")


def blank(server: MilvusServer, collection: str) -> Json:
    """Return column -> what stands in it where a row says nothing, of all columns but the id and the vector."""
    pymilvus = import_pymilvus()
    facts = server.call(lambda client, left: client.describe_collection(collection, timeout=left), deadline_s=ADMIN_S)
    values: Json = {}
    for column in facts["fields"]:
        if column["name"] == DIGEST:
            values[DIGEST] = 0
        elif column["name"] not in ("image_id", "vector"):
            values[column["name"]] = NO_NUMBER if column["type"] == pymilvus.DataType.DOUBLE else NO_TEXT
    return values
