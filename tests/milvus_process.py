"""Milvus servers in processes of their own, which tests start, stop, kill and start again on one port."""

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


def standalone_program() -> str | None:
    """Return the program of Milvus Standalone, if it is installed."""
    own = PROJECT / ".venv" / "servers" / "bin" / "milvus-server"
    return str(own) if own.is_file() else shutil.which("milvus-server")


class MilvusProcess:
    """Serves one folder at one address, by Milvus Lite."""

    def __init__(self, folder: Path) -> None:
        self.port = _stable_port()
        self.folder = folder
        self.uri = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        """Return what starts it."""
        host = ["--host", "127.0.0.1", "--port", str(self.port)]
        return [sys.executable, "-m", "milvus_lite", "server", "--data-dir", str(self.folder), *host]

    def is_ready(self) -> bool:
        """Say whether it answers."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def start(self) -> None:
        """Start it and wait until it is ready."""
        until = time.monotonic() + 180  # of a busy machine; a few seconds are usual
        while time.monotonic() < until:
            if self._process is None or self._process.poll() is not None:  # the port may be kept for a minute after use
                self._process = subprocess.Popen(
                    self.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
                )
            if self.is_ready():
                return
            time.sleep(0.05)
        self.kill()
        raise RuntimeError(f"{self.command()[0]} did not start")

    def kill(self) -> None:
        """End it, and what it has started, as a power cut would."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Let it accept connections and answer nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        os.waitpid(self._process.pid, os.WUNTRACED)  # until every thread has stopped

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


def _stable_port() -> int:
    """Return a free port that the system gives to no client: one that calls a stopped server could get its port."""
    for port in random.sample(range(20_000, 30_000), 100):
        with socket.socket() as free, contextlib.suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no free port between 20000 and 30000")


class StandaloneProcess(MilvusProcess):
    """Serves one folder by Milvus Standalone, the program of `standalone_program`."""

    def command(self) -> list[str]:
        """Return what starts it."""
        program = standalone_program()
        assert program is not None
        return [program, "--data", str(self.folder), "--proxy-port", str(self.port)]

    def is_ready(self) -> bool:
        """Say whether it answers requests: it listens some seconds before."""
        from grpc import RpcError
        from pymilvus import MilvusClient, MilvusException

        if not super().is_ready():
            return False
        try:
            MilvusClient(uri=self.uri, timeout=5).list_collections(timeout=5)
        except (MilvusException, RpcError):
            return False
        return True
