"""`archive info FILE.pent` and `archive search FILE.pent IMAGE`: what an archive holds, without restoring it."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from core.cli.console import print_json
from core.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the verb."""
    archive = typer.Typer(no_args_is_help=True, help="Look into a .pent archive, and search it.")
    app.add_typer(archive, name="archive")

    @archive.command()
    def info(
        path: Annotated[Path, typer.Argument(help="FILE.pent")],
        check: Annotated[bool, typer.Option("--check", help="Read every byte and compare checksums.")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    ) -> None:
        """Say what an archive holds and what it needs."""
        from core.archive.reader import Archive
        from core.cli.app import SKIPPED

        with Archive.open(path) as opened:
            faults = opened.faults() if check else [opened.note] if opened.note else []
            facts = _facts(opened) | {"faults": faults}
        if as_json:
            print_json(facts)
        else:
            for key, value in facts.items():
                if key != "faults":
                    typer.echo(f"{key.replace('_', ' '):14} {value}")
            for fault in faults:
                typer.echo(fault, err=True)
        if faults:
            raise typer.Exit(SKIPPED)

    @archive.command()
    def search(
        path: Annotated[Path, typer.Argument(help="FILE.pent")],
        image: Annotated[Path, typer.Argument(help="A picture.")],
        k: Annotated[int, typer.Option("-k", help="How many to find.")] = 10,
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    ) -> None:
        """Find the most similar pictures by their search codes; nothing is decoded."""
        from core.archive.reader import Archive
        from core.archive.searching import search_archive

        with Archive.open(path) as opened:
            outcome = search_archive(opened, image, Settings.from_environment(), k=k)
        if as_json:
            print_json(outcome.to_json())
            return
        for hit in outcome.hits:
            typer.echo(f"{hit.rank:3}  {hit.similarity:6.3f}  {hit.name}")
        spent = outcome.timings_ms
        typer.echo(
            f"encoded in {spent['decode'] + spent['encode']:.0f} ms, searched {outcome.n_searched} codes in "
            f"{spent['search']:.1f} ms; similarities are approximate",
            err=True,
        )
        if outcome.note:
            typer.echo(outcome.note, err=True)


def _facts(opened: Any) -> dict[str, Any]:
    from core.codec.modes import Mode

    counts = Counter(int(mode) for mode in opened.modes)
    titles = {mode.value: mode.title for mode in Mode}
    search = opened.search
    return {
        "path": str(opened.path),
        "title": opened.directory.get("title", ""),
        "created": opened.directory.get("created", ""),
        "writer": opened.directory.get("writer", ""),
        "pictures": len(opened),
        "bytes": opened.path.stat().st_size,
        "stream_bytes": int(opened.lengths.sum()),
        "modes": {titles.get(mode, f"unknown ({mode})"): count for mode, count in sorted(counts.items())},
        "codec_model": opened.codec_sha256,
        "search_codes": search["encoder"] if search else None,
        "codebook": search["sha256"].hex() if search else None,
        "about": opened.directory.get("about", {}),
    }
