"""Search: one engine that the page, the command line and the tests share."""

from core.search.engine import Engine
from core.search.galleries import GalleryInfo, IndexInfo, parse_address
from core.search.outcome import Result, SearchOutcome
from core.search.prepare import PrepareReport, prepare_gallery
from core.search.query import Query

__all__ = [
    "Engine",
    "GalleryInfo",
    "IndexInfo",
    "PrepareReport",
    "Query",
    "Result",
    "SearchOutcome",
    "parse_address",
    "prepare_gallery",
]
