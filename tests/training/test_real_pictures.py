"""Every method with labels finds more pictures of a class than the encoder below it, among real aerial pictures."""

import zipfile
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
import torch

from core import encoders, imaging
from core.datasets.folds import fold_of
from core.settings import Settings
from core.training import losses
from core.training.head_problem import HeadProblem, precision_at_10
from core.training.trainer import Schedule, fit

CLASSES = ("buildings", "denseresidential", "mediumresidential", "mobilehomepark", "sparseresidential", "tenniscourt")
PER_CLASS = 40


@pytest.fixture(scope="module")
def houses(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors (N, D), labels (N,) and folds (N,) of six classes that look alike."""
    encoder = encoders.load("efficientnet_lite0", Settings(root=tmp_path_factory.mktemp("root"), threads=1))
    vectors, labels, folds = [], [], []
    with zipfile.ZipFile(shared_data / "UCMerced_LandUse.zip") as archive:
        for name in sorted(archive.namelist()):
            path = PurePosixPath(name)
            if path.parent.name in CLASSES and path.suffix and labels.count(path.parent.name) < PER_CLASS:
                vectors.append(encoder.encode([imaging.open_image(archive.read(name))])[0])
                labels.append(path.parent.name)
                folds.append(fold_of(path.name))
    return np.stack(vectors), np.unique(labels, return_inverse=True)[1], np.array(folds)


@pytest.mark.parametrize("name", [method.name for method in losses.METHODS if method.sampling != "two views"])
def test_a_method_beats_the_encoder_below_it_on_held_out_pictures(
    name: str, houses: tuple[np.ndarray, np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    vectors, labels, folds = houses
    train, held_out = np.flatnonzero(folds > 0), np.flatnonzero(folds == 0)
    plain = torch.from_numpy(vectors)
    before = precision_at_10(plain[held_out], plain[train], labels[held_out], labels[train])
    zeros = np.zeros(len(labels), dtype=np.int64)
    problem = HeadProblem(
        losses.method(name), [vectors], labels[:, None], zeros, zeros[: len(CLASSES)], train, held_out,
        dim=losses.method(name).default_dim, hidden=128, batch=48,
    )  # fmt: skip
    fit(problem, tmp_path, Schedule(epochs=20, patience=0, select="last"))  # the held-out pictures choose no pass
    problem.module.eval()
    with torch.inference_mode():
        after = problem.score()
    assert after > before + 0.02
