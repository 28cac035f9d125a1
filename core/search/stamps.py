"""Noticing, at the cost of some file times, that a gallery was prepared again."""

import functools
import os

from core.indexes import every_name
from core.search.galleries import UNAVAILABLE
from core.settings import Address, Settings
from core.storage import CURRENT

# Of a file that is replaced when it changes, such as CURRENT: also tells a gallery that was removed and made anew.
Stamp = tuple[int, int] | None


def stamps(address: Address, settings: Settings) -> tuple[Stamp, ...]:
    """Return what changes whenever a gallery's features or one of its indexes is another one."""
    return tuple(stamp_of(path) for path in _files(address, settings))


def stamp_of(path: str) -> Stamp:
    """Return what changes whenever the file is replaced; None while it is absent."""
    try:
        facts = os.stat(path)  # noqa: PTH116  # some thirty at each search; Path.stat costs more
    except OSError:
        return None
    return facts.st_mtime_ns, facts.st_ino


@functools.lru_cache(maxsize=256)
def _files(address: Address, settings: Settings) -> tuple[str, ...]:
    folders = [address.index(settings, name) for name in every_name()]
    files = [folder / name for folder in folders for name in (CURRENT, UNAVAILABLE)]
    return tuple(str(path) for path in (address.features(settings) / CURRENT, *files))
