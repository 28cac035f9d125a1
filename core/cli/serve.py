"""`serve`: start the page."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the verb."""

    @app.command()
    def serve(
        host: Annotated[str | None, typer.Option(help="Address to listen on; 127.0.0.1.")] = None,
        port: Annotated[int | None, typer.Option(help="Port to listen on; 7860.", min=1, max=65535)] = None,
        auth: Annotated[str | None, typer.Option(help="USER:PASSWORD that is asked for.")] = None,
        public: Annotated[bool, typer.Option("--public", help="Allow other machines without a password.")] = False,
        root: Annotated[Path | None, typer.Option(help="Folder of datasets/, features/ and indexes/.")] = None,
    ) -> None:
        """Start the page, as `make run` and `python app.py` do; the embedded galleries are prepared if absent."""
        from app import main

        given = {"--host": host, "--port": port, "--auth": auth, "--root": root}
        arguments = [str(text) for name, value in given.items() if value is not None for text in (name, value)]
        raise typer.Exit(main([*arguments, "--public"] if public else arguments))
