"""`search GALLERY IMAGE`: find the most similar pictures."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.cli.console import print_json
from core.settings import Settings

if TYPE_CHECKING:
    from core.search import Query

_RANGE = re.compile(r"(?P<min>-?\d+(?:\.\d+)?)?\.\.(?P<max>-?\d+(?:\.\d+)?)?")


def register(app: typer.Typer) -> None:
    """Add the verb."""

    @app.command()
    def search(
        gallery: Annotated[str, typer.Argument(help="`dataset` or `dataset@encoder`.")],
        image: Annotated[str, typer.Argument(help="A picture's path, or `id:12` for one of the gallery's own.")],
        k: Annotated[int, typer.Option("-k", help="How many to find.")] = 10,
        index: Annotated[str | None, typer.Option("--index", "-i", help="The index; the gallery's default.")] = None,
        where: Annotated[
            list[str] | None,
            typer.Option(help="FIELD=VALUE or FIELD=LOW..HIGH; again: of one field either, of several all."),
        ] = None,
        knob: Annotated[list[str] | None, typer.Option(help="A setting of the index, such as n_probe=8.")] = None,
        region: Annotated[str | None, typer.Option(help="X0,Y0,X1,Y1 of the picture, as fractions.")] = None,
        explain: Annotated[
            bool, typer.Option(help="With ivfpq, opq-ivfpq or lopq: say where each missed neighbour was lost.")
        ] = False,
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    ) -> None:
        """Find the pictures of a gallery that are most similar to a picture."""
        from core.search import Engine

        engine = Engine(Settings.from_environment())
        query, settings = parse_query(image, region), _knobs(knob or [])
        if explain and where:
            raise ValueError("--explain looks at the whole gallery; leave --where out")
        outcome = engine.search(gallery, query, k=k, index=index, where=parse_where(where or []), knobs=settings)
        looked_into = engine.explain(gallery, query, outcome) if explain else None
        if as_json:
            print_json({**outcome.to_json(), **({"explain": looked_into.to_json()} if looked_into else {})})
            return
        for result in outcome.results:
            title = result.record.title or result.record.label
            typer.echo(f"{result.rank:3}  {result.similarity:6.3f}  id:{result.image_id:<6} {result.path}  {title}")
        for lost in looked_into.neighbours if looked_into else ():
            if lost.verdict != "found":
                typer.echo(f"missed: id:{lost.id}, true rank {lost.rank}: {lost.sentence}")
        if not outcome.n_searched:
            typer.echo("no picture of the gallery passes the filter", err=True)
        spent = outcome.timings_ms
        typer.echo(
            f"encoded in {spent['decode'] + spent['encode']:.0f} ms, searched {outcome.n_searched} pictures in "
            f"{spent['search']:.1f} ms, {outcome.index}"
            + (", by codes: approximate" if outcome.is_approximate else ""),
            err=True,
        )


def parse_where(conditions: list[str]) -> dict[str, Any]:
    """Return what `Catalog.select` understands for FIELD=VALUE and FIELD=LOW..HIGH.

    Raises:
        ValueError: a condition without `=`, or a range together with other conditions on its field.
    """
    where: dict[str, Any] = {}
    for condition in conditions:
        name, equals, value = condition.partition("=")
        if not equals or not name:
            raise ValueError(f"--where must be FIELD=VALUE, got {condition!r}")
        limits = _RANGE.fullmatch(value)
        if limits and limits.group() != "..":
            if name in where:
                raise ValueError(f"--where can hold one range for {name}, and nothing else for it")
            where[name] = {side: float(text) for side, text in limits.groupdict().items() if text is not None}
        elif isinstance(where.get(name), dict):
            raise ValueError(f"--where can hold one range for {name}, and nothing else for it")
        else:
            where.setdefault(name, []).append(value)
    return where


def parse_query(image: str, region: str | None) -> "Query":
    from core.search import Query

    part = None
    if region is not None:
        numbers = [float(text) for text in region.split(",")]
        if len(numbers) != 4:
            raise ValueError(f"--region must be X0,Y0,X1,Y1, got {region!r}")
        part = (numbers[0], numbers[1], numbers[2], numbers[3])
    if image.startswith("id:"):
        if not image[3:].isdigit():
            raise ValueError(f"an id must be id:NUMBER, got {image!r}")
        return Query.stored(int(image[3:]), part)
    return Query.picture(Path(image), part)


def _knobs(settings: list[str]) -> dict[str, int | float]:
    knobs: dict[str, int | float] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        try:
            knobs[name] = int(value) if re.fullmatch(r"-?\d+", value) else float(value)
        except ValueError:
            raise ValueError(f"--knob must be NAME=NUMBER, got {setting!r}") from None
        if not equals:
            raise ValueError(f"--knob must be NAME=NUMBER, got {setting!r}")
    return knobs
