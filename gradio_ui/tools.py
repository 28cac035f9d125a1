"""What programs and assistants can do with one picture: describe it, compress it, place it on the map."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as Pillow

from core import imaging
from core.errors import NotPreparedError
from core.projection import GalleryMap
from core.settings import Address
from core.types import Json
from gradio_ui import compress_handlers, handlers, present
from gradio_ui.confidence import Calibrations
from gradio_ui.page import Page

if TYPE_CHECKING:
    from core.search import Query

_ALIKE = 5
_AROUND = 12
_SHOWN = 768  # pixels of the longer side of a picture that is handed to an assistant


class Tools:
    """Works on a picture that is uploaded, or stored in a gallery. Safe for concurrent callers."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._calibrations = Calibrations()

    def describe(self, picture: str | None, gallery: str, image_id: float) -> "tuple[Pillow.Image, str]":
        """Return a picture to look at, and a text about it.

        Raises:
            ValueError: neither a picture nor a number is given.
            RetrievalError: there is no such gallery or picture, or it cannot be read.
        """
        address = gallery or self._page.engine.default_address()
        source = self._source(picture, address, image_id)[0]
        pixels = imaging.open_image(source, min_side=_SHOWN, max_pixels=self._page.settings.max_pixels)
        shown = Pillow.fromarray(pixels)
        shown.thumbnail((_SHOWN, _SHOWN))
        return shown, self._of_new(address, source) if picture else self._of_stored(address, int(image_id))

    def compress(
        self, picture: str | None, gallery: str, image_id: float, most_bytes: float, quality: float
    ) -> "tuple[Pillow.Image, Json]":
        """Return the restored picture, and what was measured.

        Raises:
            ValueError: neither a picture nor a number is given, or quality or bytes are out of range.
            RetrievalError: there is no such gallery or picture, or it cannot be read.
        """
        address = gallery or self._page.engine.default_address()
        source, name, title = self._source(picture, address, image_id)
        opened = self._bench.open(source, name, title)
        positions, qualities = opened["positions"], opened["qualities"]
        if most_bytes < 0 or not qualities[0] <= quality <= qualities[-1]:
            raise ValueError(f"quality must be {qualities[0]:g} to {qualities[-1]:g}, and most_bytes at least 0")
        position = int(positions[int(np.argmin(np.abs(np.array(qualities) - quality)))])
        if most_bytes:
            image = imaging.open_image(source, max_pixels=self._page.settings.max_pixels)
            position = self._bench.codec.encode_to_bytes(image, int(most_bytes)).position
        facts = self._bench.measure(opened["key"], position)
        restored = self._bench.restored(opened["key"], position)[1]
        facts = {"name": opened["name"], "width": opened["width"], "height": opened["height"]} | facts
        if most_bytes:
            facts["fits"] = facts["bytes"] <= most_bytes
        return Pillow.fromarray(restored), facts

    def place(self, picture: str | None, gallery: str, image_id: float) -> Json:
        """Return where a picture lies on the map: x, y, what is around it, and doubts.

        Raises:
            ValueError: neither a picture nor a number is given.
            RetrievalError: there is no such gallery or picture, or it has no map.
        """
        engine = self._page.engine
        info = engine.gallery(gallery or engine.default_address())
        query = self._query(picture, image_id)
        found = GalleryMap.open(Address(info.dataset, info.encoder), self._page.settings)
        store = engine.vectors(info.address)
        if query.kind == "stored":
            ids, similarities = found.neighbours(int(image_id), store.vectors, store.ids, _AROUND)
            row = int(np.searchsorted(found.layout.ids, int(image_id)))
            if row >= len(found.layout.ids) or found.layout.ids[row] != int(image_id):
                raise NotPreparedError(f"picture {int(image_id)} is not on the map; run: python -m core map {gallery}")
            x, y = found.frame.to_page(found.layout.places[row : row + 1])[0].tolist()
            facts: Json = {"x": x, "y": y, "trust": float(found.trust[row])}
        else:
            placed = found.place(engine.encode(info.address, query), store.vectors, store.ids, k=_AROUND)
            ids, similarities = placed.ids, placed.similarities
            facts = {"x": placed.x, "y": placed.y, "agreement": placed.agreement, "doubts": list(placed.doubts)}
        records = engine.dataset(info.address).catalog.records(ids.tolist())
        around = [
            {
                "image_id": record.image_id,
                "similarity": float(value),
                "caption": present.spoken(present.caption(record)),
            }
            for record, value in zip(records, similarities, strict=True)
        ]
        return {"gallery": info.address, **facts, "neighbours": around}

    @cached_property
    def _bench(self) -> compress_handlers.Workbench:
        return compress_handlers.Workbench(self._page.engine, self._page.settings, self._page.shelf)

    def _source(self, picture: str | None, address: str, image_id: float) -> tuple[Path, str, str]:
        """Return a picture's file, its name, and what to call it."""
        self._query(picture, image_id)
        request = {"gallery": address, "image_id": image_id}
        return compress_handlers.source_of(self._page.engine, request, Path(picture) if picture else None)

    def _query(self, picture: str | None, image_id: float) -> "Query":
        from core.search import Query

        if picture:
            return Query.picture(Path(picture))
        if image_id < 0:
            raise ValueError("give a picture, or the image_id of a stored one")
        return Query.stored(int(image_id))

    def _of_stored(self, address: str, image_id: int) -> str:
        facts = handlers.details(self._page.engine, self._page.shelf, {"gallery": address, "id": image_id})
        lines = [facts["alt"], facts["caption"]["second"], ""]
        lines += [f"{row['label']}: {row['value']}" for row in facts["metadata"]]
        lines += [f"{name.capitalize()}: {facts[name]}" for name in ("licence", "credit") if facts[name]]
        lines += [f"Source: {facts['source_url']}"] if facts["source_url"] else []
        return "\n".join(lines)

    def _of_new(self, address: str, picture: Path) -> str:
        engine = self._page.engine
        request = {"gallery": address, "k": min(_ALIKE, engine.gallery(address).count)}
        found = handlers.search(engine, request, picture, self._calibrations)
        with Pillow.open(picture) as opened:
            size = f"{opened.width} x {opened.height} pixels"
        title = engine.dataset(address).title
        lines = [f"A new picture of {size}. Most similar in {title}:"]
        lines += [f"{one['similarity']:.3f}  {one['alt']} (image_id {one['id']})" for one in found["results"]]
        lines += [found["confidence"]["sentence"]] if found["confidence"] else []
        return "\n".join(lines)
