"""`evaluate codes GALLERY`: what an archive's search codes lose against the vectors, and binary codes beside them."""

from typing import Annotated

import typer

from core.cli.console import print_json, progress
from core.settings import Settings


def register(evaluate: typer.Typer) -> None:
    """Add the sub-verb."""

    @evaluate.command()
    def codes(
        gallery: Annotated[str, typer.Argument(help="A labelled gallery with features: `dataset` or with `@encoder`.")],
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    ) -> None:
        """Print precision@10 of float vectors, of 16-byte search codes, and of binary hashes."""
        from core.evaluation.code_quality import code_rows
        from core.search import parse_address

        settings = Settings.from_environment()
        address = parse_address(gallery, settings)
        with progress() as report:
            rows = code_rows(address, settings, report)
        if as_json:
            print_json({"gallery": str(address), "rows": rows})
            return
        typer.echo(f"{'code':42}{'bytes':>7}{'precision@10':>14}")
        for row in rows:
            typer.echo(f"{row['code']:42}{row['bytes']:7}{row['precision_at_10']:14.4f}")
