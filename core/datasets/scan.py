"""Finding the pictures in a person's folder, at any depth, without following links out of it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from core.imaging_kinds import HEAD_BYTES, READABLE, kind_of

# Names that promise a picture: a file of such a name that is none is reported, any other file is only counted.
_PICTURE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".webp", ".avif", ".tif", ".tiff", ".bmp", ".ppm", ".pgm"),
    *(".pnm", ".jp2", ".j2k", ".jxl", ".heic", ".heif", ".svg"),
)


@dataclass(frozen=True)
class Found:
    """A file that may be a picture.

    Attributes:
        path: relative to the folder, with `/`.
        size: in bytes.
        mtime_ns: when it was last changed.
    """

    path: str
    size: int
    mtime_ns: int


@dataclass
class Scan:
    """What a folder holds.

    Attributes:
        pictures: by name or by content, sorted by path.
        skipped: (path, reason) of links, and of names that cannot be stored.
        closed: files and folders that could not be looked at, so that nothing is known about what they hold.
        ignored: number of other files (texts, hidden files, ...).
    """

    pictures: list[Found] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    ignored: int = 0


def scan(folder: Path, known: frozenset[str] = frozenset()) -> Scan:
    """List the pictures under `folder`.

    Hidden files and folders (a name that begins with a dot) are ignored. Links are never followed: what they point to
    may lie outside the folder, or contain the folder itself.

    Args:
        known: paths that are in the catalog; they need no look into the file.
    """
    result = Scan()
    for entry in _walk(folder, result):
        path = os.path.relpath(entry.path, folder).replace(os.sep, "/")
        try:
            path.encode()
            facts = entry.stat(follow_symlinks=False)
        except UnicodeEncodeError:
            result.skipped.append((path.encode(errors="replace").decode(), "its name is not valid Unicode; rename it"))
            continue
        except OSError as error:
            result.skipped.append((path, f"cannot be read: {error.strerror}"))
            result.closed.append(path)
            continue
        promises = entry.name.lower().endswith(_PICTURE_SUFFIXES)
        if promises or path in known or _holds_picture(entry.path):
            result.pictures.append(Found(path, facts.st_size, facts.st_mtime_ns))
        else:
            result.ignored += 1
    result.pictures.sort(key=lambda found: found.path)
    return result


def _walk(folder: Path, result: Scan) -> Iterator["os.DirEntry[str]"]:
    """Yield the visible regular files; note links and folders that may not be opened."""
    waiting = [os.fspath(folder)]
    while waiting:
        current = waiting.pop()
        try:
            entries = sorted(os.scandir(current), key=lambda entry: entry.name)
        except OSError as error:
            relative = os.path.relpath(current, folder).replace(os.sep, "/")
            result.skipped.append((relative, f"cannot be opened: {error.strerror}"))
            result.closed.append(relative)
            continue
        for entry in entries:
            if entry.name.startswith("."):
                result.ignored += 1
            elif entry.is_symlink():
                relative = os.path.relpath(entry.path, folder).encode(errors="replace").decode()
                result.skipped.append((relative, "is a symbolic link, which may leave the folder"))
            elif entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)
            elif entry.is_file(follow_symlinks=False):
                yield entry
            else:
                result.ignored += 1


def _holds_picture(path: str) -> bool:
    try:
        with Path(path).open("rb") as file:
            return kind_of(file.read(HEAD_BYTES)) in READABLE
    except OSError:
        return False
