"""Pictures behind an address (s3://, gs://, az://, https://, file://, ...), listed and read through fsspec.

https://filesystem-spec.readthedocs.io

What is read is kept in the gallery's folder up to a limit, so that looking at a picture twice fetches it once. Object
stores are reached by obstore, unless their own fsspec package (s3fs, gcsfs, ...) is installed; keys and end points are
those of the environment (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL, ...).
"""

import contextlib
import hashlib
import importlib.util
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from core.errors import DownloadError, ImageError, UnavailableError
from core.storage import write_bytes

CACHE = "cache"
MOST_CACHED_BYTES = 1 << 30
_INSTALL = "make setup-scale"
_STORES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs"}
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".jxl", ".avif", ".heic", ".jp2")


@dataclass(frozen=True)
class RemoteFile:
    """One file behind an address.

    Attributes:
        path: relative to the address, with `/`.
        size: in bytes; 0 where the server does not say.
        mark: a number that changes with the content, as far as the server tells; 0 where it does not.
    """

    path: str
    size: int
    mark: int


class Remote:
    """The files behind one address; safe in threads. Nothing is imported or connected before the first call."""

    def __init__(self, url: str) -> None:
        """Remember the address."""
        self.url = url.rstrip("/")
        self._opening = threading.Lock()
        self._opened: tuple[Any, str] | None = None

    def pictures(self) -> list[RemoteFile]:
        """Return the files that are pictures by their names, by path.

        Raises:
            UnavailableError: what reads such addresses is not installed.
            DownloadError: the server cannot be reached or refuses.
        """
        files, root = self._files()
        with self._faults(self.url):
            if self._is_web:
                files.ls(root)  # a search would pass over a server that is away
            found = files.find(root, detail=True)
        listed = [
            RemoteFile(self._below(root, name), int(facts.get("size") or 0), _mark(facts))
            for name, facts in found.items()
            if name.lower().endswith(_SUFFIXES) and not PurePosixPath(name).name.startswith("._")
        ]
        return sorted(listed, key=lambda file: file.path)

    def read(self, path: str) -> bytes:
        """Return a file's bytes.

        Raises:
            ImageError: it is not there any more.
            UnavailableError, DownloadError: as `pictures`.
        """
        files, root = self._files()
        with self._faults(f"{self.url}/{path}"):
            data: bytes = files.cat_file(f"{root}/{quote(path) if self._is_web else path}")
            return data

    def write(self, path: str, data: bytes) -> None:
        """Write a file.

        Raises:
            UnavailableError, DownloadError: as `pictures`; the server may be for reading only.
        """
        files, root = self._files()
        with self._faults(f"{self.url}/{path}"):
            if root.startswith("/"):  # a folder of this machine
                files.makedirs(f"{root}/{path}".rpartition("/")[0], exist_ok=True)
            files.pipe_file(f"{root}/{path}", data)

    @property
    def _is_web(self) -> bool:
        return self.url.startswith(("http://", "https://"))

    def _below(self, root: str, name: str) -> str:
        below = name.removeprefix(root).lstrip("/")
        return unquote(below) if self._is_web else below  # links are quoted

    def _files(self) -> tuple[Any, str]:
        with self._opening:
            if self._opened is None:
                self._opened = _opened(self.url)
            return self._opened

    @contextlib.contextmanager
    def _faults(self, what: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise ImageError(f"{what} is not there (any more)") from error
        # Every package behind fsspec has errors of its own (obstore, aiohttp, botocore, ...), with no common root.
        except Exception as error:
            first = str(error).strip().splitlines()[:1] or [type(error).__name__]
            raise DownloadError(f"{what} cannot be reached: {first[0][:300]}") from error


class Cache:
    """A folder that keeps what was fetched, and lets go of what was not used for longest when it grows too large."""

    def __init__(self, folder: Path, most_bytes: int = MOST_CACHED_BYTES) -> None:
        """Use a folder, which need not exist."""
        self.folder = folder
        self._most = most_bytes
        self._fetched = 0
        self._counting = threading.Lock()

    def fetch(self, remote: Remote, path: str, sha256: str) -> Path:
        """Return where a file lies here, fetched if need be.

        Args:
            sha256: its sum, as the catalog knows it.

        Raises:
            ImageError: it is gone, or another one than was imported.
            UnavailableError, DownloadError: it cannot be fetched.
        """
        target = self.folder / sha256[:2] / f"{sha256[2:]}{PurePosixPath(path).suffix.lower()}"
        if target.is_file():
            os.utime(target)  # used last
            return target
        data = remote.read(path)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise ImageError(
                f"{remote.url}/{path} is another picture than was imported; run the import of {remote.url} again"
            )
        write_bytes(target, data)
        with self._counting:
            self._fetched += len(data)
            if self._fetched > self._most // 8:
                self._fetched = 0
                self._prune(target)
        return target

    def _prune(self, kept: Path) -> None:
        facts = sorted(((p.stat().st_mtime_ns, p.stat().st_size, p) for p in self.folder.rglob("*.*")), reverse=True)
        total = 0
        for _, size, path in facts:
            total += size
            if total > self._most and path != kept:
                path.unlink(missing_ok=True)


def _opened(url: str) -> tuple[Any, str]:
    """Return the fsspec file system of an address, and the path of the address in it."""
    scheme = urlsplit(url).scheme
    if scheme in _STORES and importlib.util.find_spec(_STORES[scheme]) is None:
        try:
            from obstore.fsspec import FsspecStore
        except ImportError as error:
            raise UnavailableError(f"{scheme}:// needs obstore, which is not installed; run: {_INSTALL}") from error
        plain = os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://")
        options: dict[str, Any] = {"client_options": {"timeout": "30s", "connect_timeout": "5s", "allow_http": plain}}
        kind: Any = FsspecStore
        store = kind(scheme, retry_config={"max_retries": 2}, **options)
        return store, url.split("://", 1)[1]
    import fsspec

    try:
        files, root = fsspec.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise UnavailableError(f"{scheme}:// addresses cannot be read here ({error}); run: {_INSTALL}") from error
    return files, str(root).rstrip("/")


def _mark(facts: dict[str, Any]) -> int:
    keys = ("e_tag", "ETag", "etag", "md5Hash", "LastModified", "last_modified", "mtime")
    told = next((str(facts[key]) for key in keys if facts.get(key)), "")
    return int.from_bytes(hashlib.blake2b(told.encode(), digest_size=7).digest(), "big") if told else 0
