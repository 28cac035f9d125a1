"""The registry knows every index by name, and imports none before it is used."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core import indexes
from core.errors import UnavailableError, UnknownNameError

PROJECT = Path(__file__).resolve().parents[2]


def test_the_names_of_the_design_are_registered() -> None:
    promised = {"flat", "kdtree", "lsh", "minhash-lsh", "faiss-flat", "faiss-ivfflat", "faiss-ivfpq", "faiss-ivfpqfs"}
    assert promised | {"faiss-hnsw", "faiss-lsh"} <= set(indexes.names())
    assert len(set(indexes.names())) == len(indexes.names())


@pytest.mark.parametrize("name", indexes.names())
def test_every_index_is_described_in_one_sentence(name: str) -> None:
    info = indexes.describe(name)
    assert info.summary.endswith(".")
    assert info.summary[0].isupper()
    assert len(info.summary) < 130
    index = indexes.create(name, 32)
    assert (index.name, index.dim, len(index)) == (name, 32, 0)


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="there is no index 'ivf'; choose one of: flat"):
        indexes.create("ivf", 8)


@pytest.mark.parametrize("name", indexes.names())
def test_unknown_parameters_and_dimensions_are_refused(name: str) -> None:
    with pytest.raises(TypeError, match="colour"):
        indexes.create(name, 8, colour="red")
    with pytest.raises(ValueError, match="dim must be at least 1, got 0"):
        indexes.create(name, 0)


def test_importing_the_package_loads_no_heavy_library() -> None:
    heavy = ("faiss", "numba", "sklearn", "torch", "datasketch")
    code = f"import core.indexes, sys; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_ivfpq_is_offered_by_the_package_and_nothing_else_is_made_up() -> None:
    assert indexes.IVFPQ.__name__ == "IVFPQ"
    with pytest.raises(AttributeError, match="has no attribute 'IVFQP'"):
        indexes.IVFQP  # noqa: B018


@pytest.mark.parametrize(("name", "package"), [("kdtree", "sklearn"), ("minhash-lsh", "datasketch")])
def test_a_missing_package_is_named_with_the_command_to_install_it(
    name: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    vectors = np.random.default_rng(0).standard_normal((20, 4))
    with pytest.raises(UnavailableError, match=r"is not installed .*; run: pip install "):
        indexes.create(name, 4).train(vectors).add(vectors)
