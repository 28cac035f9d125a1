"""The example deployments: valid YAML, consistent in themselves, and in the terms of the program as it is."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from core.cli.app import build

PROJECT = Path(__file__).resolve().parents[1]
DEPLOY = PROJECT / "docs" / "deploy"
COMPOSE = sorted(DEPLOY.glob("*.compose.yaml"))
VALUES = sorted(DEPLOY.glob("*.values.yaml"))
QUANTITY = re.compile(r"\d+(\.\d+)?(m|[KMGT]i?)?")
# Top-level keys of the charts' own values.yaml (zilliztech/milvus 5, kuberay/ray-cluster 1) that the examples may use.
CHARTS = {
    "milvus-distributed": {
        "cluster", "image", "streaming", "woodpecker", "pulsarv3", "indexNode", "proxy", "mixCoordinator", "queryNode",
        "dataNode", "streamingNode", "etcd", "minio", "externalS3", "extraConfigFiles",
    },
    "ray-cluster": {"image", "head", "worker"},
}  # fmt: skip


def loaded(path: Path) -> dict[str, Any]:
    value = yaml.safe_load(path.read_text())
    assert isinstance(value, dict)
    return value


def test_there_is_an_example_for_every_step_that_needs_one() -> None:
    names = {path.name for path in (*COMPOSE, *VALUES)}
    assert names == {
        "one-server.compose.yaml", "milvus-standalone.compose.yaml", "milvus-distributed.values.yaml",
        "ray-cluster.values.yaml",
    }  # fmt: skip
    text = (PROJECT / "docs" / "scaling.md").read_text()
    assert {name for name in names if f"(deploy/{name})" in text} == names


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.name)
def test_a_compose_file_refers_only_to_what_it_declares(path: Path) -> None:
    content = loaded(path)
    assert set(content) <= {"services", "volumes", "networks"}
    for name, service in content["services"].items():
        assert re.fullmatch(r"[\w./-]+:[\w.-]+", service["image"]), f"{name} has no image with a version"
        assert not service["image"].endswith(":latest")
        for volume in service.get("volumes", []):
            source, target = volume.split(":")[:2]
            assert target.startswith("/")
            assert source.startswith((".", "/")) or source in content["volumes"], f"{source} is not declared"
        for port in service.get("ports", []):
            assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port), f"{name} is open to everyone"
        waits = service.get("depends_on", {})
        assert set(waits) <= set(content["services"])
        for other in waits:
            assert "healthcheck" in content["services"][other]
        for value in service.get("environment", {}).values():
            assert isinstance(value, str), f"{value} of {name} must be in quotation marks"


@pytest.mark.parametrize("path", VALUES, ids=lambda path: path.name)
def test_values_are_of_keys_that_the_chart_has_and_ask_for_no_more_than_their_limits(path: Path) -> None:
    content = loaded(path)
    assert set(content) <= CHARTS[path.name.removesuffix(".values.yaml")]
    parts = {name: part for name, part in content.items() if isinstance(part, dict) and "resources" in part}
    assert len(parts) >= 2
    for name, part in parts.items():
        resources = part["resources"]
        for quantities in resources.values():
            assert all(QUANTITY.fullmatch(str(quantity)) for quantity in quantities.values()), name
        assert _bytes(resources["requests"]["memory"]) <= _bytes(resources["limits"]["memory"])
        assert int(resources["requests"]["cpu"]) <= int(resources["limits"]["cpu"])
        mounted = {mount["name"] for mount in part.get("volumeMounts", [])}
        assert mounted == {volume["name"] for volume in part.get("volumes", [])}


def test_the_examples_use_the_versions_that_are_installed() -> None:
    pinned = re.search(r"ray\[client\]==([\d.]+)", (PROJECT / "requirements-scale.txt").read_text())
    assert pinned
    values = loaded(DEPLOY / "ray-cluster.values.yaml")
    assert values["head"]["rayVersion"] == pinned[1]
    assert values["image"]["tag"].startswith(pinned[1])
    standalone = loaded(DEPLOY / "milvus-standalone.compose.yaml")["services"]["milvus"]["image"]
    assert standalone.split(":")[1] == loaded(DEPLOY / "milvus-distributed.values.yaml")["image"]["all"]["tag"]


@pytest.mark.parametrize("path", [*COMPOSE, *VALUES, PROJECT / "docs" / "scaling.md"], ids=lambda path: path.name)
def test_the_commands_that_are_named_exist(path: Path) -> None:
    text = path.read_text()
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)", text)) <= targets
    verbs = get_command(build()).commands  # type: ignore[attr-defined]
    for line in re.findall(r"python -m core ([^`\n]*)", text):
        words = line.split()
        command = verbs[words[0]]
        if words[0] in ("bench", "evaluate"):
            command = command.commands[words[1]]
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known, line


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.name)
def test_docker_accepts_the_compose_file(path: Path) -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True).returncode:
        pytest.skip("docker compose is not installed")
    environment = {"PATH": str(Path(docker).parent), "S3_PASSWORD": "anything long", "MILVUS_TOKEN": "root:Milvus"}
    done = subprocess.run(
        [docker, "compose", "-f", str(path), "config", "--quiet"], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr


def _bytes(quantity: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)([KMGT]?)i?", quantity).groups()  # type: ignore[union-attr]
    return float(number) * 1024 ** " KMGT".index(unit or " ")
