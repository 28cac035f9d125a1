"""Features: the vectors of a gallery's pictures, extracted once and kept on disk."""

from core.features.extraction import ExtractReport, extract
from core.features.store import FeatureStore

__all__ = ["ExtractReport", "FeatureStore", "extract"]
