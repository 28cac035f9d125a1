"""Work is dealt out in pieces, whole and once, whatever goes wrong in one of them."""

import threading

import pytest

from core.indexes.threads import run_chunks


@pytest.mark.parametrize("count", [0, 1, 31, 64, 65, 1000])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_every_row_is_worked_on_once(count: int, threads: int) -> None:
    seen: list[int] = []
    lock = threading.Lock()

    def work(start: int, stop: int) -> None:
        with lock:
            seen.extend(range(start, stop))

    run_chunks(work, count, threads)
    assert sorted(seen) == list(range(count))


def test_a_helper_that_never_gets_a_turn_is_not_waited_for() -> None:
    """Two callers keep the pool's two threads busy; a third one works alone."""
    begun, done = threading.Semaphore(0), threading.Event()

    def slow(start: int, stop: int) -> None:
        begun.release()
        assert done.wait(60)

    blocking = [threading.Thread(target=run_chunks, args=(slow, 1000, 2)) for _ in range(2)]
    for thread in blocking:
        thread.start()
    for _ in range(4):  # both callers and both helpers
        assert begun.acquire(timeout=60)
    rows: list[int] = []
    run_chunks(lambda start, stop: rows.extend(range(start, stop)), 1000, 2)
    assert sorted(rows) == list(range(1000))
    done.set()
    for thread in blocking:
        thread.join(60)
        assert not thread.is_alive()


def test_an_error_in_one_piece_reaches_the_caller() -> None:
    def work(start: int, stop: int) -> None:
        if start <= 500 < stop:
            raise RuntimeError("row 500")

    with pytest.raises(RuntimeError, match="row 500"):
        run_chunks(work, 1000, 2)
    run_chunks(lambda start, stop: None, 1000, 2)  # and the threads are there still
