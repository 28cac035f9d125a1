"""The benchmark of searching and importing, on a few pictures: what it measures, not how fast that is."""

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.cli.app import build
from core.settings import Settings


def test_it_reports_latency_users_and_the_ratio_to_a_plain_pipeline(
    prepared: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENTIMENTO_HOME", str(prepared.root))
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)  # as if it were not installed
    out = tmp_path / "results" / "search.json"
    sizes = ["--uploads", "2", "--pictures", "4", "--rounds", "1", "--users", "3", "--chosen", "1"]
    result = CliRunner().invoke(build(), ["bench", "search", "paintings", *sizes, "--out", str(out)])
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("upload to results: p50 ")
    found = json.loads(out.read_text())
    assert "on the page: left out, playwright is not installed; run: make setup-dev" in result.stdout
    assert found["page"] == {"left_out": "playwright is not installed; run: make setup-dev"}
    assert found["upload"]["count"] == 2
    assert 0 < found["upload"]["p50_ms"] <= found["upload"]["p95_ms"]
    assert (found["users"]["users"], found["users"]["searches"], found["users"]["errors"]) == (3, 18, [])
    assert found["import"]["ratio"] == pytest.approx(found["import"]["ours_per_s"] / found["import"]["plain_per_s"])
