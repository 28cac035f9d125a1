"""A stored map: opened, checked against its gallery, and able to place a new picture."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import NotPreparedError
from core.projection.base import Coordinates, Neighbours, Projection
from core.projection.layout import Layout
from core.projection.neighbours import exact_neighbours
from core.projection.pca import PcaProjection
from core.projection.publish import PUBLIC, Frame
from core.projection.trust import NEAR, WIDE, map_neighbours
from core.projection.umap_adapter import UmapProjection
from core.settings import Address, Settings
from core.storage import Generations, Manifest, read_json, read_manifest
from core.types import Ids, Json, Vectors

KIND = "map"
VERSION = 1
_DOUBTFUL = 0.2  # agreement below which a placement is called unreliable
_SCATTERED = 0.5  # distance on the page, of its 2 units, beyond which look-alikes lie apart


@dataclass(frozen=True)
class Placement:
    """Where a new picture falls on a map.

    Attributes:
        x, y: page coordinates, as in xy.f32.
        ids: (K,) image ids of the true neighbours, nearest first.
        similarities: (K,) cosines.
        agreement: share of the points around it that are true neighbours, 0..1.
        doubts: why the place should not be believed, for people; empty when it may be.
    """

    x: float
    y: float
    ids: Ids
    similarities: NDArray[np.float32]
    agreement: float
    doubts: tuple[str, ...]


@dataclass(frozen=True)
class GalleryMap:
    """One generation of a gallery's map."""

    address: Address
    folder: Path
    manifest: Manifest

    @classmethod
    def open(cls, address: Address, settings: Settings) -> "GalleryMap":
        """Open the current map of a gallery.

        Raises:
            NotPreparedError: it has none; the message says how to make it.
            DamagedFileError, VersionError: its files are not what their manifest says.
        """
        folder = Generations(address.index(settings, KIND)).current()
        if folder is None:
            raise NotPreparedError(f"{address} has no map; run: python -m core map {address}")
        return cls(address, folder, read_manifest(folder, KIND, VERSION))

    @property
    def public(self) -> Path:
        """The folder that a browser may read."""
        return self.folder / PUBLIC

    @cached_property
    def summary(self) -> Json:
        """What map.json says."""
        return read_json(self.public / "map.json")

    @cached_property
    def layout(self) -> Layout:
        stored = self.folder / "projection"
        is_umap = self.manifest.params["projection"] == "umap"
        projection: Projection = UmapProjection.load(stored) if is_umap else PcaProjection.load(stored)
        arrays = [self._array(name) for name in ("ids", "places", "fitted", "hashes")]
        return Layout(arrays[0], arrays[1], arrays[2], arrays[3], projection, int(self.manifest.params["n_fit"]))

    @cached_property
    def trust(self) -> NDArray[np.float32]:
        """(N,) point scores, in the order of the layout's ids."""
        scores: NDArray[np.float32] = self._array("trust")
        return scores

    @cached_property
    def frame(self) -> Frame:
        return Frame(**self.manifest.params["frame"])

    @cached_property
    def _page(self) -> Coordinates:
        return self.frame.to_page(self.layout.places)

    def stale(self, settings: Settings) -> str:
        """Return why the map no longer shows its gallery as it is, or an empty text."""
        from core.projection.source import provenance

        if self.manifest.built_from != provenance(self.address, settings):
            return f"{self.address} has changed since its map was made; run: python -m core map {self.address}"
        return ""

    def neighbours(self, image_id: int, vectors: Vectors, ids: Ids, k: int) -> tuple[Ids, NDArray[np.float32]]:
        """Return the ids and cosines of a stored picture's k true neighbours, itself left out."""
        row = int(np.searchsorted(ids, image_id))
        if row >= len(ids) or ids[row] != image_id:
            raise ValueError(f"{self.address} has no picture {image_id}")
        found = exact_neighbours(vectors, vectors[row : row + 1], k + 1)
        others = found.rows[0] != row
        return ids[found.rows[0][others]][:k], (1 - found.distances[0][others] / 2)[:k]

    def place(self, vector: Vectors, vectors: Vectors, ids: Ids, *, k: int = 12) -> Placement:
        """Place one new picture.

        Args:
            vector: (D,) of L2 norm 1.
            vectors: (N, D) of the gallery, in the order of `ids`.
            ids: (N,) image ids of `vectors`, ascending.
            k: true neighbours to return.

        Raises:
            NotPreparedError: the map has no points to place it by.
        """
        layout = self.layout
        if not (layout.fitted >= 0).any() or not len(ids):
            raise NotPreparedError(f"the map of {self.address} is empty: there is nothing to place a picture by")
        query = np.asarray(vector, np.float32)[None]
        found = exact_neighbours(vectors, query, max(k, WIDE))  # rows of `vectors`
        at = np.minimum(np.searchsorted(layout.ids, ids[found.rows[0]]), len(layout.ids) - 1)
        known = (layout.ids[at] == ids[found.rows[0]]) & (layout.fitted[at] >= 0)
        if not known.any():
            raise NotPreparedError(f"the map of {self.address} is out of date; run: python -m core map {self.address}")
        usable = Neighbours(layout.fitted[at[known]][None], found.distances[:, known])
        at_point = layout.projection.place(query, usable)
        page = self.frame.to_page(at_point)[0]
        around = map_neighbours(layout.places, at_point, min(NEAR, len(layout.ids)))[0]
        agreement = float(np.isin(around, at).mean())
        doubts = self._doubts(float(found.distances[0, 0]), agreement, self._page[at[: min(NEAR, k)]], page)
        return Placement(
            float(page[0]), float(page[1]), ids[found.rows[0][:k]], 1 - found.distances[0][:k] / 2, agreement, doubts
        )

    def _doubts(self, nearest: float, agreement: float, around: Coordinates, page: Coordinates) -> tuple[str, ...]:
        doubts = []
        if nearest > self.manifest.params["usual_distance"]:
            doubts.append("nothing in this gallery resembles it closely")
        if agreement < _DOUBTFUL:
            doubts.append("the points around it are not its look-alikes")
        if float(np.median(np.linalg.norm(around - page, axis=1))) > _SCATTERED:
            doubts.append("its look-alikes lie far apart on the map")
        return tuple(doubts)

    def _array(self, name: str) -> Any:
        return np.load(self.folder / f"{name}.npy", allow_pickle=False)
