"""`evaluate retrieval GALLERY`: how well pictures of the same label are found."""

from pathlib import Path
from typing import Annotated

import typer

from core.cli.console import print_json, progress
from core.settings import Settings


def register(evaluate: typer.Typer) -> None:
    """Add the sub-verb."""

    @evaluate.command()
    def retrieval(
        gallery: Annotated[str, typer.Argument(help="`dataset` or `dataset@encoder`; what is missing is built.")],
        index: Annotated[str, typer.Option("--index", "-i", help="The index that is searched.")] = "flat",
        field: Annotated[
            str, typer.Option(help="What makes two pictures alike: label, or one of the fields.")
        ] = "label",
        group: Annotated[str, typer.Option(help="Field whose equal values stay in one part (artist, parent).")] = "",
        k: Annotated[int, typer.Option("-k", help="Depth of mAP@k, precision@k and recall@k.")] = 100,
        min_class: Annotated[int, typer.Option(help="Smaller classes are left out.")] = 2,
        limit: Annotated[int, typer.Option(help="Queries at most, drawn at random; 0: all.")] = 0,
        queries_from: Annotated[str, typer.Option(help="Another gallery of the same encoder that asks.")] = "",
        earlier: Annotated[bool, typer.Option("--earlier", help="Also as the earlier projects measured.")] = False,
        seed: Annotated[int, typer.Option(help="Of the bootstrap and of --limit.")] = 0,
        out: Annotated[Path | None, typer.Option("--out", help="Folder for JSON, Markdown and charts.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
    ) -> None:
        """Measure precision, recall and mAP by labels, with 95 % intervals; held-out pictures ask."""
        from core import datasets
        from core.evaluation import retrieval_report
        from core.evaluation.retrieval import Options
        from core.evaluation.retrieval import evaluate as measure

        settings = Settings.from_environment()
        options = Options(
            field=field, group=group, k=k, min_class=min_class, limit=limit, seed=seed, earlier=earlier,
            queries_from=queries_from,
        )  # fmt: skip
        with progress() as report_progress:
            report = measure(gallery, settings, index, options, report_progress)
        if out is not None:
            for path in retrieval_report.write(report, out, datasets.open(report.facts["dataset"], settings)):
                typer.echo(str(path), err=True)
        if as_json:
            print_json(report.facts)
        else:
            typer.echo(retrieval_report.markdown(report), nl=False)
