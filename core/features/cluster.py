"""A Ray cluster: reached, checked, and asked for its nodes. What runs on it is in `cluster_pool`.

P. Moritz et al., "Ray: A Distributed Framework for Emerging AI Applications", OSDI 2018.
"""

import contextlib
import logging
import os
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from core.errors import ClusterError, UnavailableError
from core.settings import Settings

_log = logging.getLogger(__name__)

INSTALL = ".venv/bin/pip install -r requirements-scale.txt"
_CONNECT_S = 4.0  # for a first answer; every hop of a cluster answers within milliseconds
_TRIES = 3  # to join by ray://
_STORE_BYTES = 256 * 2**20  # of a cluster that is started here: what lies in it is a few batches of vectors


@dataclass(frozen=True)
class Node:
    """A machine of the cluster that is alive.

    Attributes:
        host: its address.
        cores: what it offers to Ray.
    """

    id: str
    host: str
    cores: int


class Cluster:
    """A cluster that this process is connected to; see `connect`."""

    def __init__(self, address: str) -> None:
        """Describe the connection that there is."""
        self.address = address

    def nodes(self) -> list[Node]:
        """Return the nodes that are alive and have a core.

        Raises:
            ClusterError: the connection is lost.
        """
        import ray

        if not ray.is_initialized():  # Ray would look for another cluster by itself
            raise lost(self.address, ConnectionError("it has ended"))
        try:
            found = ray.nodes()
        except connection_errors() as error:
            raise lost(self.address, error) from error
        cores = [(node, int(node["Resources"].get("CPU", 0))) for node in found if node["Alive"]]
        return [Node(node["NodeID"], node["NodeManagerAddress"], count) for node, count in cores if count]


@contextlib.contextmanager
def connect(address: str, settings: Settings) -> Iterator[Cluster]:
    """Connect to a Ray cluster, and leave it at the end.

    Args:
        address: "auto", the cluster that this machine is part of, or if there is none, one of this machine's own
            cores that is started for the time being; "ray://HOST:10001", a cluster elsewhere; "HOST:6379", the head of
            a cluster that this machine is part of.

    Raises:
        ValueError: the address is none of these.
        UnavailableError: Ray is not installed.
        ClusterError: the cluster cannot be reached, or runs another version of it.
    """
    place = re.fullmatch(r"(ray://)?([\w.-]+|\[[0-9a-fA-F:]+\]):(\d{1,5})", address)
    if address != "auto" and place is None:
        raise ValueError(f"a cluster is auto, ray://HOST:10001 or HOST:6379, got {address!r}")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # else Ray reports to its makers
    os.environ.setdefault("RAY_ENABLE_AUTO_CONNECT", "0")  # else a call after the connection is lost makes another one
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as error:
        raise UnavailableError(f"--cluster needs the package ray; run: {INSTALL}") from error
    if place is not None:
        _knock(address, place[2].strip("[]"), int(place[3]))
    try:
        if place is None:
            _join_or_start(settings)
        elif place[1]:
            _join_elsewhere(f"{place[2]}:{place[3]}")
        else:
            ray.init(address=address, **_quietly())
    except Exception as error:  # Ray raises whatever there is, Exception itself included
        ray.shutdown()
        raise _refused(address, error) from error
    try:
        yield Cluster(address)
    finally:
        ray.shutdown()


def connection_errors() -> tuple[type[Exception], ...]:
    """Return what Ray's calls raise when the cluster is not there any more."""
    import ray

    try:
        import grpc
    except ImportError:  # only a connection by ray:// needs it
        return ConnectionError, ray.exceptions.RaySystemError
    return ConnectionError, ray.exceptions.RaySystemError, grpc.RpcError


def lost(address: str, error: BaseException) -> ClusterError:
    """Return the error for a cluster that answered before and does not any more."""
    details = getattr(error, "details", None)  # of gRPC's, whose text is a page
    first = str(details() if callable(details) else error).strip().split("\n")[0]
    return ClusterError(
        f"the connection to the Ray cluster at {address} is lost ({type(error).__name__}: {first}); what is finished "
        "is kept: see whether its head runs (ray status) and run the same command again"
    )


def _knock(address: str, host: str, port: int) -> None:
    """Raise ClusterError if nothing listens there: Ray itself would try for half a minute."""
    try:
        socket.create_connection((host, port), _CONNECT_S).close()
    except OSError as error:
        raise ClusterError(
            f"no Ray cluster answers at {address} ({error.strerror or error}); check that its head runs "
            "(ray start --head), that the port is right (10001 for ray://, 6379 without) and that no firewall closes it"
        ) from error


def _join_or_start(settings: Settings) -> None:
    """Join the cluster of this machine; if there is none, start one of its cores."""
    import ray

    try:
        ray.init(address="auto", **_quietly())
    except ConnectionError as error:
        if os.environ.get("RAY_ADDRESS"):
            raise
        _log.warning("no Ray cluster runs on this machine; %d of its cores are used", settings.threads)
        _log.debug("%s", error)
        ray.init(
            address="local", num_cpus=settings.threads, object_store_memory=_STORE_BYTES, include_dashboard=False,
            **_quietly(),
        )  # fmt: skip


def _join_elsewhere(head: str) -> None:
    """Join by ray://; the head starts a process for each client, for which a busy one does not wait long enough."""
    import ray

    for attempt in range(1, _TRIES + 1):
        try:
            ray.util.connect(head, connection_retries=1, ray_init_kwargs=_quietly())
            return
        except ConnectionAbortedError as error:
            if attempt == _TRIES or "client server failed" not in str(error):
                raise
            _log.info("the head at %s is busy; trying again", head)
            ray.shutdown()


def _quietly() -> dict[str, object]:
    return {"logging_level": logging.ERROR, "log_to_driver": False}


def _refused(address: str, error: BaseException) -> ClusterError:
    """Return what a person can do about a connection that failed."""
    text = " ".join(str(error).split())
    if "ersion mismatch" in text:
        return ClusterError(
            f"the Ray cluster at {address} runs other versions than this machine: {text}; install the same Ray and "
            f"the same Python on both ({INSTALL})"
        )
    return ClusterError(
        f"the Ray cluster at {address} cannot be joined ({type(error).__name__}: {text[:300]}); check that it is Ray "
        "that answers there, and use ray://HOST:10001 unless this machine is one of its nodes"
    )
