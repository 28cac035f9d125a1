"""`bench milvus`: real vectors into Milvus, and searches with and without filters against exact answers."""

from pathlib import Path
from typing import Annotated

import typer

from core.cli import milvus_options
from core.cli.console import print_json, progress


def register(bench: typer.Typer) -> None:
    """Add the sub-verb."""

    @bench.command()
    def milvus(
        vectors: Annotated[Path | None, typer.Option(help="A .npy file of (N, D) vectors.", exists=True)] = None,
        queries: Annotated[Path | None, typer.Option(help="A .npy file of (Q, D) queries.", exists=True)] = None,
        count: Annotated[int, typer.Option(help="Vectors: the file's over and over, with noise.", min=100)] = 1_000_000,
        n_queries: Annotated[int, typer.Option("--queries-used", help="Queries of the file.", min=1)] = 200,
        milvus_uri: milvus_options.Uri = None,
        milvus_token: milvus_options.Token = None,
        milvus_index: milvus_options.Kind = None,
        milvus_params: milvus_options.Params = None,
        milvus_metric: milvus_options.Metric = None,
        file: Annotated[Path, typer.Option(help="Of Milvus Lite, where no server is given.")] = Path(
            "bench-results/milvus-lite.db"
        ),
        out: Annotated[Path, typer.Option(help="Where the results go, as JSON.")] = Path("bench-results/milvus.json"),
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    ) -> None:
        """Load vectors into Milvus Lite or a server, and measure filtered and unfiltered searches against exact ones.

        Without files the vectors are made; the collection is dropped at the end.
        """
        import numpy as np

        from core.evaluation.bench_index import Data
        from core.evaluation.bench_milvus import bench_markdown, bench_milvus, doubled, memory_bytes
        from core.indexes.milvus_client import MilvusServer
        from core.indexes.milvus_schema import MilvusOptions
        from core.storage import write_json

        options = milvus_options.options_of(milvus_index, milvus_params, milvus_metric, None, None) or MilvusOptions()
        if (vectors is None) != (queries is None):
            raise ValueError("give both --vectors and --queries, or neither")
        if vectors is not None and queries is not None:
            base = np.load(vectors, mmap_mode="r", allow_pickle=False)
            asked = np.asarray(np.load(queries, allow_pickle=False)[:n_queries], np.float32)
        else:
            made = Data.synthetic(min(count, 100_000), 128, n_queries)
            base, asked = made.vectors, made.queries
        server = MilvusServer(milvus_uri or str(file), milvus_token or "")
        try:
            with progress() as report:
                found = bench_milvus(server, doubled(base, count), asked, options, progress=report)
        finally:
            server.close()
        found["peak_memory_bytes"] = memory_bytes()
        write_json(out, found)
        if as_json:
            print_json(found)
        else:
            typer.echo(bench_markdown(found))
