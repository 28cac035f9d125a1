"""`data`: galleries of published sets and of one's own folders."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.cli.console import print_json, progress
from core.cli.import_archive import import_archive
from core.cli.import_remote import import_url, leave, offload, print_import
from core.errors import RetrievalError
from core.settings import Settings

if TYPE_CHECKING:
    from rich.table import Table

    from core import datasets

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object for programs.")]
Name = Annotated[str, typer.Argument(help="Name of the gallery.")]

data = typer.Typer(name="data", no_args_is_help=True, help="Galleries: published data sets and your own folders.")


def register(app: typer.Typer) -> None:
    """Add the verb `data` to the command line."""
    app.add_typer(data)


@data.command("list")
def list_galleries(as_json: AsJson = False) -> None:
    """List the galleries that are prepared, and the sets that can be had."""
    from core import datasets

    settings = Settings.from_environment()
    prepared = [_summary_or_fault(name, settings) for name in datasets.names(settings)]
    ready = {row["name"] for row in prepared}
    available = [_facts(name) for name in datasets.known() if name not in ready]
    if as_json:
        print_json({"prepared": prepared, "available": available})
        return
    table = _table("gallery", "pictures", "what")
    for row in prepared:
        if "fault" in row:
            table.add_row(row["name"], "?", row["fault"])
        else:
            table.add_row(row["name"], f"{row['count']:,}", row["source_folder"] or row["title"])
    _show(table) if prepared else typer.echo("no gallery is prepared yet")
    if available:
        table = _table("can be had", "how", "what")
        for row in available:
            how = f"data get {row['name']}" + (" --from PATH" if row["needs_source"] else "")
            table.add_row(row["name"], how, f"{row['title']}: {row['size']}")
        typer.echo()
        _show(table)


@data.command()
def get(
    name: Annotated[str, typer.Argument(help="Name of a published set, see `data list`.")],
    source: Annotated[
        Path | None, typer.Option("--from", help="Archive or folder that you have downloaded already.")
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option("--option", help="NAME=VALUE of sets that offer a choice (limit=500).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Prepare a published set: download or unpack it, and make its catalog and thumbnails."""
    from core import datasets

    settings = Settings.from_environment()
    with progress() as report_progress:
        options = dict(text.partition("=")[::2] for text in option or ())
        report = datasets.prepare(name, settings, report_progress, source, options)
    if as_json:
        print_json(dataclasses.asdict(report))
    else:
        typer.echo(f"{report.name}: {report.count:,} pictures, {report.added:,} new, {report.removed:,} removed")
    leave(report.skipped, as_json)


@data.command("import")
def import_own(
    source: Annotated[
        str,
        typer.Argument(
            help="Your folder; the pictures in it, at any depth, stay where they are. Or a .pent file, a table, or an "
            "address (s3://, gs://, https://...)."
        ),
    ],
    name: Annotated[str, typer.Option("--name", help="Name of the gallery: a-z 0-9 _ - .")],
    title: Annotated[str, typer.Option("--title", help="What the page shows instead of the name.")] = "",
    root: Annotated[
        Path | None, typer.Option("--folder", help="What a table's paths are relative to; else where it lies.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--estimate", help="Only say how much disk it will take.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a gallery of your own pictures, or bring it up to date; interrupted, run it again."""
    from core import datasets
    from core.datasets.table import SUFFIXES as TABLES

    settings = Settings.from_environment()
    if "://" in source:
        import_url(source, name, title, settings, as_json=as_json)
        return
    folder = Path(source)
    table = folder if folder.is_file() and folder.suffix.lower() in TABLES else None
    if root is not None and table is None:
        raise ValueError("--folder goes with a table of pictures (.csv, .tsv, .parquet)")
    if folder.is_file() and table is None:
        import_archive(folder, name, title, settings, dry_run=dry_run, as_json=as_json)
        return
    folder = (root or table.parent) if table else folder
    expected = datasets.estimate(folder, settings, name=name, table=table)
    if dry_run:
        if as_json:
            print_json({**dataclasses.asdict(expected), "total_bytes": expected.total_bytes})
        else:
            typer.echo(_expectation(expected))
        return
    if expected.new:
        typer.echo(_expectation(expected), err=True)
    with progress() as report_progress:
        if table:
            report = datasets.import_table(table, name, settings, report_progress, folder=folder, title=title)
        else:
            report = datasets.import_folder(folder, name, settings, report_progress, title=title)
    print_import(report, as_json)


data.command()(offload)


@data.command()
def info(name: Name, as_json: AsJson = False) -> None:
    """Say what a gallery holds: size, licence, fields, where it lies."""
    from core import datasets

    settings = Settings.from_environment()
    dataset = datasets.open(name, settings)
    facets = dataset.catalog.facets()
    summary = _summary(name, settings)
    if as_json:
        fields = [dataclasses.asdict(spec) for spec in dataset.catalog.fields()]
        print_json({**summary, "fields": fields, "facets": [dataclasses.asdict(facet) for facet in facets]})
        return
    table = _table()
    for key, value in summary.items():
        if value:
            table.add_row(key.replace("_", " "), f"{value:,}" if isinstance(value, int) else str(value))
    for facet in facets:
        if facet.kind == "range":
            text = f"{facet.low:g} to {facet.high:g}"
        else:
            text = ", ".join(f"{value} ({count})" for value, count in facet.values[:8])
            text += f", ... ({len(facet.values)} in all)" if len(facet.values) > 8 else ""
        table.add_row(facet.title.lower(), text)
    _show(table)


@data.command()
def remove(name: Name) -> None:
    """Remove a gallery with its features and indexes. Pictures in your own folders are never touched."""
    from core import datasets

    datasets.remove(name, Settings.from_environment())
    typer.echo(f"{name} is removed")


@data.command()
def rename(old: Name, new: Annotated[str, typer.Argument(help="Its new name.")]) -> None:
    """Rename a gallery of your own, with its features and indexes."""
    from core import datasets

    datasets.rename(old, new, Settings.from_environment())
    typer.echo(f"{old} is called {new} now")


@data.command()
def relocate(name: Name, folder: Annotated[Path, typer.Argument(help="Where its pictures lie now.")]) -> None:
    """Tell a gallery that its folder has moved."""
    from core import datasets

    report = datasets.relocate(name, folder, Settings.from_environment())
    typer.echo(f"{report.found:,} of {report.count:,} pictures of {name} found in {folder}")
    if report.found < report.count:
        typer.echo(f"for the rest, run: python -m core data import {folder} --name {name}")


@data.command()
def check(
    name: Name,
    deep: Annotated[bool, typer.Option("--deep", help="Also read every file and compare its checksum.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check that every picture is there and unchanged, and list the ones that are there more than once."""
    from core.datasets.check import check as check_gallery

    settings = Settings.from_environment()
    with progress() as report_progress:
        report = check_gallery(name, settings, deep=deep, progress=report_progress)
    if as_json:
        print_json(
            {
                "name": report.name,
                "count": report.count,
                "faults": report.faults,
                "equal": [[record.path for record in group] for group in report.equal],
                "near": [[one.path, other.path, bits] for one, other, bits in report.near],
            }
        )
    else:
        for path, fault in report.faults:
            typer.echo(f"{path}: {fault}")
        for group in report.equal:
            typer.echo("the same file: " + ", ".join(record.path for record in group))
        for one, other, bits in report.near:
            typer.echo(f"look the same ({bits} of 128 bits differ): {one.path}, {other.path}")
        typer.echo(
            f"{report.name}: {report.count:,} pictures, {len(report.faults):,} faults, "
            f"{len(report.equal):,} groups of equal files, {len(report.near):,} pairs that look the same"
        )
    if report.faults:
        raise typer.Exit(1)


def _summary(name: str, settings: Settings) -> dict[str, Any]:
    from core import datasets

    dataset = datasets.open(name, settings)
    meta = dataset.catalog.meta()
    return {
        "name": name,
        "title": dataset.title,
        "kind": dataset.kind,
        "count": len(dataset),
        "note": dataset.note,
        "licence": dataset.licence,
        "credit": meta.get("credit", ""),
        "citation": meta.get("citation", ""),
        "homepage": meta.get("homepage", ""),
        "source_folder": meta.get("source_folder") or meta.get("source_url", ""),
        "folder": str(dataset.folder),
    }


def _summary_or_fault(name: str, settings: Settings) -> dict[str, Any]:
    try:
        return _summary(name, settings)
    except RetrievalError as error:  # one damaged gallery does not hide the others
        return {"name": name, "fault": str(error)}


def _facts(name: str) -> dict[str, Any]:
    from core import datasets

    published = datasets.describe(name)
    keys = ("name", "title", "kind", "licence", "citation", "homepage", "size", "needs_source")
    return {key: getattr(published, key) for key in keys}


def _expectation(expected: "datasets.Estimate") -> str:
    return (
        f"{expected.pictures:,} pictures, {expected.new:,} of them new: about {expected.thumbnail_bytes / 1e6:,.0f} MB "
        f"for thumbnails now, {expected.vector_bytes / 1e6:,.0f} MB for features and indexes later "
        f"({expected.free_bytes / 1e9:,.0f} GB are free)"
    )


def _table(*headings: str) -> "Table":
    from rich.table import Table

    return Table(*headings, box=None, pad_edge=False, show_header=bool(headings))


def _show(table: "Table") -> None:
    from rich.console import Console

    Console(highlight=False).print(table)
