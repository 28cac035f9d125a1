"""The codec: pixels to short streams and back; it knows nothing of search.

`LearnedCodec` is the trained model; `core.codec.modes` adds lossless and standard payloads.
"""

from core.codec.model import LearnedCodec, Stream

__all__ = ["LearnedCodec", "Stream"]
