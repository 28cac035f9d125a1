"""`evaluate KIND`: the sub-verbs that measure quality."""

from importlib import import_module

import typer

# The one list of sub-verbs: modules of this package whose `register(sub)` adds one each.
SUBVERBS = ("evaluate_retrieval", "evaluate_index", "evaluate_codec", "evaluate_codes")


def register(app: typer.Typer) -> None:
    """Add the verb."""
    sub = typer.Typer(no_args_is_help=True, help="Measure quality; each kind is a sub-verb.")
    app.add_typer(sub, name="evaluate")
    # A callback keeps a single sub-verb from becoming the verb itself.
    sub.callback()(lambda: None)
    for name in SUBVERBS:
        import_module(f"core.cli.{name}").register(sub)
