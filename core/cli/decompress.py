"""`decompress FILE.pent --out FOLDER`: the pictures of an archive as PNG files."""

from pathlib import Path
from typing import Annotated

import typer

from core.cli.console import print_json, print_skipped, progress
from core.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the verb."""

    @app.command()
    def decompress(
        archive: Annotated[Path, typer.Argument(help="FILE.pent")],
        out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write to.")],
        show: Annotated[int, typer.Option(help="Also write a contact sheet of this many restored pictures.")] = 0,
        originals: Annotated[
            Path | None, typer.Option(help="Folder of the originals, shown beside the restored in the contact sheet.")
        ] = None,
        model: Annotated[Path | None, typer.Option(help="Another codec model's weights.")] = None,
        strict: Annotated[bool, typer.Option("--strict", help="Stop at the first damaged record.")] = False,
        force: Annotated[bool, typer.Option("--force", help="Replace existing files.")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    ) -> None:
        """Restore the pictures of an archive, with their names and sub-folders."""
        from core.archive.reader import Archive
        from core.archive.unpack import unpack
        from core.cli.app import SKIPPED
        from core.codec import LearnedCodec
        from core.codec.weights import SHIPPED

        if show < 0:
            raise ValueError(f"--show must be at least 0, got {show}")
        settings = Settings.from_environment()
        with Archive.open(archive) as opened, progress() as report:
            codec = LearnedCodec(model or SHIPPED, threads=settings.threads)
            done = unpack(opened, out, codec, settings, force=force, strict=strict, progress=report)
            if show:
                from core.archive.names import fault_of
                from core.archive.sheet import SHEET, write_sheet

                known = [name for name in opened.names if originals is not None and fault_of(name) is None]
                files = {name: originals / name for name in known} if originals else {}
                sheet = write_sheet(opened, codec, out / SHEET, show, files, settings)
                typer.echo(f"contact sheet: {sheet}", err=True)
            note = opened.note
        print_skipped(done.skipped)
        if note:
            typer.echo(note, err=True)
        if as_json:
            skipped = [{"path": name, "reason": reason} for name, reason in done.skipped]
            print_json({"archive": str(archive), "count": done.count, "modes": done.modes, "skipped": skipped})
        else:
            shares = ", ".join(f"{count / done.count:.0%} {title}" for title, count in done.modes.items())
            typer.echo(f"{out}: {done.count} pictures restored; {shares or 'none'}")
        if done.skipped:
            raise typer.Exit(SKIPPED)
