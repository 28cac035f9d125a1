"""`bench words`: how fast words are found."""

from pathlib import Path
from typing import Annotated

import typer

from core.cli.console import print_json, progress
from core.settings import Settings


def register(bench: typer.Typer) -> None:
    """Add the sub-verb."""

    @bench.command()
    def words(
        gallery: Annotated[str, typer.Argument(help="A prepared data set whose texts are used.")] = "paintings",
        rows: Annotated[int, typer.Option(help="Rows of the catalog that is made.", min=100)] = 100_000,
        rounds: Annotated[int, typer.Option(help="How often each question is asked.", min=1)] = 20,
        out: Annotated[Path, typer.Option(help="Where the results go, as JSON.")] = Path("bench-results/words.json"),
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    ) -> None:
        """Measure full-text search in a large catalog: building its index, and each kind of question."""
        from core.evaluation.bench_words import bench_words
        from core.storage import write_json

        with progress() as report:
            found = bench_words(Settings.from_environment(), gallery, rows=rows, rounds=rounds, progress=report)
        write_json(out, found)
        if as_json:
            print_json(found)
            return
        typer.echo(
            f"{rows:,} rows: index built in {found['build_s']:.1f} s, {found['index_bytes'] / rows:.0f} bytes a row"
        )
        for kind, facts in found["questions"].items():
            typer.echo(
                f"{facts['median_ms']:7.2f} ms (worst {facts['worst_ms']:.2f}, first {facts['first_ms']:.1f})  {kind}: "
                f"{facts['total']:,} rows"
            )
