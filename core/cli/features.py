"""`features GALLERY`: encode a gallery's pictures."""

from typing import Annotated

import typer

from core.cli.console import print_skipped, progress
from core.settings import Settings

CLUSTER = "Work on every node of a Ray cluster: auto (this machine's), ray://HOST:10001 or HOST:6379."


def register(app: typer.Typer) -> None:
    """Add the verb."""

    @app.command()
    def features(
        gallery: Annotated[str, typer.Argument(help="`dataset` or `dataset@encoder`.")],
        rebuild: Annotated[bool, typer.Option("--rebuild", help="Encode every picture again.")] = False,
        cluster: Annotated[str | None, typer.Option(help=CLUSTER)] = None,
    ) -> None:
        """Encode a gallery's pictures; only new and changed ones, and where it was interrupted it continues."""
        from core.cli.app import SKIPPED
        from core.features import extract
        from core.search import parse_address
        from core.search.prepare import prepare_dataset

        settings = Settings.from_environment()
        address = parse_address(gallery, settings)
        with progress() as report:
            prepare_dataset(address.dataset, settings, report)
            if cluster is None:
                done = extract(address, settings, report, rebuild=rebuild)
            else:
                from core.features.cluster import connect
                from core.features.cluster_encode import cluster_pipeline

                with connect(cluster, settings) as nodes:
                    done = extract(address, settings, report, rebuild=rebuild, pipeline=cluster_pipeline(nodes))
        print_skipped(done.skipped)
        rate = f", {done.encoded / done.seconds:.0f}/s" if done.encoded else ""
        typer.echo(f"{address}: {done.count} pictures, {done.encoded} encoded in {done.seconds:.1f} s{rate}")
        if done.skipped:
            raise typer.Exit(SKIPPED)
