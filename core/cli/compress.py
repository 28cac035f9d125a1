"""`compress FOLDER --out FILE.pent`: many pictures into one small file that can be searched."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.cli.console import print_json, print_skipped, progress
from core.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.archive.pack import PackReport
    from core.codec import LearnedCodec


def register(app: typer.Typer) -> None:
    """Add the verb."""

    @app.command()
    def compress(
        folder: Annotated[Path | None, typer.Argument(help="A folder of pictures, or one picture.")] = None,
        out: Annotated[Path | None, typer.Option("--out", "-o", help="The archive to write, FILE.pent.")] = None,
        gallery: Annotated[str | None, typer.Option(help="Instead of a folder: a prepared gallery.")] = None,
        quality: Annotated[
            float | None, typer.Option("--quality", "-q", help="0 (smallest) to 5, in steps of 1/8; 3 unless told.")
        ] = None,
        n_bytes: Annotated[int | None, typer.Option("--bytes", help="Instead: the most bytes of a picture.")] = None,
        lossless: Annotated[bool, typer.Option("--lossless", help="Keep every sample.")] = False,
        best: Annotated[
            bool, typer.Option("--best/--fast", help="Also try AVIF, JPEG XL and lossless at the same PSNR; slower.")
        ] = True,
        search: Annotated[bool, typer.Option("--search/--no-search", help="Store search codes.")] = True,
        encoder: Annotated[str | None, typer.Option(help="Of the search codes; the gallery's or the default.")] = None,
        show: Annotated[
            int, typer.Option(help="Also write FILE-sheet.png: so many originals beside what is restored.")
        ] = 0,
        model: Annotated[Path | None, typer.Option(help="Another codec model's weights.")] = None,
        append: Annotated[bool, typer.Option("--append", help="Add to an existing archive.")] = False,
        force: Annotated[bool, typer.Option("--force", help="Replace an existing archive.")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    ) -> None:
        """Compress pictures into one archive, each as a search code and a stream that restores it."""
        from core.archive.gallery import gallery_items
        from core.archive.pack import Item, PackOptions, folder_items, pack
        from core.cli.app import SKIPPED
        from core.codec import LearnedCodec
        from core.codec.weights import SHIPPED
        from core.encoders import default_encoder
        from core.search import parse_address

        if (folder is None) == (gallery is None):
            raise ValueError("give either a folder or --gallery")
        if out is None:
            raise ValueError("give the archive to write: --out FILE.pent")
        if sum([quality is not None, n_bytes is not None, lossless]) > 1:
            raise ValueError("give one of --quality, --bytes and --lossless")
        if show < 0:
            raise ValueError(f"--show must be at least 0, got {show}")
        settings = Settings.from_environment()
        extra: dict[str, Any] = {}
        if gallery is not None:
            address = parse_address(gallery, settings)
            items, extra = gallery_items(address, settings)
            encoder = encoder or address.encoder
        elif folder is not None and folder.is_file():
            items = [Item(folder.name, folder)]
        else:
            if folder is None or not folder.is_dir():
                raise ValueError(f"{folder} is not a folder")
            items = folder_items(folder)
        if not items:
            raise ValueError(f"there are no pictures in {folder or gallery}")
        options = PackOptions(
            quality=None if lossless else 3.0 if quality is None else quality,
            n_bytes=n_bytes,
            others=best and n_bytes is None and not lossless,
            encoder=(encoder or default_encoder("")) if search else None,
        )
        codec = LearnedCodec(model or SHIPPED, threads=settings.threads)
        title = str(extra.get("title") or (folder.name if folder else ""))
        with progress() as report:
            done = pack(
                items, out, codec, settings,
                options=options, title=title, extra=extra, force=force, append=append, progress=report,
            )  # fmt: skip
        if show:
            sources = {item.name: item.source for item in items}
            typer.echo(f"contact sheet: {_write_sheet(out, codec, show, sources, settings)}", err=True)
        print_skipped(done.skipped)
        if done.too_long:
            typer.echo(
                f"{done.too_long} of {done.count} pictures take more than {n_bytes} bytes at quality 0", err=True
            )
        if as_json:
            print_json(_as_json(done, out))
        else:
            typer.echo(_as_text(done, out))
        if done.skipped:
            raise typer.Exit(SKIPPED)


def _write_sheet(
    path: Path, codec: "LearnedCodec", count: int, sources: "Mapping[str, Path]", settings: Settings
) -> Path:
    from core.archive.reader import Archive
    from core.archive.sheet import write_sheet

    with Archive.open(path) as opened:
        return write_sheet(opened, codec, path.with_name(f"{path.stem}-sheet.png"), count, sources, settings)


def _as_json(done: "PackReport", out: Path) -> dict[str, Any]:
    return {
        "archive": str(out),
        "count": done.count,
        "archive_bytes": done.archive_bytes,
        "stream_bytes": done.stream_bytes,
        "original_bytes": done.original_bytes,
        "bits_per_pixel": 8 * done.stream_bytes / max(1, done.pixels),
        "modes": dict(done.modes),
        "too_long": done.too_long,
        "skipped": [{"path": path, "reason": reason} for path, reason in done.skipped],
    }


def _as_text(done: "PackReport", out: Path) -> str:
    ratio = done.original_bytes / max(1, done.archive_bytes)
    shares = ", ".join(f"{count / done.count:.0%} {title}" for title, count in done.modes.most_common())
    return (
        f"{out}: {done.count} pictures in {done.archive_bytes:,} bytes, 1:{ratio:.1f} of their files' "
        f"{done.original_bytes:,}\nstreams {done.stream_bytes / done.count:,.0f} bytes a picture, "
        f"{8 * done.stream_bytes / max(1, done.pixels):.3f} bits per pixel; {shares}"
    )
