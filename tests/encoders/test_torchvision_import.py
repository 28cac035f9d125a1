"""torchvision is imported whether its compiled part loads or not."""

from pathlib import Path

import pytest

from core.encoders import torchvision_import
from core.encoders.torchvision_import import torchvision
from core.errors import UnavailableError


class Recorder:
    """Stands in for torch.library.Library."""

    def __init__(self, namespace: str, kind: str) -> None:
        self.defined: list[str] = []
        assert (namespace, kind) == ("torchvision", "DEF")

    def define(self, schema: str) -> None:
        self.defined.append(schema.split("(")[0])


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import torch

    (tmp_path / "_C.so").touch()
    monkeypatch.setattr(torch.library, "Library", Recorder)
    return tmp_path


def test_it_works_with_the_builds_installed_here() -> None:
    import torch

    network = torchvision().models.get_model("shufflenet_v2_x1_0", weights=None).eval()
    assert torchvision() is torchvision()
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, 64, 64)).shape == (1, 1000)


def test_nothing_is_defined_where_the_compiled_part_loads(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.ops, "load_library", lambda path: None)
    assert torchvision_import._operators(package) == package / "_C.so"


def test_the_two_schemas_are_defined_where_it_does_not(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    def refuse(path: str) -> None:
        raise OSError("libcudart.so.13: cannot open shared object file")

    monkeypatch.setattr(torch.ops, "load_library", refuse)
    assert torchvision_import._operators(package).defined == ["nms", "qnms"]


def test_without_torchvision_the_error_says_what_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchvision_import, "find_spec", lambda name: None)
    monkeypatch.delitem(torchvision_import.sys.modules, "torchvision", raising=False)
    with pytest.raises(UnavailableError, match="run: make setup"):
        torchvision()
