"""`compcars-sv`: the surveillance pictures of CompCars, front views taken by traffic cameras; queries for `compcars`.

L. Yang, P. Luo, C. C. Loy, X. Tang, CVPR 2015, as for `compcars`.
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from core.datasets.base import FieldSpec, Value
from core.datasets.builder import Entry, PrepareReport, build
from core.datasets.compcars import CITATION, HOMEPAGE, LICENCE, matrix, meta_of, names, required, text
from core.datasets.source import Source, open_source
from core.errors import DamagedFileError
from core.settings import Settings
from core.types import Progress

_FIELDS = [
    FieldSpec("make", "Make", "choice"),
    FieldSpec("model", "Model", "choice"),
    FieldSpec("model_id", "Model's number"),
]


class CompCarsSurveillance:
    """The set; its labels are those of `compcars` where the models' numbers are known."""

    name = "compcars-sv"
    title = "CompCars (surveillance)"
    kind = "pictures"
    licence = LICENCE
    citation = CITATION
    homepage = HOMEPAGE
    size = "44,481 photographs, in the same download as compcars"
    needs_source = True

    def prepare(self, settings: Settings, source: Path | None, progress: Progress) -> PrepareReport:
        """Make the gallery from `sv_data`; models without a name keep their number."""
        with open_source(required(source, self.name, self.homepage)) as opened:
            places = {}
            for name in opened.names():
                parts = PurePosixPath(name).parts
                if len(parts) >= 4 and parts[-4:-2] == ("sv_data", "image") and name.endswith(".jpg"):
                    places[f"{parts[-2]}/{parts[-1]}"] = name
            if not places:
                raise DamagedFileError(f"{source} does not hold CompCars: looked for sv_data/image/<number>/<name>.jpg")
            # Read before the gallery is touched: a damaged table must not leave an older one half-renewed.
            (web_models,) = names(opened, "make_model_name.mat", "model_names")
            entries = _entries(opened, places, _models(opened), web_models)
            return build(
                self.name, settings, entries, meta=meta_of(self.title), fields=_FIELDS, total=len(places),
                progress=progress,
            )  # fmt: skip


DATASET = CompCarsSurveillance()


def _entries(
    source: Source, places: dict[str, str], models: dict[str, tuple[str, str, str]], web_models: dict[str, str]
) -> Iterator[Entry]:
    split = _split(source)
    for key in sorted(places):
        number = key.split("/")[0]
        make, model, web_id = models.get(number, ("", number, ""))
        model = web_models.get(web_id) or model
        fields: dict[str, Value] = {"make": make or None, "model": model, "model_id": web_id or None}
        yield Entry(
            path=key, data=lambda key=key: source.read(places[key]),  # type: ignore[misc]
            title=f"{make} {model}".strip(), label=f"{make} {model}".strip(), split=split.get(key, ""), fields=fields,
        )  # fmt: skip


def _models(source: Source) -> dict[str, tuple[str, str, str]]:
    """Return {number of the folder: (make, model, the model's number in the web pictures)}."""
    table = matrix(source, "sv_make_model_name.mat").get("sv_make_model_name")
    if table is None:
        return {}
    return {str(i): (text(row[0]), text(row[1]), text(row[2])) for i, row in enumerate(table, start=1)}


def _split(source: Source) -> dict[str, str]:
    split = {}
    for name in source.names():
        part = {"train_surveillance.txt": "train", "test_surveillance.txt": "test"}.get(PurePosixPath(name).name)
        if part:
            split.update(dict.fromkeys(source.read(name).decode("ascii", "replace").split(), part))
    return split
