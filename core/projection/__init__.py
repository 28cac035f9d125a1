"""Maps: a gallery's vectors laid out in the plane, stored, extended, and ready to be drawn.

`build` makes a gallery's map, `renew` only when it is out of date; `GalleryMap.open` reads it and places new pictures
on it. Importing this imports neither umap nor numba.
"""

from core.projection.build import build, renew
from core.projection.store import GalleryMap, Placement

__all__ = ["GalleryMap", "Placement", "build", "renew"]
