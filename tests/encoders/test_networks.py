"""Networks: exported to ONNX Runtime they give what torch gives; weights are checked; damaged files are made again.

Where weights cannot be downloaded, random ones stand in for them: architecture, file names, loading, export and
preprocessing are then the same.
"""

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from core import encoders
from core.encoders.efficientnet_lite0 import _find, classifier
from core.encoders.feature_maps import load_feature_maps
from core.encoders.network import Network
from core.encoders.registry import back_end
from core.encoders.torch_runtime import TorchEncoder
from core.encoders.torchvision_import import torchvision
from core.errors import DamagedFileError
from core.settings import Settings
from core.storage import read_json
from core.types import Image


def pictures(count: int = 3) -> list[Image]:
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (90 + 40 * n, 300, 3), np.uint8) for n in range(count)]


def by_torch(name: str, settings: Settings) -> np.ndarray:
    network = back_end(name, settings)
    assert isinstance(network, Network)
    weights = network.find()
    assert weights is not None
    return TorchEncoder(network, weights, "", settings).encode(pictures())


def with_random_weights(name: str, home: Path) -> None:
    """Put weights where torch's downloader would have put them."""
    import torch

    torch.manual_seed(0)
    folder = home / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    if name == "dinov2_vits14":
        torchvision()
        import timm

        state = timm.create_model("vit_small_patch14_dinov2", pretrained=False, num_classes=0).state_dict()
        state["mask_token"] = torch.zeros(1, 384)  # the authors' file has it
        torch.save(state, folder / "dinov2_vits14_pretrain.pth")
        return
    from core.encoders.torchvision_models import _MODELS

    torch.save(torchvision().models.get_model(name, weights=None).state_dict(), folder / _MODELS[name].file)


def test_the_embedded_encoder_gives_by_onnx_what_torch_gives(prepared: Settings) -> None:
    vectors = encoders.load("efficientnet_lite0", prepared).encode(pictures())
    expected = by_torch("efficientnet_lite0", prepared)
    assert (1 - (vectors * expected).sum(axis=1)).max() < 1e-3  # as the export is checked; measured 1e-6
    facts = read_json(next((prepared.cache / "networks").glob("efficientnet_lite0-*.json")))
    assert facts["cosine_distance_to_torch"] < 1e-3


def test_stages_are_means_and_deviations_of_feature_maps_each_of_norm_1(prepared: Settings) -> None:
    import torch

    weights = _find()
    assert weights is not None
    network = classifier(weights)
    maps: list[np.ndarray] = []
    for block in [*network.blocks[2:6], network.bn2]:  # type: ignore[index,misc,list-item]
        block.register_forward_hook(lambda _module, _inputs, output: maps.append(output.numpy().astype(np.float64)))
    encoder = encoders.load("efficientnet_lite0_stages", prepared)
    found = encoder.encode(pictures())
    for image, vector in zip(pictures(), found, strict=True):
        maps.clear()
        pixels = torch.from_numpy(encoder.prepare(image).astype(np.float32)[None])
        with torch.inference_mode():
            network((pixels.permute(0, 3, 1, 2) - 127) / 128)
        parts = []
        for number, cells in enumerate(maps):  # of 40, 80, 112, 192 and 1280 channels
            parts.append(cells[0].mean(axis=(1, 2)))
            if number < 3:
                parts.append(cells[0].std(axis=(1, 2)))
        expected = np.concatenate([part / np.linalg.norm(part) for part in parts])
        expected /= np.linalg.norm(expected)
        assert vector.shape == expected.shape == (1936,)
        np.testing.assert_allclose(vector, expected, atol=1e-4)  # float32 through fifty layers; measured 1e-6


def test_regions_are_explained_by_the_last_map_of_the_same_network(prepared: Settings) -> None:
    plain, stages, head = (
        load_feature_maps(name, prepared) for name in ("efficientnet_lite0", "efficientnet_lite0_stages", "satellite")
    )
    cells = plain.cells(pictures()[0])
    assert cells.shape == (7, 7, 1280)
    assert (stages.cells(pictures()[0]) == cells).all()
    assert (head.cells(pictures()[0]) == cells).all()


@pytest.mark.parametrize("name", ["shufflenet_v2_x1_0", "mobilenet_v3_small", "resnet18", "dinov2_vits14"])
def test_weights_in_torchs_folder_are_found_exported_and_used(
    name: str, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    with_random_weights(name, tmp_path / "torch")
    info = encoders.describe(name, settings)
    assert info.available
    vectors = encoders.load(name, settings).encode(pictures())
    assert vectors.shape == (3, info.dim)
    assert (1 - (vectors * by_torch(name, settings)).sum(axis=1)).max() < 1e-3


def test_without_onnx_runtime_torch_runs_the_network_under_another_fingerprint(
    prepared: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from importlib.util import find_spec

    by_onnx = encoders.load("efficientnet_lite0", prepared)
    monkeypatch.setattr(
        "core.encoders.network.find_spec", lambda name: None if name == "onnxruntime" else find_spec(name)
    )
    by_torch = encoders.load("efficientnet_lite0", prepared)
    assert isinstance(by_torch, TorchEncoder)
    assert by_torch.fingerprint != by_onnx.fingerprint
    assert (1 - (by_torch.encode(pictures()) * by_onnx.encode(pictures())).sum(axis=1)).max() < 1e-3


def test_weights_of_another_network_are_refused(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with_random_weights("mobilenet_v3_small", tmp_path)
    folder = tmp_path / "hub" / "checkpoints"
    (folder / "mobilenet_v3_small-047dcff4.pth").rename(folder / "resnet18-f37072fd.pth")
    with pytest.raises(DamagedFileError, match="does not hold the weights of resnet18"):
        encoders.load("resnet18", settings)


def test_a_damaged_exported_network_is_exported_again(settings: Settings, prepared: Settings) -> None:
    import shutil

    shutil.copytree(prepared.cache / "networks", settings.cache / "networks")
    (path,) = (
        path for path in (settings.cache / "networks").glob("efficientnet_lite0-*.onnx") if "-cells-" not in path.name
    )
    whole = path.read_bytes()
    path.write_bytes(whole[:-1000])
    expected = encoders.load("efficientnet_lite0", prepared)
    found = encoders.load("efficientnet_lite0", settings)
    assert path.stat().st_size == len(whole)
    np.testing.assert_allclose(found.encode(pictures()), expected.encode(pictures()), atol=1e-5)


def test_once_exported_neither_torch_nor_timm_is_imported(prepared: Settings) -> None:
    script = (
        "import sys, pathlib, numpy\n"
        "from core import encoders\n"
        "from core.settings import Settings\n"
        "encoder = encoders.load('efficientnet_lite0', Settings(root=pathlib.Path(sys.argv[1])))\n"
        "assert encoder.encode([numpy.zeros((9, 9, 3), 'uint8')]).shape == (1, 1280)\n"
        "assert not {'torch', 'timm', 'torchvision'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(prepared.root)], check=True)


def test_concurrent_calls_give_what_single_ones_give(prepared: Settings) -> None:
    encoder = encoders.load("efficientnet_lite0", prepared)
    images = pictures(6)
    expected = encoder.encode(images)
    found: dict[int, np.ndarray] = {}
    threads = [
        threading.Thread(target=lambda number=number: found.update({number: encoder.encode([images[number]])[0]}))
        for number in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_allclose(np.stack([found[number] for number in range(6)]), expected, atol=1e-6)


def top_classes(images: list[Image], count: int) -> list[list[int]]:
    """The ImageNet classes that the embedded network finds most likely."""
    import torch

    weights = _find()
    assert weights is not None
    preparation = back_end("efficientnet_lite0").preparation  # type: ignore[attr-defined]
    squares = torch.from_numpy(np.stack([preparation(image) for image in images]))
    with torch.inference_mode():
        logits = classifier(weights)((squares.permute(0, 3, 1, 2).float() - 127) / 128)
    return logits.topk(count, dim=1).indices.tolist()


def test_the_weights_recognise_what_paintings_show(prepared: Settings) -> None:
    from core import datasets

    dataset = datasets.open("paintings", prepared)
    by_title = {record.title: record for record in dataset}
    titles = ["The Spanish Singer", "Madonna and Child Enthroned with Saints"]
    singer, madonna = top_classes([dataset.load(by_title[title]) for title in titles], 3)
    assert set(singer) & {402, 420}  # acoustic guitar, banjo
    assert 406 in madonna  # altar


def test_the_weights_give_sensible_answers_on_photographs(shared_data: Path) -> None:
    import io
    import zipfile

    from core import imaging

    expected = {"kodim04": 515, "kodim13": 979, "kodim19": 437, "kodim20": 895, "kodim21": 437, "kodim23": 88}
    # cowboy hat, valley, lighthouse, warplane, lighthouse, macaw
    with zipfile.ZipFile(shared_data / "kodak.zip") as archive:
        images = [imaging.open_image(io.BytesIO(archive.read(f"kodak/{name}.png")).getvalue()) for name in expected]
    for wanted, found in zip(expected.values(), top_classes(images, 1), strict=True):
        assert found == [wanted]
