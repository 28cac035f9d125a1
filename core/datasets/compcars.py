"""`compcars`: 136,726 photographs of cars from the web by make, model and year, cut to the car; front views by default.

L. Yang, P. Luo, C. C. Loy, X. Tang, "A Large-Scale Car Dataset for Fine-Grained Categorization and Verification", CVPR
2015. The surveillance pictures of the same set are `compcars-sv`.
"""

import io
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any

from PIL import Image as Pillow

from core.datasets.base import FieldSpec, Value
from core.datasets.builder import Entry, PrepareReport, build
from core.datasets.source import Source, open_source
from core.errors import DamagedFileError, ImageError, NotPreparedError
from core.settings import Settings
from core.types import Progress

VIEWPOINTS = {-1: "uncertain", 1: "front", 2: "rear", 3: "side", 4: "front-side", 5: "rear-side"}
CITATION = "L. Yang, P. Luo, C. C. Loy, X. Tang, A Large-Scale Car Dataset for Fine-Grained Categorization, CVPR 2015"
HOMEPAGE = "http://mmlab.ie.cuhk.edu.hk/datasets/comp_cars/"
LICENCE = "for non-commercial research; ask the authors for the download"
_FIELDS = [
    FieldSpec("make", "Make", "choice"),
    FieldSpec("model", "Model", "choice"),
    FieldSpec("year", "Year", "range"),
    FieldSpec("viewpoint", "View", "choice"),
    FieldSpec("model_id", "Model's number"),
]


@dataclass(frozen=True)
class CompCars:
    """The web pictures; `configured(viewpoint=...)` chooses others than front views.

    Attributes:
        viewpoint: number of VIEWPOINTS; 0: all.
    """

    viewpoint: int = 1

    name = "compcars"
    title = "CompCars (web)"
    kind = "pictures"
    licence = LICENCE
    citation = CITATION
    homepage = HOMEPAGE
    size = "136,726 photographs, of which some 18,000 front views; 18 GB to download by hand"
    needs_source = True

    def configured(self, options: Mapping[str, str]) -> "CompCars":
        """Return the set with options: viewpoint=front|rear|side|front-side|rear-side|all.

        Raises:
            ValueError: an option is unknown or has no such value.
        """
        numbers = {name: number for number, name in VIEWPOINTS.items()} | {"all": 0}
        changed = self
        for name, value in options.items():
            if name != "viewpoint" or value not in numbers:
                raise ValueError(f"compcars understands viewpoint={'|'.join(numbers)}, got {name}={value}")
            changed = replace(changed, viewpoint=numbers[value])
        return changed

    def prepare(self, settings: Settings, source: Path | None, progress: Progress) -> PrepareReport:
        """Cut the pictures to their boxes; pictures without a label and labels without a picture are listed."""
        with open_source(required(source, self.name, self.homepage)) as opened:
            pictures, labels = places(opened, "image", ".jpg"), places(opened, "label", ".txt")
            if not pictures or not labels:
                raise DamagedFileError(
                    f"{source} does not hold CompCars: looked for data/image/<make>/<model>/<year>/<name>.jpg and "
                    f"data/label/...txt, found {len(pictures)} and {len(labels)}"
                )
            strange = [(pictures[key], "has no label") for key in pictures if key not in labels]
            strange += [(labels[key], "has no picture") for key in labels if key not in pictures]
            both = sorted(key for key in pictures if key in labels)
            # Read before the gallery is touched: a damaged table must not leave an older one half-renewed.
            makes, models = names(opened, "make_model_name.mat", "make_names", "model_names")
            if not makes or not models:
                strange.append(
                    ("data/misc/make_model_name.mat", "is not there, so makes or models go by their numbers")
                )
            entries = self._entries(opened, both, pictures, labels, makes, models, strange)
            first = next(entries, None)
            if first is None:  # said before the gallery is touched, which would be emptied
                view = VIEWPOINTS.get(self.viewpoint, "any")
                raise DamagedFileError(
                    f"{source} has {len(both):,} labelled pictures, none with the viewpoint {view!r}"
                )
            meta = meta_of(self.title)
            report = build(self.name, settings, chain([first], entries), meta=meta, fields=_FIELDS, progress=progress)
        return PrepareReport(report.name, report.count, report.added, report.removed, report.skipped + strange)

    def _entries(
        self, source: Source, keys: list[str], pictures: dict[str, str], labels: dict[str, str],
        makes: dict[str, str], models: dict[str, str], strange: list[tuple[str, str]],
    ) -> Iterator[Entry]:  # fmt: skip
        split = official_split(source)
        for key in keys:
            make_id, model_id, year = key.split("/")[:3]
            try:
                viewpoint, box = read_label(source.read(labels[key]), labels[key])
            except ImageError as error:
                strange.append((labels[key], str(error)))
                continue
            if self.viewpoint and viewpoint != self.viewpoint:
                continue
            make = makes.get(make_id, make_id)
            model = models.get(model_id, model_id)
            fields: dict[str, Value] = {
                "make": make, "model": model, "year": int(year) if year.isdigit() else None,
                "viewpoint": VIEWPOINTS.get(viewpoint, "uncertain"), "model_id": model_id,
            }  # fmt: skip
            yield Entry(
                path=f"{key}.jpg", data=lambda key=key, box=box: cropped(source.read(pictures[key]), box, key),  # type: ignore[misc]
                title=f"{make} {model} {year}", label=f"{make} {model}", split=split.get(key, ""), fields=fields,
            )  # fmt: skip


DATASET = CompCars()


def required(source: Path | None, name: str, homepage: str) -> Path:
    """Return the source.

    Raises:
        NotPreparedError: none was given.
    """
    if source is None:
        raise NotPreparedError(
            f"{name} must be downloaded by hand from {homepage}; then run: python -m core data get {name} --from FOLDER"
        )
    return source


def meta_of(title: str) -> dict[str, str]:
    """Return the catalog's facts."""
    return {
        "title": title, "kind": "pictures", "note": "", "licence": LICENCE, "citation": CITATION, "homepage": HOMEPAGE,
        "layout": "1",
    }  # fmt: skip


def places(source: Source, folder: str, suffix: str) -> dict[str, str]:
    """Return the files below `data/<folder>` by their path without folder and suffix: make/model/year/name."""
    found = {}
    for name in source.names():
        parts = PurePosixPath(name).parts
        at = next((i for i, part in enumerate(parts) if part == folder and (i == 0 or parts[i - 1] == "data")), None)
        if at is not None and len(parts) == at + 5 and name.endswith(suffix):
            found["/".join(parts[at + 1 :]).removesuffix(suffix)] = name
    return found


def read_label(data: bytes, name: str) -> tuple[int, tuple[int, int, int, int]]:
    """Return the viewpoint and the box (x0, y0, x1, y1) in pixels of a label file.

    Raises:
        ImageError: it does not consist of a viewpoint, a count, and four numbers.
    """
    try:
        numbers = [int(word) for word in data.decode("ascii").split()]
        viewpoint, _, x0, y0, x1, y1 = numbers[:6]
    except (ValueError, UnicodeDecodeError) as error:
        raise ImageError(f"{name} must hold a viewpoint, a count and a box ({error})") from error
    return viewpoint, (x0, y0, x1, y1)


def cropped(data: bytes, box: tuple[int, int, int, int], name: str) -> bytes:
    """Return a JPEG of the box alone; boxes count from 1 and may reach beyond the picture.

    Raises:
        ImageError: it is no picture, or the box is empty.
    """
    try:
        with Pillow.open(io.BytesIO(data)) as opened:
            picture = opened.convert("RGB")
    except (OSError, SyntaxError, Pillow.DecompressionBombError) as error:
        raise ImageError(f"{name} cannot be decoded: {error}") from error
    x0, y0 = max(0, box[0] - 1), max(0, box[1] - 1)
    x1, y1 = min(picture.width, box[2]), min(picture.height, box[3])
    if x1 <= x0 or y1 <= y0:
        raise ImageError(f"{name} has an empty box {box}")
    buffer = io.BytesIO()
    picture.crop((x0, y0, x1, y1)).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def matrix(source: Source, file: str) -> dict[str, Any]:
    """Return the variables of a MATLAB file of the set, or nothing where it is absent.

    Raises:
        DamagedFileError: it is no MATLAB file.
    """
    import scipy.io
    from scipy.io.matlab import MatReadError

    found = [name for name in source.names() if PurePosixPath(name).name == file]
    if not found:
        return {}
    try:
        loaded: dict[str, Any] = scipy.io.loadmat(io.BytesIO(source.read(found[0])))
    except (ValueError, TypeError, LookupError, NotImplementedError, OSError, MatReadError, zlib.error) as error:
        raise DamagedFileError(f"{found[0]} is truncated or no MATLAB file ({error}); unpack it again") from error
    return loaded


def names(source: Source, file: str, *variables: str) -> tuple[dict[str, str], ...]:
    """Return {number from 1, as text: name} for each cell array of a MATLAB file."""
    loaded = matrix(source, file)
    return tuple(
        {str(i): text(cell) for i, cell in enumerate(loaded[variable].ravel(), start=1)} if variable in loaded else {}
        for variable in variables
    )


def text(cell: Any) -> str:
    """Return the string that a cell of a MATLAB cell array holds; an empty one gives nothing."""
    return str(cell.ravel()[0]).strip() if getattr(cell, "size", 0) else ""


def official_split(source: Source) -> dict[str, str]:
    """Return {make/model/year/name: "train" or "test"} of the classification task."""
    split = {}
    for name in source.names():
        path = PurePosixPath(name)
        if path.parts[-3:-1] == ("train_test_split", "classification") and path.stem in ("train", "test"):
            for line in source.read(name).decode("ascii", "replace").split():
                split[line.removesuffix(".jpg")] = path.stem
    return split
