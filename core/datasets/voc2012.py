"""`voc2012`: PASCAL VOC 2012, 17,125 photographs with the objects in them, of twenty classes.

M. Everingham et al., "The PASCAL Visual Object Classes Challenge: A Retrospective", IJCV 2015.
"""

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from core.datasets.base import FieldSpec, Value
from core.datasets.builder import Entry, PrepareReport, build, is_complete, unchanged
from core.datasets.download import Mirror, download
from core.datasets.source import Source, open_source
from core.errors import DamagedFileError
from core.settings import Settings
from core.types import Progress

_FIELDS = [
    FieldSpec("labels", "Objects", "text"),
    FieldSpec("n_objects", "Number of objects", "range"),
    FieldSpec("published_split", "Published split", "choice"),
]


class Voc2012:
    """The set; a picture's label is its largest object's class, `labels` all of its classes joined by `|`.

    The published validation split is what is asked with here ("test"), for the official test labels are not published.
    """

    name = "voc2012"
    title = "PASCAL VOC 2012"
    kind = "pictures"
    licence = "Flickr's terms of use; for research"
    citation = "M. Everingham et al., The PASCAL Visual Object Classes Challenge 2012"
    homepage = "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/"
    size = "17,125 photographs of about 500 x 375 pixels, 2 GB to download"
    needs_source = False
    mirrors = (
        Mirror(
            "https://thor.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar",
            "md5:6cd6e144f989b92b3379bac3b3de84fd",
        ),
        Mirror(
            "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar",
            "md5:6cd6e144f989b92b3379bac3b3de84fd",
        ),
    )

    def prepare(self, settings: Settings, source: Path | None, progress: Progress) -> PrepareReport:
        """Make the gallery; pictures without annotations and annotations without pictures are listed."""
        if source is None and is_complete(self.name, settings, "1"):
            return unchanged(self.name, settings)
        target = settings.datasets / ".downloads" / self.name / "VOCtrainval_11-May-2012.tar"
        archive = source or download(self.mirrors, target, n_bytes=1_999_639_040, progress=progress)
        meta = {
            "title": self.title, "kind": self.kind, "note": "", "licence": self.licence, "citation": self.citation,
            "homepage": self.homepage, "layout": "1",
        }  # fmt: skip
        with open_source(archive) as opened:
            pictures, annotations, lists = _places(opened)
            if not pictures or not annotations:
                raise DamagedFileError(
                    f"{archive} does not hold PASCAL VOC: looked for JPEGImages/*.jpg and Annotations/*.xml, found "
                    f"{len(pictures)} and {len(annotations)}"
                )
            split: dict[str, str] = {
                stem: name for name in ("train", "val") if name in lists
                for stem in opened.read(lists[name]).decode().split()
            }  # fmt: skip
            strange = [(pictures[stem], "has no annotation") for stem in pictures if stem not in annotations]
            strange += [(annotations[stem], "has no picture") for stem in annotations if stem not in pictures]
            both = [stem for stem in pictures if stem in annotations]
            entries = _entries(opened, both, pictures, annotations, split)
            report = build(self.name, settings, entries, meta=meta, fields=_FIELDS, total=len(both), progress=progress)
        target.unlink(missing_ok=True)
        return PrepareReport(report.name, report.count, report.added, report.removed, report.skipped + strange)


DATASET = Voc2012()


def objects(annotation: bytes, name: str) -> list[tuple[str, float]]:
    """Return (class, area in pixels) of the objects that an annotation names, the largest first.

    Raises:
        DamagedFileError: it is not XML.
    """
    try:
        root = ElementTree.fromstring(annotation)
    except ElementTree.ParseError as error:
        raise DamagedFileError(f"{name} is not XML ({error})") from error
    found = []
    for item in root.iter("object"):
        box = {corner: float(item.findtext(f"bndbox/{corner}") or 0) for corner in ("xmin", "ymin", "xmax", "ymax")}
        found.append((item.findtext("name") or "", (box["xmax"] - box["xmin"]) * (box["ymax"] - box["ymin"])))
    return sorted(found, key=lambda entry: -entry[1])


def _places(source: Source) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Return the paths of pictures, annotations and lists of the splits, by stem."""
    pictures, annotations, lists = {}, {}, {}
    for name in source.names():
        path = PurePosixPath(name)
        if path.parent.name == "JPEGImages" and path.suffix == ".jpg":
            pictures[path.stem] = name
        elif path.parent.name == "Annotations" and path.suffix == ".xml":
            annotations[path.stem] = name
        elif path.parts[-3:-1] == ("ImageSets", "Main") and path.stem in ("train", "val"):
            lists[path.stem] = name
    return pictures, annotations, lists


def _entries(
    source: Source, stems: list[str], pictures: dict[str, str], annotations: dict[str, str], split: dict[str, str]
) -> Iterator[Entry]:
    for stem in stems:
        found = objects(source.read(annotations[stem]), annotations[stem])
        published = split.get(stem, "")
        fields: dict[str, Value] = {
            "labels": "|".join(sorted({label for label, _ in found})) or None,
            "n_objects": len(found),
            "published_split": published or None,
        }
        yield Entry(
            path=f"{stem}.jpg", data=lambda stem=stem: source.read(pictures[stem]),  # type: ignore[misc]
            title=stem, label=found[0][0] if found else "", fields=fields,
            split={"train": "train", "val": "test"}.get(published, ""),
        )  # fmt: skip
