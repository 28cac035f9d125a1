"""Shelf: files that the page hands out for a while: large pictures, originals, exports."""

import hashlib
import shutil
from pathlib import Path

import gradio as gr
from gradio.utils import get_upload_folder

from core.errors import NotPreparedError
from gradio_ui.static_files import file_url


class Shelf:
    """Puts files into Gradio's temporary folder, whose names cannot be guessed and which Gradio empties by age."""

    def __init__(self, blocks: gr.Blocks) -> None:
        """Register with `blocks`, so that its `delete_cache` removes what is put here."""
        self._files: set[str] = set()
        blocks.temp_file_sets.append(self._files)

    def put(self, data: bytes, name: str) -> str:
        """Store bytes under a file name and return their URL, relative to the page."""
        path = self._place(hashlib.sha256(data).hexdigest(), name)
        if not path.exists():
            path.write_bytes(data)
        return file_url(path)

    def put_copy(self, source: Path) -> str:
        """Store a copy of a file and return its URL, relative to the page."""
        facts = source.stat()
        key = hashlib.sha256(f"{source.resolve()}|{facts.st_size}|{facts.st_mtime_ns}".encode()).hexdigest()
        path = self._place(key, source.name)
        if not path.exists():
            shutil.copyfile(source, path)
        return file_url(path)

    def _place(self, key: str, name: str) -> Path:
        folder = Path(get_upload_folder()) / key
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / name
        self._files.add(str(path))
        return path


def uploaded(path: str) -> Path:
    """Return an uploaded file's path, if it is one that the page stored and has not deleted yet.

    Raises:
        ValueError: the path is not in the folder of uploads.
        NotPreparedError: the file has been deleted since.
    """
    folder = Path(get_upload_folder()).resolve()
    resolved = Path(path).resolve()
    if not resolved.is_relative_to(folder):
        raise ValueError("a picture must be uploaded before it can be searched with")
    if not resolved.is_file():
        raise NotPreparedError("this upload has been deleted meanwhile; choose the picture again")
    return resolved
