"""Work spread over the nodes of a Ray cluster: one worker per core, and nothing lost with one that dies.

Nodes are looked at every second, so that one that joins is given workers and one that leaves is forgotten. The tasks
of a worker that died are done again, each by a worker that has nothing else, so that none is blamed for another; a task
that has taken three such workers with it is given up.
"""

import contextlib
import itertools
import logging
import re
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from core import __version__
from core.errors import ClusterError, RetrievalError
from core.features.cluster import Cluster, Node, connection_errors, lost

_log = logging.getLogger(__name__)

_LOOK_S = 1.0  # between two looks at the nodes
_AHEAD = 2  # tasks that a worker has: one that it does, one that waits with its arguments there
_DEATHS = 3  # of workers on the same task, or of workers that a node could not start

_MISSING = "it has no module"


class Worker(Protocol):
    """What a node runs; made there, once per core."""

    def work(self, task: Any) -> Any:
        """Return the result of one task; RetrievalError ends the whole run."""
        ...


@dataclass(frozen=True)
class GivenUp:
    """The result of a task that several workers did not survive."""

    reason: str


@dataclass
class _Task:
    content: Any
    suspect: bool = False  # a worker that had it died
    deaths: int = 0  # of workers that had nothing else


@dataclass(eq=False)
class _Member:
    """A worker as its employer sees it."""

    node: Node
    actor: Any
    opening: Any  # the reference of its first answer; None when it has come
    tasks: deque[tuple[Any, _Task]] = field(default_factory=deque)  # (reference, task), the one that is done first


class WorkPool:
    """Runs tasks on workers of a cluster; a context manager that ends them.

    Args:
        cluster: connected.
        make: the worker's class; importable on the nodes, as is all that it uses.
        arguments: of the class; sent to the nodes once.
        most: workers at the same time; None: one for each core.
        patience_s: how long to wait while there is not a single worker.
    """

    def __init__(
        self,
        cluster: Cluster,
        make: Callable[..., Worker],
        *arguments: Any,
        most: int | None = None,
        patience_s: float = 120.0,
    ) -> None:
        import ray

        self._cluster = cluster
        self._actor = ray.remote(_Actor)
        self._job = ray.put((make, arguments))
        self._most = sys.maxsize if most is None else most
        self._patience_s = patience_s
        self._queue: deque[_Task] = deque()
        self._members: list[_Member] = []
        self._refused: dict[str, str] = {}  # node -> why it cannot work
        self._failures: Counter[str] = Counter()  # node -> workers that died before they answered
        self._looked = -_LOOK_S

    def __enter__(self) -> "WorkPool":
        return self

    def __exit__(self, *_: object) -> None:
        for member in self._members:
            _end(member)
        self._members.clear()

    def submit(self, task: Any) -> None:
        """Put a task at the end of the queue; also while `results` is read."""
        self._queue.append(_Task(task))

    def run(self, tasks: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        """Yield (task, result) for each task as they are finished, and for each that is submitted meanwhile.

        A result is what `work` returned, or `GivenUp`.

        Raises:
            RetrievalError: a worker's own, or ClusterError: no node can work, or the cluster is lost.
        """
        for task in tasks:
            self.submit(task)
        try:
            yield from self._results()
        except connection_errors() as error:
            raise lost(self._cluster.address, error) from error

    def _results(self) -> Iterator[tuple[Any, Any]]:
        import ray

        last_worker = time.monotonic()
        while self._queue or any(member.tasks for member in self._members):
            self._look()
            self._hand_out()
            if any(member.opening is None for member in self._members):
                last_worker = time.monotonic()
            elif time.monotonic() - last_worker > self._patience_s:
                raise self._nobody(f"no node had a free core for {self._patience_s:.0f} s (see: ray status)")
            waiting = {ref: member for member in self._members for ref in _references(member)}
            if not waiting:
                time.sleep(_LOOK_S / 4)
                continue
            ready, _ = ray.wait(list(waiting), timeout=_LOOK_S, fetch_local=False)
            for ref in ready:
                yield from self._take(waiting[ref], ref)

    def _look(self) -> None:
        """Start workers on nodes that have a core to spare."""
        if time.monotonic() - self._looked < _LOOK_S:
            return
        nodes = self._cluster.nodes()
        self._looked = time.monotonic()
        able = [node for node in nodes if node.id not in self._refused]
        if nodes and not able:
            raise self._nobody("no node of it can work")
        busy = Counter(member.node.id for member in self._members)
        wanted = min(self._most, len(self._queue) + sum(len(member.tasks) for member in self._members))
        # In turns, one worker a node, so that few tasks are spread over many machines.
        turns = sorted((turn, i) for i, node in enumerate(able) for turn in range(busy[node.id], node.cores))
        for _, i in turns[: max(0, wanted - len(self._members))]:
            self._start(able[i])

    def _start(self, node: Node) -> None:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = NodeAffinitySchedulingStrategy(node.id, soft=False)
        actor = self._actor.options(num_cpus=1, scheduling_strategy=here, max_restarts=0).remote(self._job)
        self._members.append(_Member(node, actor, actor.open.remote(__version__)))

    def _hand_out(self) -> None:
        """Give tasks to workers, a first one to each before anyone gets a second.

        A suspect one neither follows nor is followed: a worker that dies may take the answer before with it.
        """
        able = [member for member in self._members if member.opening is None]
        for level, member in itertools.product(range(_AHEAD), able):
            if not self._queue:
                return
            apart = self._queue[0].suspect or any(task.suspect for _, task in member.tasks)
            if len(member.tasks) == level and not (level and apart):
                task = self._queue.popleft()
                member.tasks.append((member.actor.work.remote(task.content), task))

    def _take(self, member: _Member, ref: Any) -> Iterator[tuple[Any, Any]]:
        """Take what a worker answered; yield (task, result) if that was to a task."""
        import ray

        if member not in self._members:  # it was found dead by an earlier answer of this round
            return
        try:
            answer = ray.get(ref)
        except ray.exceptions.RayTaskError as error:
            cause = error.as_instanceof_cause()
            raise _known(error) or cause from error
        except ray.exceptions.RaySystemError:
            raise
        except ray.exceptions.RayError as error:
            yield from self._bury(member, error)
            return
        if ref == member.opening:
            if answer:
                self._refuse(member.node, answer)
            member.opening = None
            return
        task = next(task for mine, task in member.tasks if mine == ref)
        member.tasks = deque(entry for entry in member.tasks if entry[0] != ref)
        yield task.content, answer

    def _bury(self, member: _Member, error: BaseException) -> Iterator[tuple[Any, Any]]:
        """Forget a worker that died; what it had goes back to the head of the queue, or is given up."""
        import ray

        self._members.remove(member)
        _end(member)  # it may only have lost a result
        first = _gist(error)
        _log.info("a worker on %s died (%s)", member.node.host, first)
        if member.opening is not None:
            self._failures[member.node.id] += 1
            if self._failures[member.node.id] == _DEATHS or _MISSING in first:
                self._refuse(member.node, f"its workers cannot start ({first})")
        else:
            self._failures[member.node.id] = 0
        alone = len(member.tasks) == 1
        lost_tasks = []
        for ref, task in member.tasks:
            try:
                yield task.content, ray.get(ref, timeout=0.1)  # it was done before the worker died
            except ray.exceptions.RayError:
                lost_tasks.append(task)
        for task in reversed(lost_tasks):
            task.suspect = True
            task.deaths += alone
            if task.deaths < _DEATHS:
                self._queue.appendleft(task)
            else:
                yield task.content, GivenUp(f"{task.deaths} workers died of it, the last on {member.node.host}")

    def _refuse(self, node: Node, reason: str) -> None:
        if node.id not in self._refused:
            _log.warning("the node %s is not used: %s", node.host, reason)
        self._refused[node.id] = reason
        for member in [member for member in self._members if member.node.id == node.id and not member.tasks]:
            self._members.remove(member)
            _end(member)

    def _nobody(self, what: str) -> ClusterError:
        reasons = "; ".join(dict.fromkeys(self._refused.values()))
        return ClusterError(f"the Ray cluster at {self._cluster.address}: {what}{': ' if reasons else ''}{reasons}")


class _Actor:
    """The process on a node: it makes the worker and hands it tasks."""

    def __init__(self, job: tuple[Callable[..., Worker], tuple[Any, ...]]) -> None:
        self._job = job
        self._worker: Worker

    def open(self, version: str) -> str:
        """Make the worker; return why this node cannot have one, or nothing."""
        if version != __version__:
            return f"it has version {__version__} of this program, the command was given by version {version}"
        make, arguments = self._job
        try:
            self._worker = make(*arguments)
        except (RetrievalError, OSError, ImportError) as error:
            return str(error)
        return ""

    def work(self, task: Any) -> Any:
        """Return the worker's result."""
        return self._worker.work(task)


def _end(member: _Member) -> None:
    """Let a worker's process end, if there still is a connection: without one, Ray would look for another cluster."""
    import ray

    with contextlib.suppress(ray.exceptions.RayError, *connection_errors()):
        if ray.is_initialized():
            ray.kill(member.actor)


def _gist(error: BaseException) -> str:
    """Return in a line what Ray says in a page."""
    absent = re.search(r"No module named '([\w.]+)'", str(error))
    if absent:
        return f"{_MISSING} {absent[1]}: put this program and its requirements on it, at the same path or in PYTHONPATH"
    return " ".join(re.sub(r"\x1b\[\d*m", "", str(error)).split())[:300]


def _references(member: _Member) -> list[Any]:
    return [ref for ref, _ in member.tasks] if member.opening is None else [member.opening]


def _known(error: BaseException) -> RetrievalError | None:
    """Return the error of ours that a worker raised, if it was one."""
    cause = getattr(error, "cause", None)
    return cause if isinstance(cause, RetrievalError) else None
