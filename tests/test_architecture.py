"""The layers import downwards only, and heavy packages only where the design allows them."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
SHARED_BASE = {"types", "errors", "arrays", "settings", "storage", "imaging"}
LAYERS = [
    "datasets", "encoders", "features", "indexes", "projection", "codec", "search", "archive", "training", "evaluation",
    "cli",
]  # fmt: skip
CODE = sorted([PROJECT / "app.py", *(PROJECT / "core").rglob("*.py"), *(PROJECT / "gradio_ui").rglob("*.py")])
ALLOWED_FILES = {
    "faiss": ("core/indexes/faiss_adapter", "core/evaluation/bench_"),
    "umap": ("core/projection/umap_adapter",),
    "pymilvus": ("core/indexes/milvus_client",),
    "ray": ("core/features/cluster",),
    "torch": ("core/encoders/", "core/codec/", "core/training/", "core/evaluation/bench_"),
}


def imports(path: Path) -> list[str]:
    """Return every module that a file imports when it runs, in functions too, but not for types alone."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} uses a relative import"
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def place(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


def test_every_layer_imports_only_the_shared_base_and_layers_before_it() -> None:
    faults = []
    for path in CODE:
        parts = path.relative_to(PROJECT).with_suffix("").parts
        if parts[0] != "core":
            continue
        layer = parts[1] if len(parts) > 2 else None
        for module in imports(path):
            names = module.split(".")
            if names[0] == "gradio_ui" and layer != "cli":
                faults.append(f"{place(path)} imports {module}")
            if names[0] != "core" or len(names) < 2:
                continue
            target = names[1]
            if layer in LAYERS and target in LAYERS and LAYERS.index(target) > LAYERS.index(layer):
                faults.append(f"{place(path)} imports {module}")
            if parts[1] in SHARED_BASE and target in LAYERS:
                faults.append(f"{place(path)} imports {module}")
    assert not faults


@pytest.mark.parametrize("package", sorted(ALLOWED_FILES))
def test_heavy_packages_are_imported_only_where_the_design_allows(package: str) -> None:
    users = {place(path) for path in CODE for module in imports(path) if module.split(".")[0] == package}
    assert not {user for user in users if not user.startswith(ALLOWED_FILES[package])}


def test_data_folders_hold_no_code() -> None:
    assert not [p for folder in ("features", "indexes", "datasets") for p in (PROJECT / folder).rglob("*.py")]


def test_every_module_can_be_imported_before_any_other_of_ours() -> None:
    program = """
import importlib, pkgutil, sys, core, gradio_ui
for root in (core, gradio_ui):
    for module in pkgutil.walk_packages(root.__path__, root.__name__ + "."):
        for name in [name for name in sys.modules if name.split(".")[0] in ("core", "gradio_ui")]:
            del sys.modules[name]
        importlib.import_module(module.name)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
