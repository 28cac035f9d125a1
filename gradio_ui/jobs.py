"""Long work in the background: one piece per gallery, watched and stopped by whoever looks."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from core.errors import Cancelled, RetrievalError
from core.types import Json, Progress
from gradio_ui.present import sentence


@dataclass
class _Job:
    done: int = 0
    total: int | None = None
    what: str = "starting"
    error: str = ""
    finished: bool = False
    stop: threading.Event = field(default_factory=threading.Event)
    began: float = field(default_factory=time.monotonic)


class Jobs:
    """Runs at most one piece of work per gallery, each in a thread of its own."""

    def __init__(self, what: str) -> None:
        """Begin with none.

        Args:
            what: the work in a few words, such as "Building the map".
        """
        self._what = what
        self._jobs: dict[str, _Job] = {}
        self._lock = threading.Lock()

    def start(self, gallery: str, work: Callable[[Progress], object]) -> None:
        """Begin `work(progress)` unless it is under way for that gallery."""
        with self._lock:
            known = self._jobs.get(gallery)
            if known and not known.finished:
                return
            job = self._jobs[gallery] = _Job()
        threading.Thread(target=self._run, args=(job, work), name=f"{self._what}: {gallery}", daemon=True).start()

    def is_building(self, gallery: str) -> bool:
        job = self._jobs.get(gallery)
        return job is not None and not job.finished

    def cancel(self, gallery: str) -> None:
        """Ask the work to stop at its next report of progress."""
        if gallery in self._jobs:
            self._jobs[gallery].stop.set()

    def state(self, gallery: str) -> Json:
        """Return {"state": "building" or "idle", ...}, with "error" when the last work failed: it is told once."""
        job = self._jobs.get(gallery)
        if job is None:
            return {"state": "idle"}
        if not job.finished:
            return {"state": "building", "what": job.what, "done": job.done, "total": job.total, "left": _left(job)}
        error, job.error = job.error, ""
        return {"state": "idle", "error": error} if error else {"state": "idle"}

    def _run(self, job: _Job, work: Callable[[Progress], object]) -> None:
        def progress(done: int, total: int | None, what: str) -> None:
            if what.split(":")[0] != job.what.split(":")[0]:  # after it comes what changes within one step
                job.began = time.monotonic()
            job.done, job.total, job.what = done, total, what
            if job.stop.is_set():
                raise Cancelled(f"{self._what}: stopped by a person")

        try:
            work(progress)
        except Cancelled:
            pass
        except (RetrievalError, ValueError) as error:
            job.error = sentence(error)
        except Exception as error:
            job.error = f"{self._what} failed: {sentence(error)}"
            raise  # a fault of the program stays loud: the thread prints it
        finally:
            job.finished = True


def _left(job: _Job) -> str:
    """Return the time left of a step that counts, from its rate so far."""
    elapsed = time.monotonic() - job.began
    if not job.total or not job.done or elapsed < 1:
        return ""
    return f"{max(1, round(elapsed / job.done * (job.total - job.done)))} s"
