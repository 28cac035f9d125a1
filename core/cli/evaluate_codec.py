"""`evaluate codec FOLDER|GALLERY`: rate and distortion against the standard formats."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.cli.console import print_json, progress
from core.settings import Settings

if TYPE_CHECKING:
    from core.types import Image


def register(evaluate: typer.Typer) -> None:
    """Add the sub-verb."""

    @evaluate.command()
    def codec(
        pictures: Annotated[str, typer.Argument(help="A folder, a ZIP of pictures, or a prepared data set.")],
        crop: Annotated[int | None, typer.Option(help="Use the middle of each picture, so many pixels square.")] = None,
        limit: Annotated[int | None, typer.Option(help="Use so many pictures, spread over the set.")] = None,
        quality: Annotated[list[float] | None, typer.Option(help="0 to 5; again for several. Default: 0 to 5.")] = None,
        formats: Annotated[str, typer.Option(help="To compare with.")] = "webp,jxl,avif,jpeg",
        model: Annotated[Path | None, typer.Option(help="Another codec model's weights.")] = None,
        chart: Annotated[Path | None, typer.Option(help="Write a rate-distortion chart, FILE.svg.")] = None,
        embedding: Annotated[
            bool, typer.Option("--embedding", help="Also compare embeddings of originals and restored (Barlow Twins).")
        ] = False,
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    ) -> None:
        """Print the rate-distortion table of our codec and of other formats, with BD-rates."""
        from core.codec import LearnedCodec
        from core.codec.weights import SHIPPED
        from core.evaluation.codec_curves import DEFAULT_QUALITIES, evaluate_codec

        settings = Settings.from_environment()
        codec = LearnedCodec(model or SHIPPED, threads=settings.threads)
        chosen = read_pictures(pictures, settings, crop=crop, limit=limit)
        names = [name for name in formats.split(",") if name]
        with progress() as report:
            result = evaluate_codec(
                pictures, codec, chosen, settings,
                qualities=tuple(quality or DEFAULT_QUALITIES), formats=names, progress=report,
            )  # fmt: skip
            if embedding:
                result["embedding"] = _embedding(codec, chosen, result["rows"], settings)
        if chart:
            chart.write_text(_chart(result))
        if as_json:
            print_json(result)
        else:
            _print_table(result)


def read_pictures(
    source: str, settings: Settings, *, crop: int | None = None, limit: int | None = None
) -> "list[tuple[str, Image]]":
    """Return names and RGB pictures of a folder, a ZIP or a prepared data set, in order of their names.

    Raises:
        ValueError: no picture, or `crop` is larger than one of them.
    """
    import zipfile

    from core import datasets
    from core.archive.pack import ENDINGS, folder_items
    from core.imaging import open_image

    path = Path(source)
    found: list[tuple[str, Any]]
    if path.is_dir():
        found = [(item.name, item.source.read_bytes) for item in folder_items(path)]
    elif path.is_file():
        archive = zipfile.ZipFile(path)
        listed = [name for name in sorted(archive.namelist()) if Path(name).suffix.lower() in ENDINGS]
        found = [(name, lambda name=name: archive.read(name)) for name in listed if not name.startswith("__")]
    else:
        dataset = datasets.open(source, settings)
        found = [(record.path, dataset.source_path(record).read_bytes) for record in dataset]
    if limit is not None and 0 < limit < len(found):
        found = [found[number * len(found) // limit] for number in range(limit)]
    pictures = []
    for name, read in found:
        image = open_image(read(), max_pixels=settings.max_pixels)
        if crop:
            if min(image.shape[:2]) < crop:
                raise ValueError(f"--crop {crop} is larger than {name}, {image.shape[1]}x{image.shape[0]}")
            top, left = ((side - crop) // 2 for side in image.shape[:2])
            image = image[top : top + crop, left : left + crop].copy()
        pictures.append((name, image))
    if not pictures:
        raise ValueError(f"there are no pictures in {source}")
    return pictures


def _embedding(codec: Any, pictures: "list[tuple[str, Image]]", rows: list[dict[str, Any]], settings: Settings) -> Any:
    from core import encoders
    from core.evaluation.codec_embedding import barlow_twins

    encoder = encoders.load(encoders.default_encoder(""), settings)
    images = [image for _, image in pictures]
    originals = encoder.encode(images)
    checks = []
    for row in rows:
        restored = codec.decode(codec.encode(images, codec.position_of(row["quality"])))
        checks.append({"quality": row["quality"], **barlow_twins(originals, encoder.encode(restored))})
    return checks


def _chart(result: dict[str, Any]) -> str:
    from core.codec.other_formats import TITLES
    from core.evaluation.rd_chart import rd_chart

    curves = {"ours": ("Pentimento", [(row["archive_bytes"], row["psnr_db"]) for row in result["rows"]])}
    for name, points in result["formats"].items():
        curves[name] = (TITLES[name], [(point["bytes"], point["psnr_db"]) for point in points])
    return rd_chart(curves, title=f"Rate and distortion on {result['pictures']} pictures")


def _print_table(result: dict[str, Any]) -> None:
    typer.echo(f"{result['pictures']} pictures; bytes are means per picture")
    typer.echo(f"{'quality':>8}{'stream':>9}{'record':>9}{'archive':>9}{'bpp':>8}{'PSNR':>8}{'SSIM':>8}{'MS-SSIM':>9}")
    for row in result["rows"]:
        typer.echo(
            f"{row['quality']:8.3g}{row['stream_bytes']:9.1f}{row['record_bytes']:9.1f}{row['archive_bytes']:9.1f}"
            f"{row['bits_per_pixel']:8.3f}{row['psnr_db']:8.2f}{row['ssim']:8.4f}{row['ms_ssim']:9.4f}"
        )
    _print_equal(result["at_equal_bytes"])
    for title, key in (("BD-rate, PSNR", "bd_rate"), ("BD-rate, MS-SSIM", "bd_rate_ms_ssim")):
        if not result[key]:
            continue
        rates = ", ".join(f"{n} {'no overlap' if r is None else f'{r:+.1%}'}" for n, r in result[key].items())
        typer.echo(f"{title}: {rates}")
    for check in result.get("embedding", []):
        typer.echo(
            f"quality {check['quality']:g}: embeddings' cosine {check['cosine']:.3f}, cross-correlation on the "
            f"diagonal {check['on_diagonal']:.3f}, off it {check['off_diagonal']:.3f} "
            f"(originals {check['off_diagonal_originals']:.3f})"
        )


def _print_equal(table: list[dict[str, Any]]) -> None:
    """Print PSNR and MS-SSIM of every coder at equal sizes of whole files."""
    from core.codec.other_formats import TITLES

    if not table:
        return
    names = [name for name in table[0] if name != "bits_per_pixel"]
    typer.echo("\nat equal bytes of whole files, PSNR / MS-SSIM")
    typer.echo(f"{'bpp':>8}" + "".join(f"{TITLES.get(name, 'ours'):>16}" for name in names))
    for entry in table:
        cells = [entry[name] for name in names]
        texts = ["-" if cell is None else f"{cell['psnr_db']:.2f} / {cell['ms_ssim']:.4f}" for cell in cells]
        typer.echo(f"{entry['bits_per_pixel']:8.3g}" + "".join(f"{text:>16}" for text in texts))
    typer.echo("")
