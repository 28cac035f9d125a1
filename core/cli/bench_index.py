"""`bench index`: our IVFPQ against FAISS's, re-ranked against refined, and the whole field on one chart."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.cli.console import print_json, progress
from core.settings import Settings

if TYPE_CHECKING:
    from core.evaluation.bench_index import Data


def register(bench: typer.Typer) -> None:
    """Add the sub-verb."""

    @bench.command()
    def index(
        vectors: Annotated[Path | None, typer.Option(help="A .npy file of (N, D) vectors.", exists=True)] = None,
        queries: Annotated[Path | None, typer.Option(help="A .npy file of (Q, D) queries.", exists=True)] = None,
        truth: Annotated[Path | None, typer.Option(help="A .npy file of the exact nearest.", exists=True)] = None,
        gallery: Annotated[str | None, typer.Option(help="The features of a prepared gallery.")] = None,
        synthetic: Annotated[str, typer.Option(help="Make N,D vectors.")] = "200000,128",
        lists: Annotated[int, typer.Option(help="Lists.", min=1)] = 512,
        field: Annotated[int, typer.Option(help="Vectors for the whole field; 0 leaves it out.", min=0)] = 100_000,
        rounds: Annotated[int, typer.Option(help="Turns of FAISS and ours.", min=1)] = 7,
        quick: Annotated[bool, typer.Option("--quick", help="Fewer vectors and turns, and no field.")] = False,
        out: Annotated[Path, typer.Option(help="Where results and chart go.")] = Path("bench-results"),
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    ) -> None:
        """Compare with FAISS on the same vectors: speed, recall, building, memory, re-ranking; draw the whole field."""
        from core.evaluation.bench_field import bench_field, draw, field_markdown
        from core.evaluation.bench_index import Data, bench_index, markdown
        from core.evaluation.bench_refine import bench_refine, refine_markdown
        from core.storage import write_json

        if quick:
            synthetic, field, rounds = "20000,64", 0, 2
        data = _data(vectors, queries, truth, gallery, synthetic)
        n_lists = max(1, min(lists, len(data.vectors) // 39))
        with progress() as report:
            found = bench_index(data, n_lists=n_lists, rounds=rounds, progress=report)
            found["refine"] = bench_refine(data, n_lists=n_lists, rounds=rounds, progress=report)
            if field:
                part = data if field >= len(data.vectors) else Data.of(data.name, data.vectors[:field], data.queries)
                field_lists = max(1, min(n_lists, len(part.vectors) // 390))
                found["field"] = bench_field(part, n_lists=field_lists, progress=report)
                title = f"{data.name}: {len(part.vectors):,} vectors, {field_lists} lists"
                draw(found["field"], out / "index.png", title)
        write_json(out / "index.json", found)
        if as_json:
            print_json(found)
            return
        typer.echo(markdown(found))
        typer.echo("\n" + refine_markdown(found["refine"]))
        if field:
            typer.echo("\n" + field_markdown(found["field"]))
        typer.echo(f"\nwritten: {out / 'index.json'}" + (f", {out / 'index.png'}" if field else ""), err=True)


def _data(
    vectors: Path | None, queries: Path | None, truth: Path | None, gallery: str | None, synthetic: str
) -> "Data":
    """Load or make what is to be searched; without queries, every 50th vector is taken out for one."""
    import numpy as np

    from core.arrays import as_vectors
    from core.evaluation.bench_index import Data

    if vectors is not None:
        base, name = as_vectors(np.load(vectors, allow_pickle=False)), vectors.stem
    elif gallery is not None:
        from core.search import Engine

        base, name = np.array(Engine(Settings.from_environment()).vectors(gallery).vectors), gallery
    else:
        try:
            n, dim = (int(part) for part in synthetic.split(","))
        except ValueError:
            raise ValueError(f"--synthetic must be N,D, got {synthetic!r}") from None
        return Data.synthetic(n, dim)
    if queries is None:
        held_out = np.arange(len(base)) % 50 == 0
        return Data.of(name, base[~held_out], base[held_out])
    found = None if truth is None else np.load(truth, allow_pickle=False).astype(np.int64)
    return Data.of(name, base, as_vectors(np.load(queries, allow_pickle=False), base.shape[1]), found)
