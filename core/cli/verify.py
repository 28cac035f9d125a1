"""`verify [GALLERY]`: read everything and compare checksums."""

from pathlib import Path
from typing import Annotated

import typer

from core.settings import Address, Settings


def register(app: typer.Typer) -> None:
    """Add the verb."""

    @app.command()
    def verify(
        gallery: Annotated[str | None, typer.Argument(help="`dataset` or `dataset@encoder`; all.")] = None,
    ) -> None:
        """Compare catalogs, features, indexes and maps with their checksums. Exit code 1 if anything is damaged."""
        from core import datasets
        from core.search import parse_address
        from core.search.milvus_gallery import milvus_faults

        settings = Settings.from_environment()
        address = parse_address(gallery, settings) if gallery else None
        names = [address.dataset] if address else datasets.names(settings)
        faults: list[str] = []
        checked = 0
        for name in names:
            found = datasets.open(name, settings).catalog.faults()
            faults += [f"{fault}; run: python -m core data check {name}" for fault in found]
            checked += 1
            encoder = address.encoder if address and gallery and "@" in gallery else None
            for folder in _generations(settings, name, encoder):
                faults += _faults(folder, settings)
                checked += 1
                if folder.name == "milvus":
                    faults += milvus_faults(Address(name, folder.parent.name), settings)
        for fault in faults:
            typer.echo(fault)
        typer.echo(f"checked {checked} parts of {len(names)} galleries: {len(faults) or 'no'} faults", err=True)
        if faults:
            raise typer.Exit(1)


def _generations(settings: Settings, dataset: str, encoder: str | None) -> list[Path]:
    """Return the folders that hold generations: of features, indexes and maps."""
    from core.storage import CURRENT

    found = []
    for parent in (settings.features, settings.indexes):
        folder = parent / dataset / encoder if encoder else parent / dataset
        found += sorted(path.parent for path in folder.rglob(CURRENT))
    return found


def _faults(folder: Path, settings: Settings) -> list[str]:
    """Return what is wrong with the current generation in `folder`, each with what to run."""
    from core.errors import RetrievalError
    from core.storage import Generations, verify

    parts = folder.relative_to(settings.root).parts  # features|indexes, dataset, encoder, ...
    command = f"python -m core {'features' if parts[0] == 'features' else 'index'} {parts[1]}@{parts[2]} --rebuild"
    try:
        current = Generations(folder).current()
        found = [] if current is None else verify(current)
    except RetrievalError as error:
        found = [str(error)]
    return [f"{fault}; run: {command}" for fault in found]
