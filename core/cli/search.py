"""`search GALLERY IMAGE`: find the most similar pictures."""

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.cli.console import print_json, progress
from core.settings import Settings

if TYPE_CHECKING:
    from core.search import Engine, Query

_RANGE = re.compile(r"(?P<min>-?\d+(?:\.\d+)?)?\.\.(?P<max>-?\d+(?:\.\d+)?)?")


def register(app: typer.Typer) -> None:
    """Add the verb."""

    @app.command()
    def search(
        gallery: Annotated[str, typer.Argument(help="`dataset` or `dataset@encoder`.")],
        image: Annotated[
            str | None, typer.Argument(help="A picture's path, or `id:12` for one of the gallery's own.")
        ] = None,
        k: Annotated[int, typer.Option("-k", help="How many to find.")] = 10,
        index: Annotated[str | None, typer.Option("--index", "-i", help="The index; the gallery's default.")] = None,
        where: Annotated[
            list[str] | None,
            typer.Option(help="FIELD=VALUE or FIELD=LOW..HIGH; again: of one field either, of several all."),
        ] = None,
        knob: Annotated[list[str] | None, typer.Option(help="A setting of the index, such as n_probe=8.")] = None,
        region: Annotated[str | None, typer.Option(help="X0,Y0,X1,Y1 of the picture, as fractions.")] = None,
        words: Annotated[str | None, typer.Option(help="Words, alone or together with a picture.")] = None,
        by: Annotated[
            str, typer.Option(help="Find the words in the `labels`, or pictures by their `meaning` (with OpenCLIP).")
        ] = "labels",
        mix: Annotated[float, typer.Option(help="By meaning, the words' weight beside a picture, 0 to 1.")] = 0.5,
        plus: Annotated[list[int] | None, typer.Option(help="Id of a picture to come nearer to; repeat it.")] = None,
        minus: Annotated[list[int] | None, typer.Option(help="Id of a picture to move away from; repeat it.")] = None,
        also: Annotated[list[str] | None, typer.Option(help="A further query picture, like IMAGE; repeat it.")] = None,
        content: Annotated[float, typer.Option(help="Weight of what a picture shows.")] = 1.0,
        colour: Annotated[float, typer.Option(help="Weight of the colours in common.")] = 0.0,
        texture: Annotated[float, typer.Option(help="Weight of the textures in common.")] = 0.0,
        variety: Annotated[float, typer.Option(help="0: the most alike first; to 1: ever other ones.")] = 0.0,
        no_duplicates: Annotated[
            bool, typer.Option("--no-duplicates", help="Of nearly the same pictures show only the best.")
        ] = False,
        explain: Annotated[
            bool, typer.Option(help="With ivfpq, opq-ivfpq or lopq: say where each missed neighbour was lost.")
        ] = False,
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    ) -> None:
        """Find the pictures of a gallery that are most similar to a picture, or fit words, or both."""
        from core.search import Engine
        from core.search import words as wording

        if image is None and not (words or "").strip():
            raise ValueError("give a picture, or --words, or both")
        if explain and (image is None or words is not None):
            raise ValueError("--explain needs a picture, and no words")
        engine = Engine(Settings.from_environment())
        query = None if image is None else parse_query(image, region)
        conditions, settings = parse_where(where or []), _knobs(knob or [])
        steering = {
            "plus": tuple(plus or ()), "minus": tuple(minus or ()), "content": content, "colour": colour,
            "texture": texture, "variety": variety, "hide_duplicates": no_duplicates,
            "also": tuple(parse_query(one, None) for one in also or ()),
        }  # fmt: skip
        if query is not None:
            query = steered(engine, gallery, query, steering)
        elif any((plus, minus, also, colour, texture, variety, no_duplicates)):
            raise ValueError("words alone cannot be steered; give a picture, too")
        said = None
        if words is not None:
            outcome = wording.search(
                engine, gallery, words, query, by=by, mix=mix, k=k, index=index, where=conditions, knobs=settings
            )
            found = wording.understood(engine, gallery, words, conditions) if by == wording.LABELS else None
            said = wording.to_json(words, by, found)
            for note in said["notes"]:
                typer.echo(note, err=True)
        elif query is not None:
            outcome = engine.search(gallery, query, k=k, index=index, where=conditions, knobs=settings)
        looked_into = None
        if explain and query is not None and outcome.n_searched:
            looked_into = engine.explain(gallery, query, outcome, conditions)
        if as_json:
            more = {"explain": looked_into and looked_into.to_json(), "words": said}
            print_json({**outcome.to_json(), **{name: value for name, value in more.items() if value}})
            return
        for result in outcome.results:
            title = result.record.title or result.record.label
            similarity = "     -" if math.isnan(result.similarity) else f"{result.similarity:6.3f}"
            typer.echo(f"{result.rank:3}  {similarity}  id:{result.image_id:<6} {result.path}  {title}")
        if looked_into:
            typer.echo(f"scanned: {looked_into.sentence}")
        for lost in looked_into.neighbours if looked_into else ():
            if lost.verdict != "found":
                typer.echo(f"missed: id:{lost.id}, true rank {lost.rank}: {lost.sentence}")
        if not outcome.n_searched:
            typer.echo(
                f"no picture of the gallery passes the filter{' and has the words' * (words is not None)}", err=True
            )
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


def steered(engine: "Engine", gallery: str, query: "Query", steering: dict[str, Any]) -> "Query":
    """Return the steered query, having measured the gallery's colours and textures if they count and are not there."""
    from core.search.looks import measure

    query = query.steered(**steering)
    if query.steering.weighs:
        with progress() as report:
            measure(engine.vectors(gallery).address, engine.settings, report)
    return query


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
