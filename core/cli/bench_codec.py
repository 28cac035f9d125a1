"""`bench codec`: how fast the codec is here."""

from pathlib import Path
from typing import Annotated

import typer

from core.cli.console import print_json, progress
from core.settings import Settings


def register(bench: typer.Typer) -> None:
    """Add the sub-verb."""

    @bench.command()
    def codec(
        tiles: Annotated[int, typer.Option(help="Number of 128x128 tiles.")] = 256,
        quality: Annotated[float, typer.Option(help="0 to 5.")] = 3.0,
        megapixels: Annotated[float, typer.Option(help="Of the large picture; 0 for none.")] = 12.0,
        model: Annotated[Path | None, typer.Option(help="Another codec model's weights.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    ) -> None:
        """Measure tiles per second each way, and the time and memory that a large picture takes."""
        from core.codec import LearnedCodec
        from core.codec.weights import SHIPPED
        from core.evaluation.bench_codec import bench_codec

        settings = Settings.from_environment()
        codec = LearnedCodec(model or SHIPPED, threads=settings.threads)
        with progress() as report:
            result = bench_codec(
                codec, threads=settings.threads, n_tiles=tiles, quality=quality, megapixels=megapixels, progress=report
            )
        if as_json:
            print_json(result)
            return
        for key, value in result.items():
            typer.echo(
                f"{key.replace('_', ' '):22} {value:,.4g}"
                if isinstance(value, float)
                else f"{key.replace('_', ' '):22} {value:,}"
            )
