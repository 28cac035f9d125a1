"""`why GALLERY IMAGE ID`: say why a picture of the gallery was put beside a query."""

from pathlib import Path
from typing import Annotated

import typer

from core.cli.console import print_json, progress
from core.settings import Settings

_NAMES = {"content": "what they show", "colour": "colour", "texture": "texture"}


def register(app: typer.Typer) -> None:
    """Add the verb."""

    @app.command()
    def why(
        gallery: Annotated[str, typer.Argument(help="`dataset` or `dataset@encoder`.")],
        image: Annotated[str, typer.Argument(help="The query: a picture's path, or `id:12`.")],
        image_id: Annotated[int, typer.Argument(help="The result: the id of a picture of the gallery.")],
        region: Annotated[str | None, typer.Option(help="X0,Y0,X1,Y1 of the query, as fractions.")] = None,
        out: Annotated[Path | None, typer.Option(help="Write both heat maps side by side into this PNG file.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    ) -> None:
        """Say in what two pictures are alike: content, colour, texture, and which regions match."""
        from core.cli.search import parse_query
        from core.search import Engine
        from core.search.calibrate import calibrate
        from core.search.looks import measure
        from core.search.why import Reasons, side_by_side
        from core.storage import write_bytes

        engine = Engine(Settings.from_environment())
        query = parse_query(image, region)
        store = engine.vectors(gallery)
        with progress() as report:
            measure(store.address, engine.settings, report)
        found = Reasons(engine).why(gallery, query, image_id, calibration=calibrate(store.vectors))
        if out is not None:
            write_bytes(out, side_by_side(engine, gallery, query, found))
        if as_json:
            print_json(found.to_json())
            return
        typer.echo(found.sentence or "This gallery is too small to say how unusual the likeness is.")
        for aspect in found.aspects:
            typer.echo(f"{_NAMES[aspect.name]:15} {aspect.score:6.3f}  {aspect.sentence}")
        if found.colours:
            named = ", ".join(f"{colour.name} {colour.share:.0%}" for colour in found.colours)
            typer.echo(f"{'both have':15} {named}")
        if found.no_heat:
            typer.echo(found.no_heat, err=True)
        for number, match in enumerate(found.heat.matches if found.heat else (), start=1):
            here, there = (
                "-".join(f"{value:.0%}" for value in box[::2]) + " across, "
                + "-".join(f"{value:.0%}" for value in box[1::2]) + " down"
                for box in (match.here, match.there)
            )  # fmt: skip
            typer.echo(f"region {number}: {here}  matches  {there}  ({match.similarity:.2f})")
