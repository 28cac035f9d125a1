"""`serve`: start the page."""

from typing import Annotated

import typer

from core.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the verb."""

    @app.command()
    def serve(
        host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
        port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 7860,
        auth: Annotated[str | None, typer.Option(help="USER:PASSWORD that is asked for.")] = None,
        public: Annotated[bool, typer.Option("--public", help="Allow other machines without a password.")] = False,
    ) -> None:
        """Start the page on galleries that are prepared (`make run` also prepares the embedded ones)."""
        import os

        os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when Gradio is imported
        user, colon, password = (auth or "").partition(":")
        if auth and not (user and colon and password):
            raise ValueError("--auth must be USER:PASSWORD")
        if host not in ("127.0.0.1", "localhost", "::1") and not auth and not public:
            raise ValueError(f"{host} can be reached from other machines: give --auth USER:PASSWORD, or --public")
        from gradio_ui.blocks import build_app
        from gradio_ui.launching import launch

        settings = Settings.from_environment()
        typer.echo(f"http://{host}:{port}", err=True)
        launch(build_app(settings), settings, host=host, port=port, auth=(user, password) if auth else None)
