"""`index [GALLERY...]`: prepare galleries for searching."""

import contextlib
from typing import Annotated, Any

import typer

from core.cli import milvus_options
from core.cli.console import print_json, print_skipped, progress
from core.cli.features import CLUSTER
from core.errors import RetrievalError
from core.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the verb."""

    @app.command()
    def index(
        galleries: Annotated[
            list[str] | None,
            typer.Argument(help="`dataset` or `dataset@encoder`; all prepared ones, or else the embedded two."),
        ] = None,
        index: Annotated[list[str] | None, typer.Option("--index", "-i", help="An index to build; all.")] = None,
        rebuild: Annotated[bool, typer.Option("--rebuild", help="Make everything again, whatever is there.")] = False,
        cluster: Annotated[str | None, typer.Option(help=CLUSTER)] = None,
        drop_vectors: milvus_options.Drop = False,
        milvus_uri: milvus_options.Uri = None,
        milvus_token: milvus_options.Token = None,
        milvus_index: milvus_options.Kind = None,
        milvus_params: milvus_options.Params = None,
        milvus_metric: milvus_options.Metric = None,
        milvus_partitions: milvus_options.Partitions = None,
        milvus_consistency: milvus_options.Consistency = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print a report as JSON.")] = False,
    ) -> None:
        """Prepare galleries: pictures, features and indexes. Does only what is missing or out of date."""
        from core.cli.app import SKIPPED, fail
        from core.features.cluster import connect
        from core.search.prepare import prepare_gallery

        settings = milvus_options.with_milvus(Settings.from_environment(), milvus_uri, milvus_token)
        options = milvus_options.options_of(
            milvus_index, milvus_params, milvus_metric, milvus_partitions, milvus_consistency
        )
        reports: list[dict[str, Any]] = []
        failed: list[str] = []
        skipped = False
        with contextlib.ExitStack() as stack:
            nodes = stack.enter_context(connect(cluster, settings)) if cluster else None
            for gallery in galleries or _all(settings):
                try:
                    with progress() as report:
                        done = prepare_gallery(
                            gallery,
                            settings,
                            indexes=index,
                            rebuild=rebuild,
                            progress=report,
                            cluster=nodes,
                            milvus=options,
                            drop_vectors=drop_vectors,
                        )
                except RetrievalError as error:
                    if len(galleries or ()) == 1:
                        raise
                    typer.echo(f"error: {gallery}: {error}", err=True)
                    failed.append(gallery)
                    continue
                print_skipped(done.skipped)
                skipped = skipped or bool(done.skipped)
                reports.append(done.to_json())
                if not as_json:
                    _print(reports[-1])
        if as_json:
            print_json({"galleries": reports})
        if failed:
            fail(f"could not prepare {', '.join(failed)}", 1)
        if skipped:
            raise typer.Exit(SKIPPED)


def _all(settings: Settings) -> list[str]:
    """Return the galleries that `index` without arguments is about."""
    from core.datasets import EMBEDDED
    from core.search.galleries import addresses

    return [str(address) for address in addresses(settings)] or list(EMBEDDED)


def _print(report: dict[str, Any]) -> None:
    typer.echo(f"{report['gallery']}: {report['count']} pictures, {report['encoded']} encoded, {report['seconds']} s")
    for entry in report["indexes"]:
        facts = f"{entry['bytes'] / 1e6:8.1f} MB  {entry['seconds']:6.2f} s"
        typer.echo(f"  {entry['name']:15} {entry['outcome']:12} {entry['reason'] or facts}")
