"""`data import FILE.pent --name NAME`: an archive becomes a gallery with pictures that can be searched."""

import dataclasses
from pathlib import Path

import typer

from core.cli.console import print_json, print_skipped, progress
from core.settings import Settings


def import_archive(path: Path, name: str, title: str, settings: Settings, *, dry_run: bool, as_json: bool) -> None:
    """Import an archive, say what came of it, and leave with 3 if a record was skipped.

    Raises:
        ValueError: an estimate was asked for.
        RetrievalError: see `core.archive.importing.import_archive`.
    """
    from core.archive import importing
    from core.cli.app import SKIPPED

    if dry_run:
        raise ValueError("--estimate is for folders; python -m core archive info says what an archive holds")
    with progress() as report_progress:
        done = importing.import_archive(path, name, settings, report_progress, title=title)
    print_skipped(done.skipped)
    if as_json:
        print_json(dataclasses.asdict(done))
    else:
        typer.echo(f"{done.name}: {done.count:,} pictures restored ({done.added:,} new)")
        if done.encoder:
            typer.echo(f"searched by the archive's codes, as if by {done.encoder}; similarities are approximate")
        typer.echo(f"next: python -m core index {done.name}{_suffix(done.encoder)}")
    if done.note:
        typer.echo(done.note, err=True)
    if done.skipped:
        raise typer.Exit(SKIPPED)


def _suffix(encoder: str) -> str:
    """Return what a gallery's address needs where its encoder is not the default one."""
    from core.encoders import default_encoder

    return f"@{encoder}" if encoder and encoder != default_encoder("") else ""
