"""`bench PART`: the sub-verbs that measure speed."""

from importlib import import_module

import typer

# The one list of sub-verbs: modules of this package whose `register(sub)` adds one each.
SUBVERBS = (
    "bench_cluster",
    "bench_codec",
    "bench_curves",
    "bench_index",
    "bench_map",
    "bench_milvus",
    "bench_scale",
    "bench_search",
    "bench_words",
)


def register(app: typer.Typer) -> None:
    """Add the verb."""
    sub = typer.Typer(no_args_is_help=True, help="Measure speed; each part is a sub-verb.")
    app.add_typer(sub, name="bench")
    # A callback keeps a single sub-verb from becoming the verb itself.
    sub.callback()(lambda: None)
    for name in SUBVERBS:
        import_module(f"core.cli.{name}").register(sub)
