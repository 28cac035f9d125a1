"""Heads: trained, exported, registered, and the linear branch."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core import encoders
from core.encoders import trained
from core.encoders.head import Head
from core.errors import DamagedFileError, UnavailableError
from core.settings import Settings
from core.storage import read_json, write_json
from core.training import losses
from core.training.head_problem import HeadProblem, Perceptron, precision_at_10
from core.training.kept import fit_kept
from core.training.pictures import NothingToLearnError
from core.training.trainer import Schedule, fit

CLASSES, PER_CLASS, DIM = 4, 40, 24


def clusters(noise: float = 2.5) -> tuple[list[np.ndarray], np.ndarray]:
    """Return two views (N, D) of noisy classes, whose differences lie in few of many directions, and labels."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(CLASSES), PER_CLASS)
    centres = np.zeros((CLASSES, DIM))
    centres[:, :CLASSES] = np.eye(CLASSES)
    shared = rng.normal(size=(len(labels), DIM)) * np.r_[[0.3] * CLASSES, [noise] * (DIM - CLASSES)]
    views = []
    for _ in range(2):
        wobble = rng.normal(size=shared.shape) * np.r_[[0.1] * CLASSES, [noise / 2] * (DIM - CLASSES)]
        values = (centres[labels] + shared + wobble).astype(np.float32)
        views.append(values / np.linalg.norm(values, axis=1, keepdims=True))
    return views, labels


def problem(name: str, **changed: object) -> HeadProblem:
    views, labels = clusters()
    order = np.random.default_rng(1).permutation(len(labels))
    arguments: dict = {"dim": 8, "hidden": 32, "batch": 32} | changed
    zeros = np.zeros(len(labels), dtype=np.int64)
    return HeadProblem(
        losses.method(name), views, labels[:, None], zeros, np.zeros(CLASSES, dtype=np.int64), order[40:], order[:40],
        **arguments,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["classify", "discrete", "contrastive", "triplet", "multi-similarity", "nce"])
def test_every_labelled_method_beats_the_vectors_below_on_held_out_pictures(name: str, tmp_path: Path) -> None:
    chosen = problem(name)
    plain = chosen.views[0]
    before = precision_at_10(
        plain[torch.from_numpy(chosen.validation)], plain[torch.from_numpy(chosen.train)],
        chosen.labels[chosen.validation, 0], chosen.labels[chosen.train, 0],
    )  # fmt: skip
    outcome = fit(chosen, tmp_path, Schedule(epochs=30, learning_rate=5e-3, patience=0))
    assert outcome.best_score > before + 0.1


@pytest.mark.parametrize("name", ["simclr", "barlow-twins"])
def test_methods_without_labels_make_views_of_one_picture_more_alike(name: str, tmp_path: Path) -> None:
    chosen = problem(name)
    before = chosen.score()
    outcome = fit(chosen, tmp_path, Schedule(epochs=15, learning_rate=5e-3, patience=0))
    assert outcome.best_score > before


@pytest.mark.parametrize("name", losses.names())
def test_every_method_resumes_to_the_weights_of_an_uninterrupted_run(name: str, tmp_path: Path) -> None:
    schedule = Schedule(epochs=3, patience=0, checkpoint_every_s=0.0)
    whole, broken, resumed = problem(name), problem(name), problem(name)
    fit(whole, tmp_path / "whole", schedule)
    compute, calls = broken.loss, []

    def dying(epoch: int, step: int, rng: np.random.Generator) -> torch.Tensor:
        calls.append(step)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return compute(epoch, step, rng)

    broken.loss = dying  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        fit(broken, tmp_path / "broken", schedule)
    fit(resumed, tmp_path / "broken", schedule)
    left, right = whole.module.state_dict(), resumed.module.state_dict()
    assert left.keys() == right.keys()
    assert all(torch.equal(left[key], right[key]) for key in left)


def test_views_are_asked_for_where_a_method_needs_them() -> None:
    views, labels = clusters()
    zeros = np.zeros(len(labels), dtype=np.int64)
    with pytest.raises(NothingToLearnError, match="--views"):
        HeadProblem(
            losses.method("simclr"), views[:1], labels[:, None], zeros, zeros[:CLASSES], zeros[:9], zeros[:9], dim=4
        )


def test_the_exported_head_is_the_perceptron_without_torch() -> None:
    torch.manual_seed(0)
    vectors = torch.randn(30, DIM)
    module = Perceptron(vectors.mean(0), vectors.std(0), 16, 8, 0.3).eval()
    with torch.inference_mode():
        expected = torch.nn.functional.normalize(module(vectors), dim=1).numpy()
    np.testing.assert_allclose(module.export(discrete=False)(vectors.numpy()), expected, atol=1e-5)  # float32
    signs = module.export(discrete=True)(vectors.numpy())
    assert np.allclose(np.abs(signs), 8**-0.5)


def test_half_precision_on_disk_changes_cosines_by_little(tmp_path: Path) -> None:
    torch.manual_seed(0)
    vectors = torch.randn(50, DIM)
    head = Perceptron(vectors.mean(0), vectors.std(0), 16, 8, 0.0).export(discrete=False)
    head.save(tmp_path / "w.safetensors")
    loaded = Head.load(tmp_path / "w.safetensors", keep=0.0, discrete=False)
    assert (head(vectors.numpy()) * loaded(vectors.numpy())).sum(axis=1).min() > 0.9999


def test_the_kept_branch_takes_out_what_differs_between_views() -> None:
    views, labels = clusters()
    rows = np.arange(len(labels))
    weight, bias = fit_kept(views, rows, 8)
    moved = [view @ weight.T + bias for view in views]

    def instability(a: np.ndarray, b: np.ndarray) -> float:
        return float(((a - b) ** 2).sum() / ((a - a.mean(axis=0)) ** 2).sum())

    assert instability(*moved) < instability(*views)
    assert fit_kept(views[:1], rows, 8)[0].shape == (8, DIM)


def test_a_cosine_is_the_weighted_mean_of_the_two_branches() -> None:
    views, labels = clusters()
    rng = np.random.default_rng(0)
    layer = (rng.normal(size=(6, DIM)).astype(np.float32), np.zeros(6, np.float32))
    kept = fit_kept(views, np.arange(len(labels)), 8)
    both = Head(0.25, False, [layer], kept)(views[0])
    learned = Head(0.0, False, [layer])(views[0])
    linear = Head(0.0, False, [kept])(views[0])
    np.testing.assert_allclose(both @ both.T, 0.75 * learned @ learned.T + 0.25 * linear @ linear.T, atol=1e-5)


def saved(settings: Settings, name: str = "mine", **changed: object) -> Path:
    folder = trained.folder_of(name, settings)
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    Head(0.0, False, [(rng.normal(size=(6, 800)).astype(np.float32), np.zeros(6, np.float32))]).save(
        folder / trained.WEIGHTS
    )
    facts = {
        "format": 1, "kind": "head", "title": "Mine", "backbone": "histogram", "backbone_dim": 800, "dim": 6,
        "input_size": 96, "keep": 0.0, "discrete": False,
        "weights_sha256": trained.sha256_of(folder / trained.WEIGHTS),
    }  # fmt: skip
    write_json(folder / trained.FACTS, facts | changed)
    return folder


def test_a_trained_head_is_an_encoder_like_any_other(settings: Settings) -> None:
    saved(settings)
    assert "mine" in encoders.names(settings)
    assert encoders.describe("mine", settings).available
    encoder = encoders.load("mine", settings)
    pictures = [np.random.default_rng(n).integers(0, 256, (40, 60, 3), np.uint8) for n in range(3)]
    vectors = encoder.encode(pictures)
    assert vectors.shape == (3, encoder.dim) == (3, 6)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    below = encoders.load("histogram", settings)
    np.testing.assert_allclose(vectors, encoder.head(below.encode(pictures)), atol=1e-6)  # type: ignore[attr-defined]


def test_other_weights_make_another_fingerprint_and_altered_ones_are_refused(settings: Settings) -> None:
    folder = saved(settings)
    first = encoders.load("mine", settings).fingerprint
    weights = folder / trained.WEIGHTS
    head = Head.load(weights, keep=0.0, discrete=False)
    replace(head, layers=[(head.layers[0][0] * 2, head.layers[0][1])]).save(weights)
    with pytest.raises(DamagedFileError, match="checksum"):
        encoders.load("mine", settings)
    assert not encoders.describe("mine", settings).available
    facts = read_json(folder / trained.FACTS)
    write_json(folder / trained.FACTS, facts | {"weights_sha256": trained.sha256_of(weights)})
    assert encoders.load("mine", settings).fingerprint != first


@pytest.mark.parametrize(
    ("changed", "words"),
    [({"input_size": 32}, "train it again"), ({"format": 99}, "newer version"), ({"kind": "cake"}, "cake")],
)
def test_a_head_that_does_not_fit_says_why(changed: dict, words: str, settings: Settings) -> None:
    saved(settings, **changed)
    with pytest.raises(UnavailableError, match=words):
        encoders.load("mine", settings)


def test_a_folder_without_a_readable_description_does_not_hide_the_others(settings: Settings) -> None:
    saved(settings)
    folder = trained.folder_of("broken", settings)
    folder.mkdir(parents=True)
    (folder / trained.FACTS).write_text("{")
    assert {"mine", "broken"} <= set(encoders.names(settings))
    assert "not valid JSON" in encoders.describe("broken", settings).reason
