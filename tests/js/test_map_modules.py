"""Runs the JavaScript tests of the map's renderer with Node's own test runner, where Node is."""

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
_LEAST = (20, 19)  # from here on Node sees by itself that a .js file is an ES module


def _node() -> str:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed: the map's modules are tested in the browser only")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if tuple(int(part) for part in version.lstrip("v").split(".")[:2]) < _LEAST:
        pytest.skip(
            f"Node {version} is older than {_LEAST[0]}.{_LEAST[1]}: the map's modules are tested in the browser only"
        )
    return node


@pytest.mark.parametrize("file", sorted(path.name for path in HERE.glob("*.test.mjs")))
def test_every_statement_about_the_module_holds(file: str) -> None:
    done = subprocess.run(
        [_node(), "--test", str(HERE / file)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
