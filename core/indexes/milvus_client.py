"""The connection to Milvus, by deadlines; the only file that imports pymilvus.

J. Wang et al., "Milvus: A Purpose-Built Vector Data Management System", SIGMOD 2021; https://milvus.io

The same client speaks to a Milvus Lite file in this process (a URI that is a path ending in .db), and by http:// or
https:// to Milvus Standalone, Distributed, or Zilliz Cloud. Every call has a deadline. After a call that a server did
not answer, further calls fail at once for some seconds, so that a page which has lost its server stays quick; the
first call after that tries again, so that it recovers by itself.
"""

import contextlib
import importlib.util
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from core.errors import DamagedFileError, ServerSilentError, UnavailableError

INSTALL = "make setup-scale"
EMBEDDED = "milvus-lite.db"  # beside the generations of a gallery's index
SEARCH_S = 2.0  # a page says within 3 s that a server is silent
ADMIN_S = 15.0
LOAD_S = 120.0
_PAUSE_S = 5.0
_OPEN_S = 60.0  # Milvus Lite reads its file and loads its libraries, on a busy machine too
# A connection that is made anew tries at once: those of one address share a pause of up to two minutes otherwise.
_CHANNEL = {"grpc.use_local_subchannel_pool": 1, "grpc.max_reconnect_backoff_ms": 1000}
_NOT_LOADED = 101
_REFUSED = {"StatusCode.UNAUTHENTICATED", "StatusCode.PERMISSION_DENIED"}
_REFUSED_CODES = {80, 1400, 1800}  # of Milvus: rejected, permission denied, not authenticated
_SILENT = {"StatusCode.DEADLINE_EXCEEDED", "StatusCode.UNAVAILABLE", "StatusCode.CANCELLED"}
_SILENT_CODES = {2}  # of pymilvus: cannot connect

T = TypeVar("T")


def is_installed() -> bool:
    """Tell whether pymilvus is there, without importing it."""
    return importlib.util.find_spec("pymilvus") is not None


def import_pymilvus() -> Any:
    """Import pymilvus at its first use."""
    try:
        import pymilvus
    except ImportError as error:
        raise UnavailableError(f"pymilvus is not installed ({error}); run: {INSTALL}") from error
    for name in (
        "pymilvus",
        "milvus_lite",
        "grpc",
    ):  # they log every failure with its stack; we report them once, in words
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return pymilvus


def shown(uri: str) -> str:
    """Return a URI as people and logs may see it: without a user and password."""
    parts = urlsplit(uri)
    return uri.replace(f"{parts.username or ''}:{parts.password}@", "") if parts.password else uri


def check_uri(uri: str) -> str:
    """Return `uri` if it is one of http, https, tcp or unix, or a file's path ending in .db.

    Raises:
        ValueError: it is not.
    """
    if uri.endswith(".db") and "://" not in uri:
        return uri
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https", "tcp", "unix") or not (parts.netloc or parts.scheme == "unix"):
        raise ValueError(f"a Milvus URI is http://host:19530, https://..., or a file ending in .db, got {shown(uri)!r}")
    return uri


class MilvusServer:
    """A server, or a Milvus Lite file; connected at the first call. Safe for concurrent callers."""

    def __init__(self, uri: str, token: str = "") -> None:
        """Remember where it is.

        Args:
            uri: see `check_uri`.
            token: "user:password" or an API key; never shown or stored.
        """
        self.uri = check_uri(uri)
        self.is_embedded = "://" not in uri
        self._token = token
        self._client: Any = None
        self._connecting = threading.Lock()
        self._silent_until = 0.0
        self._fault = ""

    @property
    def place(self) -> str:
        """What to call it in messages."""
        return f"the Milvus Lite file {self.uri}" if self.is_embedded else f"Milvus at {shown(self.uri)}"

    def call(self, what: Callable[[Any, float], T], *, deadline_s: float = SEARCH_S, collection: str = "") -> T:
        """Return `what(client, seconds left)`.

        Args:
            collection: loaded into memory first, if the server says that it is not (as after its restart).

        Raises:
            UnavailableError: pymilvus is not installed.
            ServerSilentError: there was no answer in time, as while the collection is loaded, or the token is refused.
            MilvusException: anything else that the server says, for the caller to put into words.
        """
        if time.monotonic() < self._silent_until:
            raise ServerSilentError(self._fault)
        pymilvus = import_pymilvus()
        if self.is_embedded:  # it runs in this process: slow means that the machine is busy
            deadline_s = max(deadline_s, _OPEN_S)
        until = time.monotonic() + deadline_s
        with self._translated(deadline_s):
            try:
                return what(self._connected(pymilvus, until), _left(until))
            except pymilvus.MilvusException as error:
                if error.code != _NOT_LOADED or not collection:
                    raise
            client = self._connected(pymilvus, until)
            try:
                client.load_collection(collection, timeout=_left(until))
            except pymilvus.MilvusException as error:
                if "timeout" not in error.message:  # it has no code of its own
                    raise
                raise self._silent(f"{self.place} is still loading the collection {collection}") from error
            return what(client, _left(until))

    def version(self) -> str:
        """Return the server's version, such as v2.6.1."""
        return str(self.call(lambda client, left: client.get_server_version(timeout=left), deadline_s=ADMIN_S))

    def is_lite(self) -> bool:
        """Say whether it is Milvus Lite, embedded or served."""
        return self.version().startswith("milvus_lite")

    def is_before(self, major: int, minor: int) -> bool:
        """Say whether it is a server of a lower version; never of Milvus Lite, which counts in its own way."""
        found = re.match(r"v?(\d+)\.(\d+)", self.version())
        return found is not None and (int(found[1]), int(found[2])) < (major, minor)

    def close(self) -> None:
        """Let the connection go; the next call makes another."""
        with self._connecting:
            client, self._client = self._client, None
            if client is not None:
                with contextlib.suppress(Exception):  # it may be lost already
                    client.close()
                if self.is_embedded:
                    _release(self.uri)

    def _connected(self, pymilvus: Any, until: float) -> Any:
        client = self._client
        if client is None:
            with self._connecting:
                client = self._client
                if client is None:
                    if self.is_embedded:
                        Path(self.uri).parent.mkdir(parents=True, exist_ok=True)
                    left = _OPEN_S if self.is_embedded else _left(until)
                    self._client = client = pymilvus.MilvusClient(
                        uri=self.uri, token=self._token, timeout=left, grpc_options=_CHANNEL
                    )
        return client

    @contextlib.contextmanager
    def _translated(self, deadline_s: float) -> Iterator[None]:
        """Turn what pymilvus and gRPC raise when a server is silent or refuses us into one error, and remember it."""
        import grpc

        pymilvus = import_pymilvus()
        try:
            yield
        except grpc.RpcError as error:
            code = str(error.code()) if hasattr(error, "code") else ""
            if code in _REFUSED:
                raise self._silent(f"{self.place} refuses the token; set PENTIMENTO_MILVUS_TOKEN") from error
            if code in _SILENT:
                raise self._silent(f"{self.place} did not answer within {deadline_s:g} s") from error
            raise UnavailableError(f"{self.place} failed: {code}") from error
        except pymilvus.MilvusException as error:
            cause = error.__cause__  # of a failed connection: what the server itself said
            refused = isinstance(cause, grpc.RpcError) and hasattr(cause, "code") and str(cause.code()) in _REFUSED
            if refused or error.code in _REFUSED_CODES:
                raise self._silent(f"{self.place} refuses the token; set PENTIMENTO_MILVUS_TOKEN") from error
            if self.is_embedded and self._client is None:
                raise ServerSilentError(
                    f"{self.place} cannot be opened: another process uses it (the page, or a command; stop that, or "
                    f"run a server and give --milvus-uri), or milvus-lite is not installed ({error.message})"
                ) from error
            if error.code in _SILENT_CODES:
                raise self._silent(f"{self.place} cannot be reached") from error
            raise

    def _silent(self, fault: str) -> ServerSilentError:
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(Exception):  # it is lost
                client.close()
        if not self.is_embedded:  # a file's server is started again by the next call
            self._fault = fault
            self._silent_until = time.monotonic() + _PAUSE_S
        return ServerSilentError(fault)


def embedded(folder: Path) -> MilvusServer:
    """Return the Milvus Lite file of a gallery, given the folder `indexes/<dataset>/<encoder>/milvus`.

    Raises:
        DamagedFileError: something else lies in its place.
    """
    path = folder / EMBEDDED
    if path.exists() and not path.is_dir():
        raise DamagedFileError(f"{path} is no folder of Milvus Lite 3; move it away and run the command again")
    return MilvusServer(str(path))


def _left(until: float) -> float:
    return max(0.05, until - time.monotonic())


def _release(path: str) -> None:
    """Stop the server that Milvus Lite runs in this process for a file, which frees the file for other processes."""
    with contextlib.suppress(ImportError):
        from milvus_lite.server_manager import server_manager_instance

        server_manager_instance.release_server(path)
