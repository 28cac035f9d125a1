"""Building a gallery's map: laid out or extended, judged, named, and published as one generation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from core.errors import RetrievalError
from core.projection.captions import caption
from core.projection.clusters import Cluster, levels, name_clusters
from core.projection.columns import Column, choice, columns_of
from core.projection.layout import Layout, extend, fit, refit_due
from core.projection.neighbours import mutual_neighbours
from core.projection.publish import PUBLIC, Frame, publish
from core.projection.store import KIND, VERSION, GalleryMap
from core.projection.trust import WIDE, point_trust, trustworthiness
from core.settings import Address, Settings
from core.storage import Generations, lock, seal
from core.types import Ids, Image, Json, Progress, Vectors, no_progress


@dataclass(frozen=True)
class Source:
    """What a map is made of.

    Attributes:
        vectors: (N, D).
        ids: (N,) image ids, ascending.
        records: N image records.
        kind: of the data set, for captions.
        built_from: provenance: the states of features and catalog.
        titles: field name -> title for people.
        picture_of: thumbnail of a row, or None for a map without pictures.
        thumbnails: N paths below the data set's thumbnails folder; empty for none.
        columns: further fields.
    """

    vectors: Vectors
    ids: Ids
    records: Sequence[Any]
    kind: str = "pictures"
    built_from: Json = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
    picture_of: Callable[[int], Image | None] | None = None
    thumbnails: Sequence[str] = ()
    columns: Sequence[Column] = ()


def build(
    address: Address,
    settings: Settings,
    progress: Progress = no_progress,
    *,
    neighbours: int = 15,
    min_dist: float = 0.1,
    seed: int = 0,
    refit: bool | None = None,
) -> GalleryMap:
    """Make or renew the map of a gallery that has features, and return it.

    Args:
        address: of the gallery.
        settings: paths.
        progress: told what is being done.
        neighbours: UMAP's n_neighbors.
        min_dist: UMAP's min_dist.
        seed: of everything random.
        refit: True fits anew; False keeps the coordinates of all pictures that are on the map already; None keeps them
            unless the parameters changed or more than a third of the pictures are new.

    Raises:
        NotPreparedError: the gallery has no features.
        Cancelled: raised by `progress`; the old map stays.
    """
    from core.projection.source import gallery_source

    return build_from(
        gallery_source(address, settings),
        address,
        settings,
        progress,
        neighbours=neighbours,
        min_dist=min_dist,
        seed=seed,
        refit=refit,
    )


def renew(
    address: Address, settings: Settings, progress: Progress = no_progress, *, rebuild: bool = False
) -> tuple[GalleryMap, bool]:
    """Return the gallery's map and whether it had to be made: one that fits the gallery as it is now is kept.

    Args:
        address: of the gallery.
        settings: paths.
        progress: told what is being done.
        rebuild: make it anew, whatever is there.
    """
    old = _old(address, settings)
    if old is not None and not rebuild and not old.stale(settings):
        return old, False
    parameters = _chosen(old) if old is not None else {}
    return build(address, settings, progress, **parameters, refit=True if rebuild else None), True


def build_from(
    source: Source,
    address: Address,
    settings: Settings,
    progress: Progress = no_progress,
    *,
    neighbours: int = 15,
    min_dist: float = 0.1,
    seed: int = 0,
    refit: bool | None = None,
) -> GalleryMap:
    """Make the map of what `source` holds and store it under `address`; arguments as for `build`."""
    chosen: Json = {"neighbours": neighbours, "min_dist": min_dist, "seed": seed}
    home = address.index(settings, KIND)
    with lock(home / ".build.lock"):
        nearest = mutual_neighbours(source.vectors, max(WIDE, neighbours - 1), progress)
        old = None if refit else _old(address, settings)
        layout = None
        if old is not None and (refit is False or _chosen(old) == chosen):
            progress(0, None, "placing new pictures")
            layout = extend(old.layout, source.vectors, source.ids)
        if layout is None:
            progress(0, None, "laying out the map")
            old = None
            layout = fit(source.vectors, source.ids, nearest, n_neighbours=neighbours, min_dist=min_dist, seed=seed)
        frame = old.frame if old is not None else Frame.around(layout.places)
        trust = point_trust(layout.places, nearest)
        progress(0, None, "naming clusters")
        clusters, columns = _clusters(source, layout, seed)
        facts: Json = {
            "gallery": str(address),
            "projection": layout.projection.name,
            **(_chosen(old) if old is not None else chosen),
            "n_fit": layout.n_fit,
            "n_placed": int((layout.fitted < 0).sum()),
            "refit_due": refit_due(layout, trust),
            "trustworthiness": trustworthiness(source.vectors, layout.places, seed=seed),
            "mean_trust": float(trust.mean()) if len(trust) else None,
        }
        usual = float(np.percentile(nearest.distances[:, 0], 99)) if nearest.distances.size else 4.0
        with Generations(home).new() as folder:
            for name in ("ids", "places", "fitted", "hashes"):
                np.save(folder / f"{name}.npy", getattr(layout, name), allow_pickle=False)
            np.save(folder / "trust.npy", trust, allow_pickle=False)
            (folder / "projection").mkdir()
            layout.projection.save(folder / "projection")
            thumbnails = source.thumbnails or [""] * len(source.ids)
            publish(
                folder / PUBLIC,
                layout.places,
                source.ids,
                frame=frame,
                points=lambda row: caption(source.records[row], source.kind, thumbnails[row]),
                columns=columns,
                clusters=clusters,
                trust=trust,
                picture_of=source.picture_of,
                facts=facts,
                progress=progress,
            )
            params = {**facts, "frame": frame.__dict__, "usual_distance": usual}
            seal(folder, KIND, VERSION, built_from=source.built_from, params=params)
    return GalleryMap.open(address, settings)


def _old(address: Address, settings: Settings) -> GalleryMap | None:
    """Return the map that there is, or None; one that cannot be read is made anew."""
    try:
        return GalleryMap.open(address, settings)
    except RetrievalError:
        return None


def _chosen(old: GalleryMap) -> Json:
    return {name: old.manifest.params[name] for name in ("neighbours", "min_dist", "seed")}


def _clusters(source: Source, layout: Layout, seed: int) -> tuple[list[Cluster], list[Column]]:
    """Return the named clusters of both levels, and all columns, the large clusters' among them."""
    texts = [
        " ".join([r.title, str(r.fields.get("artist") or ""), str(r.fields.get("place") or "")]) for r in source.records
    ]
    found: list[Cluster] = []
    fields = columns_of(source.records, source.titles)  # what may name a cluster
    columns = [*fields, *source.columns]
    for level, numbers in enumerate(levels(layout.places, seed)):
        named = name_clusters(layout.places, numbers, texts, fields, level)
        found += named
        if level == 0 and named:
            names = {cluster.number: cluster.name for cluster in named}
            columns.append(choice("cluster", "Cluster", [names.get(int(number), "") for number in numbers]))
    return found, columns
