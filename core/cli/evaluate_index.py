"""`evaluate index`: recall of compact codes on a gallery, or precision of every index on labelled vectors."""

from pathlib import Path
from typing import Annotated, Any

import typer

from core.cli.console import print_json, progress
from core.settings import Settings


def register(evaluate: typer.Typer) -> None:
    """Add the sub-verb."""

    @evaluate.command()
    def index(
        gallery: Annotated[str, typer.Argument(help="A gallery whose features are indexed; none with --vectors.")] = "",
        pca: Annotated[int, typer.Option(help="Dimensions that the features are reduced to; 0: all.")] = 128,
        lists: Annotated[int, typer.Option(help="Lists of the inverted file.")] = 100,
        subspaces: Annotated[int, typer.Option(help="Codes per vector, m.")] = 8,
        at: Annotated[int, typer.Option(help="Recall@: how many results are looked at.")] = 5,
        vectors: Annotated[Path | None, typer.Option(help="Vectors, a .npy file; precision by label.")] = None,
        labels: Annotated[Path | None, typer.Option(help="Their labels, a .npy file.")] = None,
        queries: Annotated[Path | None, typer.Option(help="Query vectors, a .npy file.")] = None,
        query_labels: Annotated[Path | None, typer.Option(help="Their labels, a .npy file.")] = None,
        k: Annotated[int, typer.Option("-k", help="Depth of precision@k.")] = 100,
        only: Annotated[list[str] | None, typer.Option("--index", "-i", help="An index to measure; all.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON.")] = False,
    ) -> None:
        """Measure indexes: Recall@5 after PCA as in the custom-IVFPQ project, or precision@k of labelled vectors."""
        from core.evaluation import index_tables

        settings = Settings.from_environment()
        given = [vectors, labels, queries, query_labels]
        if bool(gallery) == any(given) or (any(given) and not all(given)):
            raise ValueError("give a gallery, or all of --vectors, --labels, --queries and --query-labels")
        with progress() as report:
            if gallery:
                features = index_tables.reduced(_features(gallery, settings, report), pca)
                candidates = index_tables.compact_codes(lists, subspaces)
                if only:
                    candidates = [candidate for candidate in candidates if candidate.name in only]
                rows = index_tables.recall_table(
                    features, candidates, at=at, threads=settings.threads, progress=report
                )  # fmt: skip
            else:
                from core.indexes import names

                arrays = [_array(path) for path in given]
                chosen = [index_tables.Candidate(name) for name in (only or names())]
                rows = index_tables.precision_table(
                    arrays[0], arrays[1], arrays[2], arrays[3], chosen, k=k, threads=settings.threads, progress=report
                )
        if as_json:
            print_json({"gallery": gallery, "pca": pca, "lists": lists, "subspaces": subspaces, "rows": rows})
        else:
            typer.echo(index_tables.markdown(rows), nl=False)


def _features(gallery: str, settings: Settings, report: Any) -> Any:
    import numpy as np

    from core.features import FeatureStore, extract
    from core.search.galleries import parse_address

    address = parse_address(gallery, settings)
    extract(address, settings, report)
    return np.asarray(FeatureStore.open(address, settings).vectors)


def _array(path: Path | None) -> Any:
    import numpy as np

    from core.errors import DamagedFileError

    try:
        return np.load(path or "", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise DamagedFileError(f"{path} is no .npy file of numbers ({error})") from error
