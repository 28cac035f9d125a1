"""An index that lies in a server: the settings say where, it filters by the gallery's fields, and it may be away."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from core.datasets.base import FieldSpec
from core.indexes.base import Index, SearchResult
from core.settings import Settings
from core.types import Ids


class ServedIndex(Index):
    """What the search engine knows about such an index, whatever the server."""

    @abstractmethod
    def attach(self, settings: Settings) -> None:
        """Use these settings' addresses and secrets from now on; nothing is connected yet."""

    @property
    @abstractmethod
    def place(self) -> str:
        """What to call the server in messages."""

    @abstractmethod
    def search_where(
        self,
        queries: Any,
        k: int,
        where: Mapping[str, Any],
        fields: Sequence[FieldSpec],
        *,
        without: Ids | None = None,
        **knobs: Any,
    ) -> SearchResult:
        """Search among what passes a filter, which the server evaluates; otherwise as `search`.

        Args:
            where: conditions as for `Catalog.select`.
            fields: the gallery's own.
            without: ids that may not be returned.
        """
