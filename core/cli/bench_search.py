"""`bench search`: how fast searching and importing are here."""

from pathlib import Path
from typing import Annotated

import typer

from core.cli.console import print_json, progress
from core.settings import Settings


def register(bench: typer.Typer) -> None:
    """Add the sub-verb."""

    @bench.command()
    def search(
        gallery: Annotated[str, typer.Argument(help="A prepared gallery.")] = "paintings",
        uploads: Annotated[int, typer.Option(help="12-megapixel JPEGs to search with.", min=1)] = 40,
        pictures: Annotated[int, typer.Option(help="Pictures to import.", min=1)] = 96,
        rounds: Annotated[int, typer.Option(help="Turns of ours and of the plain pipeline.", min=1)] = 3,
        users: Annotated[int, typer.Option(help="Users at once.", min=1)] = 20,
        chosen: Annotated[int, typer.Option(help="Files to choose on the page in a browser; 0: none.", min=0)] = 20,
        out: Annotated[Path, typer.Option(help="Where the results go, as JSON.")] = Path("bench-results/search.json"),
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    ) -> None:
        """Measure upload to results for 12-megapixel JPEGs, the import's rate against a plain one, and many users."""
        from core.evaluation.bench_search import bench_search
        from core.storage import write_json

        settings = Settings.from_environment()
        with progress() as report:
            found = bench_search(
                settings, gallery, uploads=uploads, pictures=pictures, rounds=rounds, users=users, chosen=chosen,
                progress=report,
            )  # fmt: skip
        write_json(out, found)
        if as_json:
            print_json(found)
            return
        upload, crowd, imports = found["upload"], found["users"], found["import"]
        parts = ", ".join(f"{name} {value:.1f}" for name, value in upload["median_parts_ms"].items())
        typer.echo(f"upload to results: p50 {upload['p50_ms']:.0f} ms, p95 {upload['p95_ms']:.0f} ms ({parts} ms)")
        page = found["page"]
        if "left_out" in page:
            typer.echo(f"on the page: left out, {page['left_out']}")
        else:
            parts = ", ".join(f"{name} {value:.0f}" for name, value in page["median_parts_ms"].items())
            typer.echo(f"on the page: p50 {page['p50_ms']:.0f} ms, p95 {page['p95_ms']:.0f} ms ({parts} ms)")
        plain = f"plain Pillow and torch {imports['plain_per_s']:.0f}/s, x{imports['ratio']:.2f}"
        typer.echo(f"import: {imports['ours_per_s']:.0f}/s, {plain}")
        facts = f"p95 {crowd['p95_ms']:.0f} ms, {len(crowd['errors'])} errors"
        typer.echo(f"{crowd['users']} users at once: {crowd['searches_per_s']:.0f} searches/s, {facts}")
