"""Whatever happens in a folder between two imports, the gallery then holds exactly what the folder does."""

import hashlib
import io
import os
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from PIL import Image as PillowImage

from core import datasets
from core.errors import NotPreparedError
from core.settings import Settings

NAMES = st.sampled_from(["a.png", "b.png", "cats/a.png", "cats/c.png", "cats/old/d.png"])


def _png(seed: int) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 255, (4, 4, 3), np.uint8)
    PillowImage.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


CONTENTS = {hashlib.sha256(_png(seed)).hexdigest(): _png(seed) for seed in range(4)}
JUNK = b"this is no picture"


class FolderAgainstGallery(RuleBasedStateMachine):
    """Files appear, change, move, swap and vanish at random; after each import the folder itself is the reference."""

    @initialize()
    def start(self) -> None:
        self.scratch = tempfile.TemporaryDirectory()
        self.folder = Path(self.scratch.name) / "pictures"
        self.folder.mkdir()
        self.settings = Settings(root=Path(self.scratch.name) / "root", threads=1)
        self.clock = 1
        self.content_of: dict[int, str] = {}  # id -> sum, for ever
        self.before: dict[str, tuple[int, str]] = {}

    def teardown(self) -> None:
        self.scratch.cleanup()

    def put(self, name: str, data: bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        self.clock += 1
        os.utime(path, (self.clock, self.clock))  # edits of a test come faster than the clock of the disk ticks

    @rule(name=NAMES, content=st.sampled_from([*CONTENTS.values(), JUNK]))
    def write(self, name: str, content: bytes) -> None:
        self.put(name, content)

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        (self.folder / name).unlink(missing_ok=True)

    @rule(one=NAMES, other=NAMES)
    def move(self, one: str, other: str) -> None:
        if (self.folder / one).exists():
            (self.folder / other).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / one).rename(self.folder / other)

    @rule(one=NAMES, other=NAMES)
    def swap(self, one: str, other: str) -> None:
        if (self.folder / one).exists() and (self.folder / other).exists():
            first, second = (self.folder / one).read_bytes(), (self.folder / other).read_bytes()
            self.put(one, second)
            self.put(other, first)

    @rule()
    def bring_up_to_date(self) -> None:
        files = {str(path.relative_to(self.folder)): path for path in self.folder.rglob("*.png") if path.is_file()}
        if not files:
            try:
                datasets.import_folder(self.folder, "mine", self.settings)
                raise AssertionError("an empty folder was imported")
            except NotPreparedError:
                return
        report = datasets.import_folder(self.folder, "mine", self.settings)
        sums = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
        good = {name: total for name, total in sums.items() if total in CONTENTS}
        after = {record.path: record for record in datasets.open("mine", self.settings)}
        assert {name: record.sha256 for name, record in after.items()} == good
        assert {path for path, _ in report.skipped} == set(sums) - set(good)
        for name, record in after.items():
            assert self.content_of.setdefault(record.image_id, record.sha256) == record.sha256
            if name in self.before and self.before[name][1] == record.sha256:
                assert record.image_id == self.before[name][0]  # nothing happened to it
            assert record.label == ("" if "/" not in name else name.rsplit("/", 1)[0])
        had, has = len(self.before), len(after)
        assert has == had + report.added - report.removed
        self.before = {name: (record.image_id, record.sha256) for name, record in after.items()}

    @invariant()
    def thumbnails_are_those_of_the_rows(self) -> None:
        if not getattr(self, "before", None):
            return
        dataset = datasets.open("mine", self.settings)
        found = set((dataset.folder / "thumbnails").rglob("*.webp"))
        assert found == {dataset.thumbnail_path(record) for record in dataset}
        assert dataset.catalog.faults() == []


FolderAgainstGallery.TestCase.settings = hypothesis_settings(max_examples=25, stateful_step_count=25, deadline=None)
TestFolderAgainstGallery = FolderAgainstGallery.TestCase
