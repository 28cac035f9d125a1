"""`doctor`: what is installed, prepared, stale or missing, and what to run."""

import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

import typer

from core.cli.console import print_json
from core.settings import Settings

_NEEDED = ("numpy", "pillow", "faiss-cpu", "onnxruntime", "gradio", "typer", "filelock", "numba", "umap-learn")
_FOR_EXPORT = ("torch", "torchvision", "timm")
_OPTIONAL = {
    "open_clip_torch": "the encoder open_clip_vit_b_32",
    "pillow-heif": "reading HEIC pictures",
    "pillow-jxl-plugin": "reading JPEG XL pictures",
    "pymilvus": "the milvus index",
    "ray": "extraction on a cluster",
}


def register(app: typer.Typer) -> None:
    """Add the verb."""

    @app.command()
    def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
        """Say what is installed, prepared, stale or missing, and what to run. Exit code 1 if something is needed."""
        settings = Settings.from_environment()
        report = examine(settings)
        if as_json:
            print_json(report)
        else:
            _print(report)
        if report["to_run"]:
            raise typer.Exit(1)


def examine(settings: Settings) -> dict[str, Any]:
    """Return everything that `doctor` says, as JSON."""
    from core import __version__, datasets, encoders
    from core.errors import RetrievalError
    from core.search.galleries import addresses, gallery_info

    to_run: list[str] = []
    packages = {name: _version(name) for name in (*_NEEDED, *_FOR_EXPORT, *_OPTIONAL)}
    if any(packages[name] is None for name in (*_NEEDED, *_FOR_EXPORT)):
        to_run.append("make setup")
    known = [encoders.describe(name, settings) for name in encoders.names(settings)]
    galleries = []
    for address in addresses(settings):
        try:
            info = gallery_info(address, settings)
        except RetrievalError as error:
            galleries.append({"gallery": str(address), "state": "damaged", "message": str(error), "count": 0})
            to_run.append(f"python -m core data check {address.dataset}")
            continue
        unavailable = {entry.name: entry.reason for entry in info.indexes if not entry.available}
        state = "missing" if not info.ready else "stale" if info.message or _outdated(unavailable) else "ready"
        if state != "ready":
            to_run.append(f"python -m core index {address}")
        galleries.append(
            {
                "gallery": str(address), "state": state, "message": info.message, "count": info.count,
                "indexes": [entry.name for entry in info.indexes if entry.available], "unavailable": unavailable,
            }
        )  # fmt: skip
    prepared = datasets.names(settings)
    absent = [name for name in datasets.known() if name not in prepared]
    if any(name in datasets.EMBEDDED for name in absent):
        to_run.append("python -m core index " + " ".join(name for name in absent if name in datasets.EMBEDDED))
    existing = next(path for path in (settings.root, *settings.root.parents) if path.exists())
    return {
        "version": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "root": str(settings.root),
        "threads": settings.threads,
        "free_bytes": shutil.disk_usage(existing).free,
        "packages": packages,
        "encoders": [
            {"name": info.name, "dim": info.dim, "available": info.available, "reason": info.reason} for info in known
        ],
        "galleries": galleries,
        "not_prepared": absent,
        "to_run": to_run,
    }


def _outdated(unavailable: dict[str, str]) -> bool:
    return any("run: python -m core" in reason and "not built" not in reason for reason in unavailable.values())


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _print(report: dict[str, Any]) -> None:
    typer.echo(f"Pentimento {report['version']}, Python {report['python']}, {report['system']}")
    typer.echo(f"root {report['root']}, {report['threads']} threads, {report['free_bytes'] / 1e9:.0f} GB free")
    typer.echo("\npackages")
    for name, found in report["packages"].items():
        note = "" if found else f"not installed; optional, for {_OPTIONAL[name]}" if name in _OPTIONAL else "MISSING"
        typer.echo(f"  {name:20} {found or note}")
    typer.echo("\nencoders")
    for entry in report["encoders"]:
        typer.echo(f"  {entry['name']:20} {entry['reason'] or 'ready'}")
    typer.echo("\ngalleries")
    for entry in report["galleries"]:
        typer.echo(f"  {entry['gallery']:32} {entry['state']:8} {entry['count']} pictures  {entry['message']}")
        for name, reason in entry.get("unavailable", {}).items():
            typer.echo(f"    without {name}: {reason}")
    for name in report["not_prepared"]:
        typer.echo(f"  {name:32} not prepared; to have it: python -m core data get {name}")
    typer.echo("\nto run: " + ("; ".join(report["to_run"]) or "nothing, all is well"))
