"""`bench curves`: what each index of a gallery recalls, takes and weighs at each setting, and which one to take."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.cli.console import print_json, progress
from core.settings import Settings

if TYPE_CHECKING:
    from core.evaluation.curves import Curves
    from core.evaluation.recommend import Recommendation


def register(bench: typer.Typer) -> None:
    """Add the sub-verb."""

    @bench.command()
    def curves(
        gallery: Annotated[list[str] | None, typer.Argument(help="Galleries; none: all that are ready.")] = None,
        index: Annotated[
            list[str] | None,
            typer.Option("--index", "-i", help="Only this curve, as lopq or ivfpq-32; repeat it."),
        ] = None,
        queries: Annotated[int, typer.Option(help="Stored vectors to search with.", min=2)] = 200,
        rebuild: Annotated[bool, typer.Option("--rebuild", help="Measure again what is measured already.")] = False,
        target: Annotated[float | None, typer.Option(help="Recommend the cheapest setting of this recall.")] = None,
        k: Annotated[int, typer.Option("-k", help="Depth of the recall, 1, 10 or 100.")] = 10,
        memory: Annotated[float | None, typer.Option(help="Most megabytes of the recommended index.", min=0)] = None,
        within: Annotated[float | None, typer.Option(help="Most milliseconds of a query.", min=0)] = None,
        small: Annotated[bool, typer.Option("--small", help="Cheapest by memory rather than by time.")] = False,
        apply: Annotated[
            bool, typer.Option("--apply", help="Build the gallery's index as recommended, where it is another one.")
        ] = False,
        out: Annotated[Path | None, typer.Option(help="Write every setting as CSV, too (of one gallery).")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    ) -> None:
        """Measure recall@1/10/100, time, memory and building of every index of a gallery; and recommend a setting.

        What is measured is kept beside the indexes; interrupted, it goes on where it stopped.
        """
        from core.evaluation.curve_measuring import measure
        from core.evaluation.curve_tables import markdown, to_csv
        from core.evaluation.recommend import recommend
        from core.storage import write_bytes

        if apply and target is None:
            raise ValueError("--apply needs --target")
        settings = Settings.from_environment()
        names = gallery or _ready(settings)
        if out is not None and len(names) != 1:
            raise ValueError("--out takes one gallery")
        results = []
        for name in names:
            with progress() as report:
                found = measure(name, settings, only=index, queries=queries, rebuild=rebuild, progress=report)
            advice = None
            if target is not None:
                advice = recommend(
                    found, target, k=k, most_bytes=None if memory is None else round(memory * 1e6), most_ms=within,
                    cheapest="memory" if small else "time", keys=index,
                )  # fmt: skip
            if out is not None:
                write_bytes(out, to_csv(found).encode())
            results.append((found, advice))
            if not as_json:
                _say(markdown(found, k), advice, wanted=target is not None)
            if apply:
                _apply(found, advice, settings)
        if as_json:
            print_json([_json(found, advice) for found, advice in results])


def _ready(settings: Settings) -> list[str]:
    from core.errors import NotPreparedError
    from core.search import Engine

    names = [info.address for info in Engine(settings).galleries() if info.ready]
    if not names:
        raise NotPreparedError("no gallery is ready; run: python -m core index")
    return names


def _say(table: str, advice: "Recommendation | None", *, wanted: bool) -> None:
    typer.echo(table)
    if wanted:
        typer.echo("\n" + ("nothing was measured within these limits" if advice is None else advice.sentence))
    typer.echo("")


def _apply(found: "Curves", advice: "Recommendation | None", settings: Settings) -> None:
    from core.errors import UnavailableError
    from core.evaluation.dial import adopt

    if advice is None or not advice.reached:
        raise UnavailableError(f"no setting measured on {found.gallery} is good enough to be applied")
    with progress() as report:
        if adopt(found.gallery, advice.curve, advice.point, settings, report):
            typer.echo(f"built: {advice.curve.index} of {found.gallery}", err=True)
    flags = " ".join(f"--knob {name}={value:g}" for name, value in advice.point.knobs.items())
    search = f"python -m core search {found.gallery} IMAGE --index {advice.curve.index} {flags}"
    typer.echo(f"to search so: {search.rstrip()}", err=True)


def _json(found: "Curves", advice: "Recommendation | None") -> dict[str, object]:
    return {**found.to_json(), "recommendation": None if advice is None else advice.to_json()}
