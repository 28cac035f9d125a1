"""Loading once, again when the stamp changes, and without holding up those who want something else."""

import threading

from core.search.loaded import Loaded, Recent


def test_a_value_is_loaded_once_for_each_stamp() -> None:
    loaded: Loaded[str, int] = Loaded()
    calls: list[int] = []

    def load() -> int:
        calls.append(1)
        return len(calls)

    assert [loaded.get("a", 1, load), loaded.get("a", 1, load), loaded.get("a", 2, load)] == [1, 1, 2]
    assert loaded.get("b", 1, load) == 3


def test_threads_that_want_the_same_value_share_one_load_and_others_do_not_wait() -> None:
    loaded: Loaded[str, str] = Loaded()
    begun, go = threading.Event(), threading.Event()
    calls: list[str] = []

    def slow() -> str:
        calls.append("slow")
        begun.set()
        assert go.wait(30)
        return "slow"

    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(loaded.get("slow", 0, slow))) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert begun.wait(30)
    assert loaded.get("quick", 0, lambda: "quick") == "quick"
    go.set()
    for thread in threads:
        thread.join()
    assert (found, calls) == (["slow"] * 4, ["slow"])


def test_a_load_that_fails_is_tried_again() -> None:
    loaded: Loaded[str, int] = Loaded()
    attempts = iter([ValueError("broken"), None])

    def load() -> int:
        error = next(attempts)
        if error:
            raise error
        return 7

    try:
        loaded.get("a", 0, load)
    except ValueError:
        assert loaded.get("a", 0, load) == 7


def test_only_what_was_used_most_recently_is_kept() -> None:
    recent: Recent[int, str] = Recent(2)
    recent.put(1, "one")
    recent.put(2, "two")
    assert recent.get(1) == "one"
    recent.put(3, "three")
    assert [recent.get(key) for key in (1, 2, 3)] == ["one", None, "three"]
