"""What a collection costs: the arithmetic, the measurements on a small gallery, and the tables of the documentation."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from core.arrays import normalize
from core.datasets import open as open_dataset
from core.evaluation import scale_parts
from core.evaluation.scale_table import (
    Prices,
    build_seconds,
    checked,
    cpu_seconds,
    dollars,
    index_bytes,
    lists_of,
    query_ms,
    report,
    with_prices,
)
from core.features import FeatureStore
from core.settings import Address, Settings
from core.types import Json

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture
def found() -> Json:
    """The results that the documentation quotes."""
    return checked(json.loads((DOCS / "scaling.json").read_text()))


def test_the_tables_of_the_documentation_are_what_the_command_prints(found: Json) -> None:
    text = (DOCS / "scaling.md").read_text()
    quoted = text.split("<!-- what `python -m core bench scale` printed -->\n")[1].split("<!-- end -->")[0]
    assert quoted.strip() == report(found).strip()


def test_new_prices_give_new_tables_of_old_measurements(found: Json) -> None:
    from core.cli.app import build

    done = CliRunner().invoke(build(), ["bench", "scale", "--of", str(DOCS / "scaling.json"), "--core-hour", "0.5"])
    assert done.exit_code == 0, done.output
    dearer = with_prices(found, Prices(core_hour=0.5))
    assert done.stdout.strip() == report(dearer).strip()
    once, monthly = dollars(found, 10**6, "ivfpq")
    assert dollars(dearer, 10**6, "ivfpq") == pytest.approx((once * 0.5 / found["prices"]["core_hour"], monthly))
    assert once == pytest.approx(10**6 * cpu_seconds(found, 10**6, "ivfpq") / 3600 * found["prices"]["core_hour"])


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a result of `bench scale`: it has no archive"):
        checked({"pictures": []})


def test_an_index_with_lists_grows_as_they_do_up_to_as_many_as_there_can_be() -> None:
    entry = {
        "index": "ivfpq", "vectors": 40_000, "n_lists": 800, "memory_bytes": 20.0, "memory_bytes_of_list": 5_000.0,
        "memory_bytes_besides": 7.0, "train_cpu_s": 2e-4, "add_cpu_s": 1e-4, "query_cpu_ms": 0.1,
    }  # fmt: skip
    assert [lists_of(n) for n in (39, 10_000, 10**6, 10**9)] == [1, 256, 4_000, 65_536]
    assert index_bytes(entry, 10**6) == 20e6 + 5_000 * 4_000 + 7
    assert index_bytes(entry, 10**9) == 20e9 + 5_000 * 65_536 + 7
    assert build_seconds(entry, 40_000) == pytest.approx(3e-4)
    assert build_seconds(entry, 10**6) == pytest.approx(5 * 3e-4)
    assert query_ms(entry, 10**6) == pytest.approx(0.5)  # 4,000 lists, 250 codes in each
    assert query_ms(entry, 10**9) == pytest.approx(0.1 * (10**9 / 65_536) / 50)  # 15,259 codes in each


def test_an_index_without_lists_grows_with_its_vectors_and_a_graph_with_their_logarithm() -> None:
    entry = {
        "index": "hash", "vectors": 10_000, "n_lists": 0, "memory_bytes": 20.0, "memory_bytes_of_list": 0.0,
        "memory_bytes_besides": 7.0, "train_cpu_s": 2e-4, "add_cpu_s": 1e-4, "query_cpu_ms": 0.1,
    }  # fmt: skip
    assert index_bytes(entry, 10**9) == 20e9 + 7
    assert build_seconds(entry, 10**6) == pytest.approx(3e-4)
    assert build_seconds(entry, 10**9) == pytest.approx(1e-4 + 2e-4 * 39 * 65_536 / 1e9)
    assert query_ms(entry, 10**6) == pytest.approx(10)
    assert query_ms({**entry, "index": "faiss-hnsw"}, 10**8) == pytest.approx(0.2)


@pytest.mark.parametrize("name", ["ivfpq", "flat"])
def test_the_bytes_that_were_measured_come_back_from_what_was_made_of_them(name: str) -> None:
    rng = np.random.default_rng(0)
    vectors = normalize(rng.random((2400, 32), np.float32))
    entry = scale_parts.index_costs(name, vectors, vectors[:4])
    built = scale_parts._index_at(name, vectors, vectors[:4], entry["n_lists"])
    assert index_bytes(entry, 2400) == pytest.approx(built["memory_bytes"])
    assert index_bytes(entry, 2400, "disk") == pytest.approx(built["disk_bytes"], rel=1e-3)
    assert all(entry[seconds] >= 0 for seconds in ("train_cpu_s", "add_cpu_s"))
    # A code of 16 bytes, its term and its place, and what is free in its list's last block; or a vector and its square.
    least, most = (16 + 2 + 4 + 4, 60) if name == "ivfpq" else (32 * 4 + 4 + 4, 32 * 4 + 4 + 4)
    assert least <= entry["memory_bytes"] <= most


def test_a_vector_on_disk_and_a_row_of_the_catalog_have_the_bytes_that_their_files_have(prepared: Settings) -> None:
    address = Address("satellite", "efficientnet_lite0")
    store = FeatureStore.open(address, prepared)
    assert scale_parts.feature_costs(store)["disk_bytes"] == pytest.approx(4 * 1280 + 8 + 32, rel=0.01)
    costs = scale_parts.catalog_costs(open_dataset("satellite", prepared), 1200)
    assert 300 < costs["disk_bytes"] < 3000
    assert costs["words_disk_bytes"] > 50


def test_vectors_made_of_real_ones_have_their_neighbourhoods(prepared: Settings) -> None:
    vectors = FeatureStore.open(Address("satellite", "efficientnet_lite0"), prepared).vectors
    made = scale_parts.multiplied(vectors, 1500)
    np.testing.assert_allclose(made[: len(vectors)], vectors, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(made, axis=1), 1, atol=1e-5)
    copy = made[len(vectors)]
    assert 0.9 < float(copy @ vectors[0]) < 0.999
    assert int(np.argmax(vectors @ copy)) == 0


def test_prices_are_named_like_the_options_of_the_command() -> None:
    from typer.main import get_command

    from core.cli.app import build

    command = get_command(build()).commands["bench"].commands["scale"]  # type: ignore[attr-defined]
    defaults = {parameter.name: parameter.default for parameter in command.params}
    for name, price in asdict(Prices()).items():
        assert defaults[name] == price
