"""Downloads that can be interrupted: continued where they stopped, checked, from several mirrors, politely.

HTTP range requests: RFC 9110, section 14; Retry-After: section 10.2.3.
"""

import contextlib
import hashlib
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from core import storage
from core.errors import DownloadError
from core.types import Progress, no_progress

USER_AGENT = "Pentimento/0.1 (a toolkit for visual search; downloads for one person's own use)"
_CHUNK = 1 << 18
_TEMPORARY = {408, 425, 429, 500, 502, 503, 504}
_LONGEST_WAIT_S = 120.0


@dataclass(frozen=True)
class Mirror:
    """Where a file can be had.

    Attributes:
        checksum: "sha256:<hex>" or "md5:<hex>" as the publisher gives it; empty where there is none.
    """

    url: str
    checksum: str = ""


@dataclass(frozen=True)
class Patience:
    """How often a server is asked again without a byte of progress; each wait is twice as long as the one before."""

    attempts: int = 6
    first_wait_s: float = 1.0
    timeout_s: float = 60.0
    sleep: Callable[[float], None] = time.sleep


def download(
    mirrors: Sequence[Mirror],
    target: Path,
    *,
    n_bytes: int = 0,
    patience: Patience | None = None,
    progress: Progress = no_progress,
) -> Path:
    """Return `target`, downloaded and checked; what an earlier call got is continued.

    A file whose checksum differs is kept beside it as `<name>.rejected` and never used.

    Args:
        n_bytes: size to reserve before anything is asked for, where it is known; the server's own figure counts too.

    Raises:
        DownloadError: no mirror gave the file; what arrived is kept so that the next call goes on.
        StorageError: too little disk.
    """
    if not mirrors:
        raise ValueError("a download needs at least one mirror")
    if target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    storage.require_space(target.parent, max(0, n_bytes - _size(part)), f"the download of {target.name}")
    failures = []
    for mirror in mirrors:
        try:
            _fetch(mirror, part, patience or Patience(), progress)
            _check(mirror, part)
        except DownloadError as error:
            failures.append(str(error))
            continue
        part.replace(target)
        _origin(part).unlink(missing_ok=True)
        return target
    raise DownloadError(f"{target.name} could not be downloaded: " + "; ".join(failures))


def get(url: str, *, patience: Patience | None = None, max_bytes: int = 50_000_000) -> bytes:
    """Return a small document.

    Raises:
        DownloadError: the server failed for good, or sent more than `max_bytes`.
    """
    patience = patience or Patience()
    for attempt in range(patience.attempts):
        try:
            with _open(url, {}, patience) as answer:
                data: bytes = answer.read(max_bytes + 1)
            if len(data) > max_bytes:
                raise DownloadError(f"{url} is larger than {max_bytes / 1e6:.0f} MB")
            return data
        except urllib.error.HTTPError as error:
            _refuse_if_final(url, error)
            wait = _wait(attempt, patience, error)
        except (OSError, http.client.HTTPException) as error:
            wait = _wait(attempt, patience, None)
            reason = error
            if attempt + 1 == patience.attempts:
                raise DownloadError(f"{url}: {reason}") from error
        if attempt + 1 < patience.attempts:
            patience.sleep(wait)
    raise DownloadError(f"{url}: the server refused {patience.attempts} times")


def _fetch(mirror: Mirror, part: Path, patience: Patience, progress: Progress) -> None:
    """Complete `part` from one mirror; what came from another one is thrown away first."""
    origin = _origin(part)
    if not origin.is_file() or origin.read_text().split("\n")[0] != mirror.url:
        part.unlink(missing_ok=True)
        storage.write_bytes(origin, f"{mirror.url}\n".encode())
    failed, reason = 0, ""
    while failed < patience.attempts:
        before = _size(part)
        wait = 0.0
        try:
            if _continue(mirror, part, patience, progress):
                return
            reason = f"the connection ended after {_size(part)} bytes"
        except urllib.error.HTTPError as error:
            _refuse_if_final(mirror.url, error)
            reason = f"the server answered {error.code}"
            wait = _wait(failed, patience, error)
        except (OSError, http.client.HTTPException) as error:
            reason = str(error) or type(error).__name__
        failed = 0 if _size(part) > before else failed + 1
        if failed < patience.attempts:
            patience.sleep(wait or _wait(failed, patience, None))
    raise DownloadError(f"{mirror.url}: {reason}, {patience.attempts} times in a row")


def _continue(mirror: Mirror, part: Path, patience: Patience, progress: Progress) -> bool:
    """Ask for what is missing and append it; return whether the file is complete now."""
    have = _size(part)
    version = _origin(part).read_text().partition("\n")[2]
    # If-Range: another version of the file comes whole instead of being appended to this one.
    headers = {"Range": f"bytes={have}-", **({"If-Range": version} if version else {})} if have else {}
    try:
        answer = _open(mirror.url, headers, patience)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        total = (error.headers.get("Content-Range") or "").partition("/")[2]
        if total.isdigit() and int(total) == have:
            return True
        part.unlink(missing_ok=True)
        return False
    with answer:
        if answer.status != 206:
            have = 0
        length = answer.headers.get("Content-Length")
        total_bytes = have + int(length) if length and length.isdigit() else None
        storage.require_space(part.parent, (total_bytes or 0) - have, f"the download of {part.stem}")
        etag = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
        storage.write_bytes(_origin(part), f"{mirror.url}\n{'' if etag.startswith('W/') else etag}".encode())
        with storage.storage_errors(part), part.open("r+b" if have else "wb") as file:
            file.seek(have)
            file.truncate()
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
                have += len(chunk)
                progress(have, total_bytes, f"downloading {part.stem}")
    return total_bytes is None or have == total_bytes


def _check(mirror: Mirror, part: Path) -> None:
    if not mirror.checksum:
        return
    kind, _, expected = mirror.checksum.partition(":")
    with part.open("rb") as file:
        found = hashlib.file_digest(file, kind).hexdigest()
    if found != expected.lower():
        rejected = part.with_suffix(".rejected")
        part.replace(rejected)
        raise DownloadError(
            f"{mirror.url} sent a file whose {kind} sum is {found}, expected {expected}; it is kept as {rejected} and "
            "not used"
        )


def _open(url: str, headers: dict[str, str], patience: Patience) -> Any:
    if urlsplit(url).scheme not in ("http", "https"):
        raise DownloadError(f"{url} is not an http or https address")
    request = urllib.request.Request(url, headers={"User-Agent": USER_AGENT, **headers})
    return urllib.request.urlopen(request, timeout=patience.timeout_s)


def _refuse_if_final(url: str, error: urllib.error.HTTPError) -> None:
    if error.code not in _TEMPORARY:
        raise DownloadError(f"{url}: the server answered {error.code} {error.reason}") from error


def _wait(failed: int, patience: Patience, error: urllib.error.HTTPError | None) -> float:
    """Return how long to wait in seconds: what the server asks for, else twice as long each time."""
    if error is not None:
        with contextlib.suppress(ValueError):
            return min(float(error.headers.get("Retry-After") or ""), _LONGEST_WAIT_S)
    return float(min(patience.first_wait_s * 2**failed, _LONGEST_WAIT_S))


def _origin(part: Path) -> Path:
    return part.with_name(part.name + ".origin")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
