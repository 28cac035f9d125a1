"""Torch's folder of downloaded weights, and downloads into it, with an error that says what to do by hand."""

import os
from pathlib import Path

from core.errors import UnavailableError


def checkpoints() -> Path:
    """Return the folder where torch keeps downloaded weights, without importing torch."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("TORCH_HOME") or f"{cache}/torch"
    return Path(home).expanduser() / "hub" / "checkpoints"


def find(file: str) -> Path | None:
    """Return the downloaded file of that name, or None."""
    path = checkpoints() / file
    return path if path.is_file() else None


def fetch(name: str, url: str, file: str, *, check_hash: bool) -> Path:
    """Download `url` as `file` by torch's own downloader, and return where it is.

    Args:
        name: of the encoder, for the message.
        check_hash: the file's name ends with the start of its SHA-256 sum, which is compared.

    Raises:
        UnavailableError: it cannot be had; the message says which file, from where and where to put it.
    """
    import torch

    try:
        torch.hub.load_state_dict_from_url(
            url, model_dir=str(checkpoints()), map_location="cpu", progress=False, check_hash=check_hash,
            file_name=file, weights_only=True,
        )  # fmt: skip
    except (OSError, RuntimeError) as error:  # no network; or the file has another checksum
        raise UnavailableError(
            f"{name} needs {file} from {url}, which could not be downloaded ({error}); "
            f"put the file in {checkpoints()} and run the command again"
        ) from error
    return checkpoints() / file
