"""`data import` of an address, `data offload`, and what every import prints at its end."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from core.cli.console import print_json, print_skipped, progress
from core.settings import Settings

if TYPE_CHECKING:
    from core import datasets


def import_url(url: str, name: str, title: str, settings: Settings, *, as_json: bool) -> None:
    """Import the pictures behind an address and print what was done."""
    from core import datasets

    with progress() as report_progress:
        report = datasets.import_remote(url, name, settings, report_progress, title=title)
    print_import(report, as_json)


def offload(
    name: Annotated[str, typer.Argument(help="Name of the gallery.")],
    url: Annotated[str, typer.Argument(help="Where the thumbnails go: s3://bucket/folder, a folder's file:// ...")],
    drop: Annotated[
        bool, typer.Option("--drop", help="Remove them here; they are fetched as they are looked at.")
    ] = False,
) -> None:
    """Copy a gallery's thumbnails behind an address, from which the page fetches those that are not here."""
    from core import datasets

    with progress() as report_progress:
        count = datasets.offload(name, url, Settings.from_environment(), report_progress, drop=drop)
    typer.echo(f"{name}: {count:,} thumbnails at {url}")


def print_import(report: "datasets.ImportReport", as_json: bool) -> None:
    """Print what an import did; exit code 3 if something was left out."""
    if as_json:
        print_json(dataclasses.asdict(report))
    else:
        parts = [f"{getattr(report, what):,} {what}" for what in ("added", "changed", "moved", "removed")]
        if report.redescribed:
            parts.append(f"{report.redescribed:,} with other metadata")
        typer.echo(f"{report.name}: {report.count:,} pictures ({', '.join(parts)})")
        if report.ignored:
            typer.echo(f"{report.ignored:,} files that are no pictures were ignored")
    leave(report.skipped, as_json)


def leave(skipped: Sequence[tuple[str, str]], as_json: bool) -> None:
    """List what was skipped, and end with the status that says so."""
    from core.cli.app import SKIPPED

    if skipped:
        if not as_json:
            print_skipped(skipped)
        raise typer.Exit(SKIPPED)
