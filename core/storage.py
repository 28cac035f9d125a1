"""Files that are either whole or absent: atomic writes, sealed folders with a manifest, and numbered generations.

A sealed folder holds data files and one `manifest.json` that says what they are, what they were built from and what
their sizes and SHA-256 sums must be. A generation is a sealed folder that is written under a temporary name and
then made current by replacing one small file, CURRENT; a reader sees the old generation or the new one, whole.
"""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from core.errors import DamagedFileError, NotPreparedError, StorageError, VersionError
from core.types import Json

MANIFEST = "manifest.json"
CURRENT = "CURRENT"
_CHUNK = 1 << 20


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals to write (disk full, read-only, no permission) into StorageError."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageError(
                f"the disk that holds {path} is full; free some space and run the command again"
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise StorageError(f"cannot write {path}: {error.strerror}") from error
        raise


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success flush it to disk and rename it, else remove it."""
    path = Path(path)
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
        try:
            yield temporary
            _flush(temporary)
            temporary.replace(path)
            _flush(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Replace the file by `data`, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_json(path: Path, value: Any) -> None:
    """Replace the file by `value` as JSON, whole or not at all."""
    write_bytes(path, (json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode())


def read_json(path: Path) -> Json:
    """Read a JSON object.

    Raises:
        NotPreparedError: the file does not exist.
        DamagedFileError: it is not a JSON object.
    """
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise NotPreparedError(f"{path} does not exist") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise DamagedFileError(f"{path} is not valid JSON ({error})") from error
    if not isinstance(value, dict):
        raise DamagedFileError(f"{path} must hold a JSON object, got {type(value).__name__}")
    return value


def sha256_of(path: Path) -> str:
    """Return the SHA-256 sum of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(*parts: object) -> str:
    """Return a short stable digest of values that have a JSON form; the order of keys does not matter."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def require_space(folder: Path, n_bytes: int, what: str) -> None:
    """Raise StorageError, before anything is written, if `folder`'s disk has less than `n_bytes` free."""
    existing = folder
    while not existing.exists():
        existing = existing.parent
    free = shutil.disk_usage(existing).free
    if free < n_bytes:
        raise StorageError(
            f"{what} needs {n_bytes / 1e6:,.0f} MB in {folder}, but only {free / 1e6:,.0f} MB are free; "
            "free some space and run the command again"
        )


def lock(path: Path, timeout_s: float = -1) -> FileLock:
    """Return a lock between processes, to be used in a `with` statement; it is freed when its holder dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(str(path), timeout=timeout_s)


@dataclass(frozen=True)
class Manifest:
    """What a sealed folder holds.

    Attributes:
        kind: what the folder is, such as "features" or "index/ivfpq".
        version: of the format.
        created: UTC, ISO 8601.
        built_from: provenance; two builds from the same things have equal values here.
        params: parameters, seed, counts: whatever the reader needs.
        files: relative name -> {"bytes": size, "sha256": sum}.
    """

    kind: str
    version: int
    created: str
    built_from: Json
    params: Json
    files: Json


def seal(
    folder: Path, kind: str, version: int, *, built_from: Mapping[str, Any], params: Mapping[str, Any]
) -> Manifest:
    """Write the manifest of everything that lies in `folder` and flush it all to disk."""
    files: Json = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != MANIFEST:
            _flush(path)
            name = path.relative_to(folder).as_posix()
            files[name] = {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
    manifest = Manifest(
        kind, version, datetime.now(UTC).isoformat(timespec="seconds"), dict(built_from), dict(params), files
    )
    write_json(folder / MANIFEST, manifest.__dict__)
    return manifest


def read_manifest(folder: Path, kind: str, version: int) -> Manifest:
    """Read a sealed folder's manifest and check kind, version, and every file's presence and size.

    Checksums are not read here, so that opening a large folder takes microseconds: see `verify`.

    Raises:
        NotPreparedError: there is no manifest.
        DamagedFileError: it is no manifest of that kind, or a file is missing or of another size.
        VersionError: it was written by a newer version.
    """
    path = folder / MANIFEST
    value = read_json(path)
    try:
        manifest = Manifest(**{name: value[name] for name in Manifest.__dataclass_fields__})
    except KeyError as error:
        raise DamagedFileError(f"{path} lacks the key {error}") from None
    if manifest.kind != kind:
        raise DamagedFileError(f"{folder} holds {manifest.kind!r}, expected {kind!r}")
    if type(manifest.version) is not int:
        raise DamagedFileError(f"{path} has the format version {manifest.version!r}, which is no number")
    if manifest.version > version:
        raise VersionError(
            f"{path} has format version {manifest.version}, this program reads up to {version}; update it"
        )
    if not isinstance(manifest.built_from, dict) or not isinstance(manifest.params, dict):
        raise DamagedFileError(f"{path} must hold objects under built_from and params")
    for name, facts in _listed(path, value):
        file = folder / name
        size = file.stat().st_size if file.is_file() else None
        if size != facts["bytes"]:
            found = "is missing" if size is None else f"has {size} bytes"
            raise DamagedFileError(f"{file} {found}, its manifest says {facts['bytes']}")
    return manifest


def verify(folder: Path) -> list[str]:
    """Return one message for each file whose size or checksum is not what the manifest says (none: all is well)."""
    faults = []
    for name, facts in _listed(folder / MANIFEST, read_json(folder / MANIFEST)):
        file = folder / name
        if not file.is_file():
            faults.append(f"{file} is missing")
        elif file.stat().st_size != facts["bytes"]:
            faults.append(f"{file} has {file.stat().st_size} bytes, its manifest says {facts['bytes']}")
        elif sha256_of(file) != facts["sha256"]:
            faults.append(f"{file} does not have the checksum that its manifest says")
    return faults


class Generations:
    """Numbered, sealed folders under `folder/generations`, one of which is current."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def current(self) -> Path | None:
        """Return the folder that counts, or None before the first publication.

        Raises:
            DamagedFileError: CURRENT names a generation that is not there.
        """
        number = self._number()
        while number is not None:
            chosen = self.folder / "generations" / number
            if number.isdigit() and chosen.is_dir():
                return chosen
            before, number = number, self._number()
            if number == before:  # else others were published since it was read, and it was removed
                raise DamagedFileError(f"{self.folder / CURRENT} names generation {number!r}, which is not there")
        return None

    def _number(self) -> str | None:
        try:
            return (self.folder / CURRENT).read_text(errors="replace").strip()
        except FileNotFoundError:
            return None

    @contextlib.contextmanager
    def new(self) -> Iterator[Path]:
        """Yield an empty folder to fill and seal; on success it becomes current, on failure it is removed.

        The generation before it is kept until the next publication, for readers that are just opening it; older ones
        are removed. (Files already mapped stay readable after removal.)
        """
        parent = self.folder / "generations"
        with storage_errors(parent):
            parent.mkdir(parents=True, exist_ok=True)
            scratch = parent / f".{uuid.uuid4().hex[:8]}.tmp"
            scratch.mkdir()
            try:
                yield scratch
                with lock(self.folder / ".lock"):
                    number = max((int(path.name) for path in parent.iterdir() if path.name.isdigit()), default=0) + 1
                    scratch.rename(parent / str(number))
                    _flush(parent)
                    write_bytes(self.folder / CURRENT, f"{number}\n".encode())
                    self._prune(number)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)

    def _prune(self, current: int) -> None:
        kept = sorted((int(p.name) for p in (self.folder / "generations").iterdir() if p.name.isdigit()), reverse=True)
        for number in [n for n in kept if n != current][1:]:
            shutil.rmtree(self.folder / "generations" / str(number), ignore_errors=True)


def _listed(path: Path, manifest: Json) -> list[tuple[str, Json]]:
    """Return the (name, facts) of a manifest's files.

    Raises:
        DamagedFileError: the list is malformed, or names a file outside the folder.
    """
    files = manifest.get("files")
    if not isinstance(files, dict):
        raise DamagedFileError(f"{path} must hold an object under files")
    for name, facts in files.items():
        if not isinstance(facts, dict) or not {"bytes", "sha256"} <= set(facts):
            raise DamagedFileError(f"{path} must say bytes and sha256 of {name!r}")
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise DamagedFileError(f"{path} names {name!r}, which lies outside its folder")
    return list(files.items())


def _flush(path: Path) -> None:
    """Force a file's or folder's contents to the disk, where the system can do that."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except (PermissionError, IsADirectoryError):  # Windows cannot open folders
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
