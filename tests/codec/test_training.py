"""Training, in seconds and with a tiny model: it resumes, learns, and gives a codec that works."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from core import datasets
from core.cli.train_codec import _shares, _sources
from core.codec import LearnedCodec
from core.codec.calibrate import calibrate
from core.codec.crops import CropSource, draw_batch
from core.codec.klt import boundary_filter, karhunen_loeve, prefilter
from core.codec.shape import Shape
from core.codec.train import TrainingPlan, load_checkpoint, train
from core.settings import Settings
from core.types import Image

from .conftest import scene

TINY = Shape(
    n_latents=16, groups=(0, 4, 16), context_widths=(8, 8), encoder_widths=(8, 8), decoder_widths=(8, 8),
    steps=(200.0, 60.0),
)  # fmt: skip


@pytest.fixture(scope="module")
def sources() -> list[CropSource]:
    return [CropSource([scene(160, 140, seed) for seed in range(6)], 0.7), CropSource([scene(70, 66, 9)], 0.3)]


@pytest.fixture(scope="module")
def trained(sources: list[CropSource], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    plan = TrainingPlan(minutes=0.04, batch_pixels=2 * 128 * 128)
    train(sources, [scene(64, 64, 20)], folder, plan=plan, shape=TINY)
    return folder


def test_a_run_continues_where_it_stopped(sources: list[CropSource], trained: Path) -> None:
    before = json.loads((trained / "log.jsonl").read_text().splitlines()[-1])
    assert before["step"] > 0
    again = train(sources, [scene(64, 64, 20)], trained, plan=TrainingPlan(minutes=0.06, batch_pixels=2 * 128 * 128))
    after = json.loads((trained / "log.jsonl").read_text().splitlines()[-1])
    assert after["step"] > before["step"]
    assert after["minutes"] > before["minutes"]
    assert load_checkpoint(again).shape == TINY


def test_a_trained_model_becomes_a_codec_whose_real_streams_cost_what_was_estimated(
    sources: list[CropSource], trained: Path, tmp_path: Path
) -> None:
    import torch

    network = load_checkpoint(trained / "checkpoint.pt")
    calibrate(network, sources, np.random.default_rng(0), tmp_path / "tiny.safetensors", n_batches=2)
    codec = LearnedCodec(tmp_path / "tiny.safetensors")
    pictures = [scene(128, 128, seed) for seed in (30, 31)]
    streams = codec.encode(pictures, codec.shape.n_positions - 1)
    pixels = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        estimated = float(network(pixels, torch.ones(2)).bits.sum()) / 8
    assert sum(len(stream.data) for stream in streams) == pytest.approx(estimated, rel=0.08)
    assert all(picture.shape == (128, 128, 3) for picture in codec.decode(streams))


def test_crops_of_one_batch_have_one_side_and_the_pixels_asked_for(sources: list[CropSource]) -> None:
    rng = np.random.default_rng(0)
    sides = {draw_batch(sources, 4 * 128 * 128, rng).shape[:2] for _ in range(20)}
    assert sides == {(4, 128), (16, 64)}


def test_the_prefilter_is_orthogonal_and_can_be_undone() -> None:
    matrix = boundary_filter()
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(16), atol=1e-12)
    pixels = scene(48, 32, 0).astype(np.float32)
    np.testing.assert_allclose(prefilter(prefilter(pixels), inverse=True), pixels, atol=1e-3)


def test_the_transform_starts_from_orthonormal_kernels() -> None:
    pictures: list[Image] = [scene(64, 64, seed) for seed in range(8)]
    kernels, deviations = karhunen_loeve(pictures, 24)
    flat = kernels.reshape(24, -1)
    np.testing.assert_allclose(flat @ flat.T, np.eye(24), atol=1e-4)
    assert (np.diff(deviations) <= 0).all()
    with pytest.raises(ValueError, match="16x16"):
        karhunen_loeve([np.zeros((8, 8, 3), np.uint8)], 4)


def test_galleries_are_weighed_by_the_shares_that_are_given(settings: Settings, tmp_path: Path) -> None:
    pictures = {f"{seed}.png": scene(130, 132, seed) for seed in range(3)}
    for name in ("big", "small"):
        folder = tmp_path / name
        folder.mkdir()
        for file, pixels in pictures.items():
            PillowImage.fromarray(pixels).save(folder / file)
        datasets.import_folder(folder, name, settings)
    weighed, checks = _sources(_shares(["big=3", "small=1"]), set(), settings)
    assert [source.weight for source in weighed] == [3, 1]
    assert len(checks) == 2
    plain, _ = _sources(_shares(["big", "small"]), {"1"}, settings)
    assert plain[0].weight == plain[1].weight == (130 * 132) ** 0.5  # the first is kept aside, "1" is excluded
    for wrong in (["big=3", "small"], ["big=x"], ["big=0"], ["big=nan"]):
        with pytest.raises(ValueError, match="share"):
            _shares(wrong)
