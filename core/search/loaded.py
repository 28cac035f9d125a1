"""Things that are loaded once and shared by threads, until what they were loaded from changes."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Loaded(Generic[K, V]):
    """A value for each key, loaded again when its stamp changes.

    While one thread loads a value, only those wait that want the same one: loading an index takes up to seconds.
    """

    def __init__(self) -> None:
        self._values: dict[K, tuple[Hashable, V]] = {}
        self._locks: dict[K, Lock] = {}
        self._guard = Lock()

    def get(self, key: K, stamp: Hashable, load: Callable[[], V]) -> V:
        """Return the value of that key and stamp, loading it if it is another one or none that is here."""
        known = self._values.get(key)
        if known is not None and known[0] == stamp:
            return known[1]
        with self._guard:
            lock = self._locks.setdefault(key, Lock())
        with lock:
            known = self._values.get(key)
            if known is None or known[0] != stamp:
                known = (stamp, load())
                self._values[key] = known
            return known[1]


class Recent(Generic[K, V]):
    """The values that were used most recently.

    Args:
        most: how many are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[K, V] = OrderedDict()
        self._lock = Lock()

    def get(self, key: K) -> V | None:
        """Return the value, if it is still here."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: K, value: V) -> None:
        """Keep a value, and let go of the one that was not used for longest if there are too many."""
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > self._most:
                self._values.popitem(last=False)
