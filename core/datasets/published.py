"""What every data set that somebody has published is to this program: facts, and a way in."""

from pathlib import Path
from typing import Protocol

from core.datasets.builder import PrepareReport
from core.settings import Settings
from core.types import Progress


class PublishedSet(Protocol):
    """One file under `core/datasets` holds one set, as the module's `DATASET`; `registry.SETS` lists the files."""

    @property
    def name(self) -> str:
        """The gallery's name: lower case, digits and hyphens."""
        ...

    @property
    def title(self) -> str:
        """What people call it."""
        ...

    @property
    def kind(self) -> str:
        """paintings, satellite or pictures."""
        ...

    @property
    def licence(self) -> str: ...

    @property
    def citation(self) -> str: ...

    @property
    def homepage(self) -> str:
        """Where it is described and can be had."""
        ...

    @property
    def size(self) -> str:
        """Number of pictures and what has to be downloaded, in words."""
        ...

    @property
    def needs_source(self) -> bool:
        """True where a person must download it first and give the archive or folder (`--from`)."""
        ...

    def prepare(self, settings: Settings, source: Path | None, progress: Progress) -> PrepareReport:
        """Make or complete the gallery `datasets/<name>`.

        Args:
            source: an archive or folder that a person has downloaded; None to get it from the publisher.

        Raises:
            DownloadError: the publisher's server failed.
            DamagedFileError: the source is truncated, or not this set.
            StorageError: too little disk.
        """
        ...
