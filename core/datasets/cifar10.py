"""`cifar10`: 60,000 pictures of 32 x 32 pixels in ten classes, with the official split.

A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
"""

import io
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image as Pillow

from core.datasets.builder import Entry, PrepareReport, build, is_complete, unchanged
from core.datasets.download import Mirror, download
from core.datasets.source import Source, open_source
from core.errors import DamagedFileError
from core.settings import Settings
from core.types import Image, Progress

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_BATCHES = (*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin")
_SIDE = 32
_RECORD = 1 + 3 * _SIDE * _SIDE  # bytes: the label, then the red, green and blue planes


class Cifar10:
    """The set, read from its binary version (the Python version holds pickles, which are not read)."""

    name = "cifar10"
    title = "CIFAR-10"
    kind = "pictures"
    licence = "not stated by its authors; for research"
    citation = "A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009"
    homepage = "https://www.cs.toronto.edu/~kriz/cifar.html"
    size = "60,000 pictures of 32 x 32 pixels, 170 MB to download"
    needs_source = False
    mirrors = (
        Mirror("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz", "md5:c32a1d4ab5d03f1284b67883e8d87530"),
    )

    def prepare(self, settings: Settings, source: Path | None, progress: Progress) -> PrepareReport:
        """Make the gallery: one PNG for each picture."""
        if source is None and is_complete(self.name, settings, "1"):
            return unchanged(self.name, settings)
        target = settings.datasets / ".downloads" / self.name / "cifar-10-binary.tar.gz"
        archive = source or download(self.mirrors, target, n_bytes=170_052_171, progress=progress)
        meta = {
            "title": self.title, "kind": self.kind, "note": "", "licence": self.licence, "citation": self.citation,
            "homepage": self.homepage, "layout": "1",
        }  # fmt: skip
        with open_source(archive) as opened:
            places = {PurePosixPath(name).name: name for name in opened.names()}
            if not all(batch in places for batch in _BATCHES):
                hint = "; this is the Python version" if "data_batch_1" in places else ""
                raise DamagedFileError(f"{archive} is not the binary CIFAR-10: looked for {', '.join(_BATCHES)}{hint}")
            report = build(self.name, settings, _entries(opened, places, archive), meta=meta, progress=progress)
        target.unlink(missing_ok=True)
        return report


DATASET = Cifar10()


def _entries(source: Source, places: dict[str, str], archive: Path) -> Iterator[Entry]:
    for batch in _BATCHES:
        data = np.frombuffer(source.read(places[batch]), np.uint8)
        if len(data) % _RECORD or (data[::_RECORD] >= len(CLASSES)).any():
            raise DamagedFileError(f"{batch} in {archive} does not consist of records of {_RECORD} bytes")
        split = "test" if batch == "test_batch.bin" else "train"
        for number, record in enumerate(data.reshape(-1, _RECORD)):
            label = CLASSES[record[0]]
            stem = f"{batch.removesuffix('.bin')}_{number:05d}"

            def png(planes: Image = record[1:]) -> bytes:
                pixels = np.ascontiguousarray(planes.reshape(3, _SIDE, _SIDE).transpose(1, 2, 0))
                buffer = io.BytesIO()
                Pillow.fromarray(pixels).save(buffer, "PNG")
                return buffer.getvalue()

            yield Entry(path=f"{label}/{stem}.png", data=png, title=f"{label} {number}", label=label, split=split)
