"""`train codec GALLERY...`: train the codec's model on galleries."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.cli.console import progress
from core.settings import Settings

if TYPE_CHECKING:
    from core.codec.crops import CropSource
    from core.types import Image

_CHECK_EVERY, _CHECK_SIDE = 80, 128  # every so many pictures one is kept aside, and its middle used


def register(train: typer.Typer) -> None:
    """Add the sub-verb."""

    @train.command()
    def codec(
        galleries: Annotated[
            list[str],
            typer.Argument(
                help="Prepared data sets, by name; NAME=SHARE for a share of the crops, such as eurosat=13."
            ),
        ],
        out: Annotated[Path, typer.Option("--out", "-o", help="The weights file to write.")],
        minutes: Annotated[float, typer.Option(help="How long to train; 40 on two cores give a useful codec.")] = 40.0,
        exclude: Annotated[
            Path | None, typer.Option(help="A ZIP, a folder or a text file of pictures never to train on, by name.")
        ] = None,
        seed: Annotated[int, typer.Option(help="Of all randomness.")] = 0,
        device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
        runs: Annotated[
            Path, typer.Option(help="Folder of the checkpoint and the log; an interrupted run continues.")
        ] = (Path("runs/codec")),
    ) -> None:
        """Train the codec: one script, resumable and seeded; runs/codec/log.jsonl can be plotted."""
        import numpy as np

        from core.codec.calibrate import calibrate
        from core.codec.train import TrainingPlan, load_checkpoint, train

        if not minutes > 0:
            raise ValueError(f"--minutes must be positive, got {minutes}")
        settings = Settings.from_environment()
        sources, checks = _sources(_shares(galleries), _excluded(exclude), settings)
        plan = TrainingPlan(minutes=minutes, seed=seed, threads=settings.threads, device=device)
        with progress() as report:
            checkpoint = train(sources, checks, runs, plan=plan, progress=report)
        log = [json.loads(line) for line in (runs / "log.jsonl").read_text().splitlines()]
        calibrate(load_checkpoint(checkpoint), sources, np.random.default_rng(seed), out)
        for n_bytes, psnr in log[-1]["rows"]:
            typer.echo(f"{n_bytes:8.1f} bytes  {psnr:6.2f} dB on pictures kept aside")
        typer.echo(f"{out}: trained for {log[-1]['step']} steps")


def _shares(galleries: list[str]) -> dict[str, float | None]:
    """Return each gallery's share of the crops, or None for all of them where none is given.

    Raises:
        ValueError: a share that is no positive number, or shares for some of the galleries only.
    """
    shares: dict[str, float | None] = {}
    for text in galleries:
        name, equals, share = text.partition("=")
        try:
            shares[name] = float(share) if equals else None
        except ValueError:
            raise ValueError(f"a gallery's share must be a number, got {text!r}") from None
        if equals and not 0 < float(share) < math.inf:
            raise ValueError(f"a gallery's share must be positive, got {text!r}")
    if len({share is None for share in shares.values()}) > 1:
        raise ValueError("give every gallery a share (NAME=SHARE), or none")
    return shares


def _sources(
    galleries: Mapping[str, float | None], excluded: set[str], settings: Settings
) -> "tuple[list[CropSource], list[Image]]":
    """Return the pictures of each gallery, and those kept aside; without shares galleries weigh as roots of pixels."""
    from core import datasets
    from core.codec.crops import SMALL_SIDE, CropSource
    from core.errors import ImageError

    sources: list[CropSource] = []
    checks: list[Any] = []
    for name, share in galleries.items():
        dataset = datasets.open(name, settings)
        kept = []
        for number, record in enumerate(dataset):
            if Path(record.path).stem.lower() in excluded or min(record.width, record.height) < SMALL_SIDE:
                continue
            try:
                picture = dataset.load(record)
            except ImageError:
                continue
            if number % _CHECK_EVERY == 0 and min(picture.shape[:2]) >= _CHECK_SIDE:
                top, left = ((side - _CHECK_SIDE) // 2 for side in picture.shape[:2])
                checks.append(picture[top : top + _CHECK_SIDE, left : left + _CHECK_SIDE])
            else:
                kept.append(picture)
        if kept:
            root = sum(p.shape[0] * p.shape[1] for p in kept) ** 0.5
            sources.append(CropSource(kept, root if share is None else share))
    if not sources or not checks:
        raise ValueError(f"{', '.join(galleries)} have too few pictures of {_CHECK_SIDE} pixels or more to train on")
    return sources, checks


def _excluded(path: Path | None) -> set[str]:
    """Return the names, without folder and ending, that a ZIP, a folder or a text file lists."""
    import zipfile

    if path is None:
        return set()
    if path.is_dir():
        names = [entry.name for entry in path.rglob("*") if entry.is_file()]
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    else:
        names = path.read_text().split()
    return {Path(name).stem.lower() for name in names}
