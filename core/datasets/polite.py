"""Fetching many pictures from one publisher without being a burden: robots.txt, a rate limit, and a memory of failures.

M. Koster et al., "Robots Exclusion Protocol", RFC 9309.
"""

import json
import threading
import time
import urllib.robotparser
from pathlib import Path
from urllib.parse import urlsplit

from core.datasets.builder import write_quickly
from core.datasets.download import USER_AGENT, Patience, get
from core.errors import DownloadError, ImageError

_RULES = "robots.txt"


class PoliteFetcher:
    """Fetches addresses one at a time and keeps what came, so that an interrupted harvest goes on. Safe in threads.

    What a server says does not exist is remembered in broken.jsonl and not asked for again.

    Args:
        folder: where fetched files are kept.
        pause_s: least time between two requests; a longer crawl delay in robots.txt counts instead.
    """

    def __init__(self, folder: Path, *, pause_s: float = 1.0, patience: Patience | None = None) -> None:
        self._folder = folder
        self._pause_s = pause_s
        self._patience = patience or Patience()
        self._lock = threading.Lock()
        self._last = 0.0
        self._rules: dict[str, urllib.robotparser.RobotFileParser] = {}
        self._broken = {}
        if self._broken_path.is_file():
            for line in self._broken_path.read_text(encoding="utf-8").splitlines():
                entry = json.loads(line)
                self._broken[entry["url"]] = entry["reason"]

    @property
    def _broken_path(self) -> Path:
        return self._folder / "broken.jsonl"

    @property
    def broken(self) -> dict[str, str]:
        """Addresses that failed for good, with their reasons."""
        return dict(self._broken)

    def fetch(self, url: str, name: str) -> bytes:
        """Return the document at `url`, from `folder/name` if it was fetched before.

        Raises:
            ImageError: it does not exist, or robots.txt asks not to fetch it; the caller lists it and goes on.
            DownloadError: the server does not answer any more; the harvest should stop and go on another day.
        """
        path = self._folder / name
        if path.is_file():
            return path.read_bytes()
        if url in self._broken:
            raise ImageError(f"{url}: {self._broken[url]}")
        with self._lock:
            if not self._may(url):
                return self._give_up(url, "robots.txt asks programs not to fetch it")
            self._wait()
            try:
                data = get(url, patience=self._patience)
            except DownloadError as error:
                if any(f"answered {code}" in str(error) for code in (400, 403, 404, 410)):
                    return self._give_up(url, str(error).removeprefix(f"{url}: "))
                raise
            finally:
                self._last = time.monotonic()
        write_quickly(path, data)
        return data

    def _give_up(self, url: str, reason: str) -> bytes:
        self._broken[url] = reason
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._broken_path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"url": url, "reason": reason}) + "\n")
        raise ImageError(f"{url}: {reason}")

    def _wait(self) -> None:
        rest = self._last + self._pause_s - time.monotonic()
        if rest > 0:
            self._patience.sleep(rest)

    def _may(self, url: str) -> bool:
        parts = urlsplit(url)
        site = f"{parts.scheme}://{parts.netloc}"
        if site not in self._rules:
            rules = urllib.robotparser.RobotFileParser()
            try:
                rules.parse(get(f"{site}/{_RULES}", patience=self._patience).decode("utf-8", "replace").splitlines())
            except DownloadError as error:
                if "answered 404" not in str(error) and "answered 410" not in str(error):
                    raise
                rules.parse([])  # a site without rules allows everything
            self._rules[site] = rules
            delay = rules.crawl_delay(USER_AGENT)
            self._pause_s = max(self._pause_s, float(delay or 0))
        return self._rules[site].can_fetch(USER_AGENT, url)


def is_seconds(text: str) -> bool:
    """Tell whether a text is a number of seconds to wait."""
    try:
        return 0 <= float(text) < float("inf")
    except ValueError:
        return False
