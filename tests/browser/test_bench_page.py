"""The benchmark of the page: an upload's way is measured in the page, and its parts make up the whole."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from core.evaluation.bench_page import WARMING, bench_page
from core.settings import Settings


def test_every_upload_is_measured_until_its_results_are_there(prepared: Settings) -> None:
    dataset_pictures = sorted((prepared.datasets / "paintings").rglob("*.jpg"))
    files = [path.read_bytes() for path in dataset_pictures[: WARMING + 2]]
    if len(files) < WARMING + 2:
        pytest.fail("the gallery has no JPEGs to upload")
    said: list[int] = []
    with ThreadPoolExecutor(1) as pool:  # this thread may have the loop of the other browser tests
        found = pool.submit(
            bench_page, prepared, "paintings", files, progress=lambda done, total, what: said.append(done)
        ).result()
    assert found["count"] == 2
    assert 0 < found["p50_ms"] <= found["p95_ms"]
    parts = found["median_parts_ms"]
    assert all(parts[name] > 0 for name in ("upload", "search", "page"))
    assert said == list(range(WARMING + 2))
