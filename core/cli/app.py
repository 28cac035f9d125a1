"""The list of verbs, and what an error becomes: one line on stderr and an exit code.

0  done              2  misused: an unknown option, or a value that is out of range
1  could not be done 3  done, but some inputs were skipped; they are listed
130 interrupted (Ctrl-C): what is finished is kept, nothing is half-written
"""

import logging
import os
import sys
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from core import __version__
from core.errors import Cancelled, RetrievalError

# The one list of verbs: modules of this package whose `register(app)` adds one each. Importing them must be quick:
# whatever is heavy is imported when the verb runs.
VERBS = (
    "data",
    "index",
    "search",
    "why",
    "compare",
    "features",
    "verify",
    "compress",
    "decompress",
    "archive",
    "bench",
    "evaluate",
    "train",
    "map",
    "doctor",
    "serve",
)

SKIPPED = 3
INTERRUPTED = 130


class Verbs(TyperGroup):
    """Runs a verb and turns what went wrong into a line and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the verb that the arguments name."""
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, Cancelled):
            fail("interrupted; run the same command again to continue", INTERRUPTED)
        except RetrievalError as error:
            fail(str(error), 1)
        except BrokenPipeError:  # whoever read our output has closed it
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except OSError as error:
            fail(str(error), 1)
        except (ValueError, TypeError) as error:
            logging.getLogger(__name__).debug("misused", exc_info=True)
            fail(str(error), 2)


def fail(message: str, code: int) -> None:
    """Print one line on stderr and end with the exit code."""
    typer.echo(f"error: {' '.join(message.split())}", err=True)
    raise typer.Exit(code)


def build() -> typer.Typer:
    """Return the application with all verbs."""
    app = typer.Typer(
        cls=Verbs,
        name="python -m core",
        no_args_is_help=True,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        help="Visual search for paintings and satellite imagery: prepare galleries, search them, serve the page.",
    )

    @app.callback()
    def options(
        debug: Annotated[bool, typer.Option("--debug", help="Log what is done, and the origin of errors.")] = False,
        version: Annotated[bool, typer.Option("--version", help="Print the version.", callback=_version)] = False,
    ) -> None:
        level = logging.DEBUG if debug else logging.WARNING
        logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)

    for verb in VERBS:
        import_module(f"core.cli.{verb}").register(app)
    return app


def main() -> None:
    """Run the command line with the process's arguments."""
    build()()


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit
