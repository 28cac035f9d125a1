"""`compare GALLERY IMAGE`: one query in every index at once."""

from typing import Annotated

import typer

from core.cli.console import print_json
from core.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the verb."""

    @app.command()
    def compare(
        gallery: Annotated[str, typer.Argument(help="`dataset` or `dataset@encoder`.")],
        image: Annotated[str, typer.Argument(help="A picture's path, or `id:12` for one of the gallery's own.")],
        k: Annotated[int, typer.Option("-k", help="How many to find.")] = 10,
        index: Annotated[list[str] | None, typer.Option("--index", "-i", help="Only these indexes; repeat it.")] = None,
        where: Annotated[list[str] | None, typer.Option(help="FIELD=VALUE or FIELD=LOW..HIGH.")] = None,
        explain: Annotated[bool, typer.Option(help="Say what each missed neighbour was lost to, by how much.")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    ) -> None:
        """Search with every index of a gallery, and with an archive's codes: what each finds, takes and weighs."""
        from core.archive.comparing import GalleryCodes
        from core.cli.search import parse_query, parse_where
        from core.search import Engine

        engine = Engine(Settings.from_environment())
        conditions = parse_where(where or [])
        query = parse_query(image, None)
        codes = GalleryCodes()
        result = codes.compare(engine, gallery, query, k=k, names=index or None, where=conditions)
        told = codes.explain(engine, result, where=conditions) if explain else {}
        if as_json:
            reasons = {name: [miss.to_json() for miss in misses] for name, misses in told.items()}
            print_json({**result.to_json(), **({"explain": reasons} if explain else {})})
            return
        if not result.n_searched:
            typer.echo("no picture of the gallery passes the filter", err=True)
            return
        typer.echo(f"{'index':16} {'recall':>7} {'ms':>9} {'kB':>10} {'codes':>9} {'vectors':>9}  missed")
        for column in result.columns:
            if column.reason:
                typer.echo(f"{column.index:16} {'-':>7} {'-':>9} {'-':>10} {'-':>9} {'-':>9}  {column.reason}")
                continue
            missed = ", ".join(f"id:{image_id}" for image_id in column.missed) or "none"
            size = column.nbytes / 1000
            compared = [f"{n:9,}" for n in column.effort[:2]] if column.effort else [f"{'-':>9}"] * 2
            numbers = f"{column.recall:7.2f} {column.search_ms:9.3f} {size:10,.0f} {' '.join(compared)}"
            typer.echo(f"{column.index:16} {numbers}  {missed}")
        for name, misses in told.items():
            for miss in misses:
                typer.echo(f"{name} missed id:{miss.id}: {miss.sentence}")
