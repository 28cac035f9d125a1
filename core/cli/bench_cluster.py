"""`bench cluster`: how much faster two workers encode than one."""

from pathlib import Path
from typing import Annotated

import typer

from core.cli.console import print_json, progress
from core.cli.features import CLUSTER
from core.settings import Settings


def register(bench: typer.Typer) -> None:
    """Add the sub-verb."""

    @bench.command()
    def cluster(
        gallery: Annotated[str, typer.Argument(help="A prepared gallery.")] = "satellite",
        address: Annotated[str, typer.Option("--cluster", help=CLUSTER)] = "auto",
        pictures: Annotated[int, typer.Option(help="Pictures to encode in each turn.", min=64)] = 512,
        rounds: Annotated[int, typer.Option(help="Turns of one worker and of two.", min=1)] = 5,
        out: Annotated[Path, typer.Option(help="Where the results go, as JSON.")] = Path("bench-results/cluster.json"),
    ) -> None:
        """Encode the same pictures with one worker of a Ray cluster and with two, in turns; prints JSON."""
        from core.evaluation.bench_cluster import bench_cluster
        from core.features.cluster import connect
        from core.search import parse_address
        from core.storage import write_json

        settings = Settings.from_environment()
        with progress() as report, connect(address, settings) as nodes:
            found = bench_cluster(
                parse_address(gallery, settings), settings, nodes, pictures=pictures, rounds=rounds, progress=report
            )
        write_json(out, found)
        print_json(found)
