"""`map GALLERY`: lay a gallery out, and write the map as a page or a picture."""

from pathlib import Path
from typing import Annotated

import typer

from core.cli.console import progress
from core.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the verb."""

    @app.command(name="map")
    def map_(
        gallery: Annotated[str, typer.Argument(help="`dataset` or `dataset@encoder`.")],
        neighbors: Annotated[
            int, typer.Option(help="Pictures that each is tied to: more shows the large structure, fewer the small.")
        ] = 15,
        min_dist: Annotated[float, typer.Option(help="How tightly points may be packed, 0 to 1.")] = 0.1,
        seed: Annotated[int, typer.Option(help="Of everything random; one seed, one map.")] = 0,
        keep: Annotated[
            bool, typer.Option("--keep", help="Leave pictures that are on the map where they are; place only new ones.")
        ] = False,
        out: Annotated[
            Path | None, typer.Option(help="Also write FILE.html (one page that works offline) or FILE.png.")
        ] = None,
        by: Annotated[str, typer.Option(help="Field that colours FILE.png.")] = "",
    ) -> None:
        """Lay a gallery out as a map and store it for the page's Map tab."""
        from core import datasets
        from core.projection import build
        from core.search import parse_address

        if out is not None and out.suffix.lower() not in (".html", ".png"):
            raise ValueError(f"--out must end in .html or .png, got {out.name!r}")
        settings = Settings.from_environment()
        address = parse_address(gallery, settings)
        title = datasets.open(address.dataset, settings).title
        with progress() as report:
            made = build(address, settings, report, neighbours=neighbors, min_dist=min_dist, seed=seed, refit=not keep)
        facts = made.summary
        measured = facts["trustworthiness"]
        typer.echo(
            f"{address}: {facts['n_total']} pictures, {facts['projection']}"
            + (f", trustworthiness {measured:.4f}" if measured is not None else "")
            + (f", {facts['n_placed']} placed" if facts["n_placed"] else "")
            + f", {len(facts['clusters'])} named clusters"
        )
        if facts["refit_due"]:
            typer.echo(f"a refit is due: {facts['refit_due']}; run: python -m core map {address}", err=True)
        if out is not None and out.suffix.lower() == ".html":
            from gradio_ui.map_page import write_page

            typer.echo(f"{out}: {write_page(made, out, title) / 1e6:.1f} MB")
        elif out is not None:
            from core.projection.figure import write_figure

            write_figure(made, out, by=by, title=title)
            typer.echo(f"{out}: {out.stat().st_size / 1e6:.1f} MB")
