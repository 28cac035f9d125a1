"""`bench scale`: what each part costs per picture, and what that makes of a million to a thousand million."""

from pathlib import Path
from typing import Annotated

import typer

from core.cli.console import print_json, progress
from core.settings import Settings


def register(bench: typer.Typer) -> None:
    """Add the sub-verb."""

    @bench.command()
    def scale(
        gallery: Annotated[str, typer.Argument(help="A prepared gallery.")] = "satellite",
        vectors: Annotated[int, typer.Option(help="Vectors to build indexes of.", min=1000)] = 20_000,
        pictures: Annotated[int, typer.Option(help="Pictures to decode, encode and pack.", min=8)] = 48,
        index: Annotated[list[str] | None, typer.Option("--index", "-i", help="An index to measure; six.")] = None,
        core_hour: Annotated[float, typer.Option(help="Dollars for one core for an hour.", min=0)] = 0.04,
        disk_gb_month: Annotated[float, typer.Option(help="Dollars for a GB of disk for a month.", min=0)] = 0.08,
        memory_gb_month: Annotated[float, typer.Option(help="Dollars for a GB of memory for a month.", min=0)] = 4.0,
        of: Annotated[Path | None, typer.Option(help="Make the tables of these results, with new prices.")] = None,
        out: Annotated[Path, typer.Option(help="Where the results go, as JSON.")] = Path("bench-results/scale.json"),
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    ) -> None:
        """Measure every part on a few pictures and print, as Markdown, what up to a thousand million of them cost."""
        from core.evaluation.scale_table import Prices, checked, report, with_prices
        from core.storage import read_json, write_json

        prices = Prices(core_hour, disk_gb_month, memory_gb_month)
        if of is not None:
            found = with_prices(checked(read_json(of)), prices)
        else:
            from core.evaluation.bench_scale import INDEXES, bench_scale
            from core.search import parse_address

            settings = Settings.from_environment()
            with progress() as tell:
                found = bench_scale(
                    parse_address(gallery, settings), settings,
                    vectors=vectors, pictures=pictures, indexes=index or INDEXES, prices=prices, progress=tell,
                )  # fmt: skip
            write_json(out, found)
        if as_json:
            print_json(found)
        else:
            typer.echo(report(found))
