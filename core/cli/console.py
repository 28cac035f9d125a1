"""Progress on stderr, JSON on stdout."""

import contextlib
import json
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:  # it brings numpy, which takes as long to import as all the rest
    from core.types import Progress

_EVERY_S = 5.0  # between lines of progress where stderr is no terminal


def print_json(value: Any) -> None:
    """Print a value as JSON on stdout."""
    typer.echo(json.dumps(value, indent=1, ensure_ascii=False))


def print_skipped(skipped: Iterable[tuple[str, str]]) -> None:
    """List the inputs that were skipped on stderr, with their reasons."""
    for path, reason in skipped:
        typer.echo(f"skipped: {path}: {reason}" if path not in reason else f"skipped: {reason}", err=True)


@contextlib.contextmanager
def progress() -> "Iterator[Progress]":
    """Yield a `core.types.Progress` that shows rate and time left on stderr: a bar on a terminal, else lines."""
    if sys.stderr.isatty():
        with _bars() as report:
            yield report
    else:
        yield _Lines()


@contextlib.contextmanager
def _bars() -> "Iterator[Progress]":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            rate = task.finished_speed or task.speed
            return Text(f"{rate:,.0f}/s" if rate and rate >= 1 else "")

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn(compact=True),
    )  # fmt: skip
    with Bars(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, Any] = {}

        def report(done: int, total: int | None, what: str) -> None:
            name = what.split(":")[0]  # "indexing paintings: ivfpq" is a step of the task "indexing paintings"
            if name not in tasks:
                tasks[name] = bars.add_task(what, total=total)
            bars.update(tasks[name], completed=done, total=total, description=what)

        yield report


class _Lines:
    """Prints a line when work begins or ends, and every few seconds between."""

    def __init__(self) -> None:
        self._name = ""
        self._started = self._printed = 0.0

    def __call__(self, done: int, total: int | None, what: str) -> None:
        now = time.monotonic()
        name = what.split(":")[0]
        if name != self._name:
            self._name, self._started, self._printed = name, now, 0.0
        if done != total and now - self._printed < _EVERY_S:
            return
        self._printed = now
        elapsed = now - self._started
        text = f"{what}: {done}" if total is None else f"{what}: {done} of {total}"
        if done and elapsed > 1:
            text += f", {done / elapsed:.3g}/s"
            if total is not None and done < total:
                text += f", {elapsed / done * (total - done):.0f} s left"
        typer.echo(text, err=True)
