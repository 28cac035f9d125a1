"""What needs no cluster: which addresses are refused, and what a node checks before it works."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.datasets import Dataset
from core.errors import ClusterError, UnavailableError
from core.features import FeatureStore, extract
from core.features.cluster import _join_elsewhere, connect
from core.features.cluster_encode import NodeEncoder
from core.indexes import create
from core.indexes.ivfpq_cluster import NodeCoder
from core.settings import Address, Settings

pytest.importorskip("ray", reason="ray is not installed; see requirements-scale.txt")

MINE = Address("mine", "histogram")
Make = Callable[..., Dataset]


@pytest.mark.parametrize("prefix", ["ray://", ""])
def test_a_cluster_that_does_not_answer_is_an_error_that_says_what_to_check(
    settings: Settings, prefix: str, free_port: Callable[[], int]
) -> None:
    with (
        pytest.raises(ClusterError, match=r"no Ray cluster answers at .*ray start --head.*10001"),
        connect(f"{prefix}127.0.0.1:{free_port()}", settings),
    ):
        pass


def test_an_address_of_no_known_form_is_misuse(settings: Settings) -> None:
    for address in ("", "somewhere", "http://host:10001", "ray://host"):
        with pytest.raises(ValueError, match="a cluster is auto"), connect(address, settings):
            pass


def test_without_ray_the_error_says_what_to_install(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UnavailableError, match=r"pip install -r requirements-scale\.txt"), connect("auto", settings):
        pass


def test_a_node_encodes_only_with_the_same_encoder_and_where_the_pictures_are(
    settings: Settings, make_gallery: Make
) -> None:
    facts = dict(make_gallery(settings, count=1).catalog.meta())
    gone = {**facts, "source_folder": "/nowhere at all"}
    with pytest.raises(UnavailableError, match=r"no folder /nowhere at all .*mount it there.*PENTIMENTO_NODE_HOME"):
        NodeEncoder(settings, "mine", gone, "histogram", "any")
    with pytest.raises(UnavailableError, match="another version than here"):
        NodeEncoder(settings, "mine", facts, "histogram", "another fingerprint")


def test_a_node_may_have_its_data_elsewhere(
    settings: Settings, make_gallery: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    make_gallery(settings, count=4)
    extract(MINE, settings)
    store = FeatureStore.open(MINE, settings)
    index = create("ivfpq", 16).train(np.random.default_rng(0).random((64, 16), np.float32))
    arguments = MINE, store.folder.name, store.state, index.model, None
    elsewhere = Settings(root=tmp_path / "another")
    task = (0, 4, None)
    assert NodeCoder(elsewhere, *arguments).work(task) is None  # asks for the vectors
    monkeypatch.setenv("PENTIMENTO_NODE_HOME", str(settings.root))
    assert NodeCoder(elsewhere, *arguments)._vectors is not None
    assert NodeCoder(elsewhere, MINE, store.folder.name, "another state", index.model, None).work(task) is None


def test_a_head_that_is_too_busy_to_let_a_client_in_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    asked: list[str] = []

    def let_in(head: str, **_: object) -> None:
        asked.append(head)
        if len(asked) < 3:
            raise ConnectionAbortedError("Initialization failure: Starting Ray client server failed.")

    monkeypatch.setattr(ray.util, "connect", let_in)
    _join_elsewhere("head:10001")
    assert asked == ["head:10001"] * 3
    asked.clear()

    def refuse(head: str, **_: object) -> None:
        asked.append(head)
        raise ConnectionAbortedError("another reason")

    monkeypatch.setattr(ray.util, "connect", refuse)
    with pytest.raises(ConnectionAbortedError):
        _join_elsewhere("head:10001")
    assert len(asked) == 1
