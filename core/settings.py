"""Settings: where things are and how much of the machine may be used; built once and handed down."""

import os
from dataclasses import dataclass, field
from pathlib import Path

_PROJECT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Settings:
    """Paths and limits.

    Attributes:
        root: folder that holds datasets/, features/ and indexes/.
        threads: threads that kernels and decoders may use.
        max_pixels: pictures with more pixels are refused before they are decoded.
        max_upload_bytes: larger uploads are refused by the page.
        milvus_uri: where a gallery's Milvus index is made and searched; "": where it was made, else a local file.
        milvus_token: "user:password" or an API key of that server; never printed or stored.
    """

    root: Path = _PROJECT
    threads: int = 2
    max_pixels: int = 200_000_000
    max_upload_bytes: int = 25 * 2**20
    milvus_uri: str = ""
    milvus_token: str = field(default="", repr=False)

    @classmethod
    def from_environment(cls, root: Path | None = None) -> "Settings":
        """Take the root from the argument, else PENTIMENTO_HOME, else the project's folder.

        PENTIMENTO_THREADS limits the threads; by default every core is used. PENTIMENTO_MILVUS_URI and
        PENTIMENTO_MILVUS_TOKEN name a Milvus server.
        """
        chosen = root or Path(os.environ.get("PENTIMENTO_HOME") or _PROJECT)
        threads = os.environ.get("PENTIMENTO_THREADS") or str(_usable_cores())
        if not threads.isdecimal() or int(threads) < 1:
            raise ValueError(f"PENTIMENTO_THREADS must be a positive integer, got {threads!r}")
        return cls(
            root=Path(chosen).expanduser().resolve(),
            threads=int(threads),
            milvus_uri=os.environ.get("PENTIMENTO_MILVUS_URI", ""),
            milvus_token=os.environ.get("PENTIMENTO_MILVUS_TOKEN", ""),
        )

    @property
    def datasets(self) -> Path:
        return self.root / "datasets"

    @property
    def features(self) -> Path:
        return self.root / "features"

    @property
    def indexes(self) -> Path:
        return self.root / "indexes"

    @property
    def cache(self) -> Path:
        """Exported networks and downloaded weights: shared by all galleries, rebuilt when absent."""
        return self.features / ".cache"


@dataclass(frozen=True)
class Address:
    """What a person chooses: `dataset@encoder`."""

    dataset: str
    encoder: str

    def __str__(self) -> str:
        return f"{self.dataset}@{self.encoder}"

    def features(self, settings: Settings) -> Path:
        return settings.features / self.dataset / self.encoder

    def index(self, settings: Settings, index: str) -> Path:
        return settings.indexes / self.dataset / self.encoder / index


def check_name(name: str, *, what: str = "name") -> str:
    """Return `name` if it may be part of an address, a path and a URL.

    Raises:
        ValueError: it is empty, longer than 64, or has other characters than a-z, 0-9, `_`, `-` and `.`.
    """
    allowed = set("abcdefghijklmnopqrstuvwxyz0123456789_-.")
    if not name or len(name) > 64 or not set(name) <= allowed or not name[0].isalnum():
        raise ValueError(f"{what} must be 1 to 64 of a-z 0-9 _ - . and start with a letter or digit, got {name!r}")
    return name


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # Linux: respects taskset and container limits
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
