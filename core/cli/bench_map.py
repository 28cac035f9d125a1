"""`bench map`: how fast maps are drawn, explored and laid out."""

from typing import Annotated

import typer

from core.cli.console import print_json, progress


def register(sub: typer.Typer) -> None:
    """Add the sub-verb."""

    @sub.command(name="map")
    def map_(
        points: Annotated[list[int] | None, typer.Option(help="Sizes of the maps to draw.")] = None,
        layout: Annotated[int, typer.Option(help="Vectors of 1280 dimensions to lay out; 0 for none.")] = 10_000,
    ) -> None:
        """Draw synthetic maps in a headless chromium (software rendering), and lay vectors out; prints JSON.

        Maps of up to 200,000 points have thumbnails. Needs what `make setup-dev` installs.
        """
        from core.evaluation.bench_map import bench_drawing, bench_layout, machine

        with progress() as report:
            drawing = [bench_drawing(n, pictures=n <= 200_000, progress=report) for n in points or (100_000, 1_000_000)]
            laid_out = bench_layout(layout, progress=report) if layout else None
        print_json({**machine(), "drawing": drawing, "layout": laid_out})
