"""Search codes against float vectors: the protocol, the kinds of codes, and the command."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PillowImage
from typer.testing import CliRunner

from core import datasets
from core.cli.app import build
from core.errors import NotPreparedError
from core.evaluation import code_quality
from core.evaluation.code_quality import code_rows
from core.features import extract
from core.settings import Address, Settings
from core.types import Ids

COLOURS = {"red": (220, 40, 40), "green": (40, 200, 60), "blue": (40, 60, 220), "grey": (120, 120, 120)}


@pytest.fixture
def gallery(settings: Settings, tmp_path: Path) -> Address:
    """Sixty pictures of each of four colours, with some noise."""
    rng = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        (tmp_path / "in" / name).mkdir(parents=True)
        for number in range(60):
            noise = rng.normal(0, 18, (24, 24, 3)) + rng.normal(0, 12, 3)
            pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
            PillowImage.fromarray(pixels).save(tmp_path / "in" / name / f"{name}{number}.png")
    datasets.import_folder(tmp_path / "in", "colours", settings)
    address = Address("colours", "histogram")
    extract(address, settings)
    return address


def test_every_kind_of_code_finds_what_the_vectors_find_where_classes_are_far_apart(
    gallery: Address, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code_quality, "_HASH_BITS", (64,))
    rows = code_rows(gallery, settings)
    assert [row["code"] for row in rows] == [
        "float vectors", "product codes, codebook of the database", "random hyperplanes, 64 bits",
        "binary autoencoder, 64 bits",
    ]  # fmt: skip
    assert [row["bytes"] for row in rows] == [3200, 16, 8, 8]
    assert all(row["precision_at_10"] > 0.95 for row in rows)


def test_exact_duplicates_do_not_count(gallery: Address, settings: Settings) -> None:
    judged = code_quality._judged(gallery, settings)
    query = judged.queries[:1]
    contents = judged.contents.copy()
    others = judged.database[judged.labels[judged.database] != judged.labels[query[0]]]
    contents[others] = contents[query[0]]  # all pictures of other labels are now copies of the query
    changed = code_quality._Judged(judged.vectors, judged.labels, contents, query, judged.database)

    def alike(rows: Ids) -> NDArray[np.float32]:
        return np.ones((len(rows), len(judged.database)), np.float32)

    assert code_quality._precision(changed, alike) == 1.0
    unchanged = code_quality._Judged(judged.vectors, judged.labels, judged.contents, query, judged.database)
    same = (judged.labels[judged.database] == judged.labels[query[0]]).astype(np.float32)
    assert code_quality._precision(unchanged, lambda rows: -alike(rows) * same) == 0.0


def test_a_gallery_without_features_is_refused_in_words(gallery: Address, settings: Settings) -> None:
    with pytest.raises(NotPreparedError, match="no features"):
        code_rows(Address("colours", "efficientnet_lite0"), settings)


def test_the_command_prints_the_table(gallery: Address, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENTIMENTO_HOME", str(settings.root))
    monkeypatch.setattr(code_quality, "_HASH_BITS", ())
    app, runner = build(), CliRunner()
    done = runner.invoke(app, ["evaluate", "codes", "colours@histogram", "--json"])
    assert done.exit_code == 0
    assert [row["bytes"] for row in json.loads(done.stdout)["rows"]] == [3200, 16]
    assert "float vectors" in runner.invoke(app, ["evaluate", "codes", "colours@histogram"]).stdout
