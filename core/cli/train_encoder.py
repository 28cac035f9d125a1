"""`train METHOD GALLERY... --name NAME`: train an encoder, one sub-verb for each method."""

from typing import Annotated

import typer

from core.cli.console import print_json, progress
from core.settings import Settings


def register(train: typer.Typer) -> None:
    """Add a sub-verb for each method."""
    from core.training.losses import METHODS

    for method in METHODS:
        train.command(name=method.name, help=f"{method.title}. Trains an encoder on galleries.")(_verb(method.name))


def _verb(method: str):  # type: ignore[no-untyped-def]  # typer reads the inner function's annotations
    def run(
        galleries: Annotated[list[str], typer.Argument(help="Prepared data sets; classes of two sets stay apart.")],
        name: Annotated[str, typer.Option("--name", "-n", help="What the encoder will be called.")],
        backbone: Annotated[str, typer.Option(help="The encoder to start from.")] = "efficientnet_lite0",
        whole: Annotated[bool, typer.Option("--whole", help="Train the whole network, not a head on vectors.")] = False,
        frozen: Annotated[bool, typer.Option("--frozen", help="With --whole: leave the backbone as it is.")] = False,
        label: Annotated[list[str] | None, typer.Option(help="Field to learn, repeatable; the label.")] = None,
        group: Annotated[str, typer.Option(help="Field whose equal values are never in two parts (artist...).")] = "",
        dim: Annotated[int, typer.Option(min=0, help="Numbers or bits of the embedding; 0: the method's own.")] = 0,
        hidden: Annotated[int, typer.Option(min=0, help="Width of a head's hidden layer; 0: none.")] = 448,
        dropout: Annotated[
            float, typer.Option(min=0, max=0.95, help="Share of a head's inputs that are left out in training.")
        ] = 0.3,
        views: Annotated[int, typer.Option(min=0, help="Augmented views of each picture, for a head.")] = 0,
        strength: Annotated[str, typer.Option(help="Of the augmentation: mild, or strong for other sensors.")] = "mild",
        keep: Annotated[float, typer.Option(help="Share of the similarity left to the backbone's vectors.")] = 0.0,
        kept_dim: Annotated[int, typer.Option(min=1, help="Numbers for that share.")] = 192,
        size: Annotated[int, typer.Option(min=32, help="With --whole: side of the pictures in pixels.")] = 128,
        batch: Annotated[
            int, typer.Option(min=0, help="Pictures of a step; 0: 32 to 256 for a head, 32 for a network.")
        ] = 0,
        mixing: Annotated[float, typer.Option(min=0, help="How much pictures are mixed (classification heads).")] = 0.3,
        epochs: Annotated[int, typer.Option(min=0, help="Passes; 0: 60 for a head, 8 for a network.")] = 0,
        learning_rate: Annotated[float, typer.Option(min=0, help="0: 0.002.")] = 0.0,
        backbone_rate: Annotated[
            float, typer.Option(min=0, help="Learning rate of the backbone relative to that.")
        ] = 0.15,
        patience: Annotated[
            int, typer.Option(min=0, help="Passes without a better score before it stops; 0: never.")
        ] = 15,
        seed: Annotated[int, typer.Option(min=0, help="Of all randomness.")] = 0,
        device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
        refit: Annotated[bool, typer.Option("--refit", help="Then once more with the validation part.")] = False,
        option: Annotated[list[str] | None, typer.Option(help="Of the loss, NAME=NUMBER (margin=1.0).")] = None,
        title: Annotated[str, typer.Option(help="What people read.")] = "",
        restart: Annotated[bool, typer.Option("--restart", help="Forget an interrupted run of this name.")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="Print a report as JSON.")] = False,
    ) -> None:
        from core.training.run import Plan
        from core.training.run import train as train_encoder
        from core.training.trainer import Schedule

        if strength not in ("mild", "strong"):
            raise ValueError(f"--strength must be mild or strong, got {strength!r}")
        settings = Settings.from_environment()
        plan = Plan(
            method=method, galleries=tuple(galleries), name=name, backbone=backbone, whole=whole, frozen=frozen,
            fields=tuple(label or ["label"]), group=group, dim=dim, hidden=hidden, dropout=dropout, views=views,
            strength="mild" if strength == "mild" else "strong", keep=keep, kept_dim=kept_dim, size=size, batch=batch,
            mixing=mixing, refit=refit, title=title, options=dict(_option(text) for text in option or ()),
        )  # fmt: skip
        schedule = Schedule(
            epochs=epochs or (8 if whole else 60), learning_rate=learning_rate or 2e-3, backbone_rate=backbone_rate,
            patience=patience, seed=seed, device=device, threads=settings.threads,
        )  # fmt: skip
        with progress() as report:
            done = train_encoder(plan, settings, schedule, restart=restart, progress=report)
        if done.lonely:
            typer.echo(f"labels of one training picture only, which teach little: {', '.join(done.lonely)}", err=True)
        if as_json:
            print_json(
                {
                    "encoder": done.name, "folder": str(done.folder), "validation_score": done.score,
                    "pictures": done.n_train, "best_epoch": done.outcome.best_epoch, "seconds": done.outcome.seconds,
                    "stopped_early": done.outcome.stopped_early,
                }
            )  # fmt: skip
            return
        typer.echo(
            f"{done.name}: validation {done.score:.4f} in pass {done.outcome.best_epoch + 1}, {done.n_train} pictures, "
            f"{done.outcome.seconds:.1f} s; use it as {galleries[0]}@{done.name}"
        )

    return run


def _option(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError:
        raise ValueError(f"--option must be NAME=NUMBER, got {text!r}") from None
