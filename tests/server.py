"""Servers in processes of their own, as an operator runs them: for tests and measurements from outside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import httpx

from tests.postgres import free_port

COMMAND = Path(sys.executable).with_name("banso")
PATIENCE = 30.0


class Process:
    """A server on a free loopback port, run in `directory`, where `server.log` has all it printed.

    It leads a process group of its own, so that nothing it started is left when it goes.
    """

    ready = "/readyz"
    port_option = "--port"

    def __init__(self, directory: Path, command: Sequence[str | Path], environment: Mapping[str, str]) -> None:
        self.directory = directory
        self.log = directory / "server.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("BANSO_")}
        self.environment |= environment
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    def launch(self, *options: str) -> None:
        """Begin to start, and answer at once."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._command, self.port_option, str(self.port), *options],
                cwd=self.directory,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait(self) -> None:
        """Answer when it is ready; `RuntimeError` with its last words where it does not get there."""
        deadline = time.monotonic() + PATIENCE
        with httpx.Client(base_url=self.url, trust_env=False) as client:
            while time.monotonic() < deadline and self._process is not None and self._process.poll() is None:
                with suppress(httpx.TransportError):
                    if client.get(self.ready).status_code == httpx.codes.OK:
                        return
                time.sleep(0.02)
        self.stop()
        raise RuntimeError(f"the server did not get ready:\n{self.log.read_text(errors='replace')[-4000:]}")

    def cpu_seconds(self) -> float:
        """What it and everything it started have computed so far; 0 where the system does not tell (Linux does)."""
        spent = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                fields = stat.read_text().rpartition(")")[2].split()
                if self._process is not None and int(fields[2]) == self._process.pid:
                    spent += int(fields[11]) + int(fields[12])
        return spent / os.sysconf("SC_CLK_TCK")

    def computed(self) -> float:
        """The same of the threads that live, exact enough for a single request; 0 where the system does not tell."""
        spent = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                fields = stat.read_text().rpartition(")")[2].split()
                if self._process is not None and int(fields[2]) == self._process.pid:
                    spent += sum(int(one.read_text().split()[0]) for one in stat.parent.glob("task/*/schedstat"))
        return spent / 1e9

    def memory(self) -> int:
        """Bytes that it and everything it started hold in memory by themselves; 0 where the system does not tell."""
        held = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                fields = stat.read_text().rpartition(")")[2].split()
                if self._process is not None and int(fields[2]) == self._process.pid:
                    told = (stat.parent / "smaps_rollup").read_text()
                    held += (
                        sum(int(line.split()[1]) for line in told.splitlines() if line.startswith("Private_")) * 1024
                    )
        return held

    def stop(self) -> int:
        """End it politely; returns its exit code. Nothing of it is left, whatever it did."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it, its workers too, as the kernel would: `kill -9`, no goodbye."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> int:
        if self._process is None:
            return 0
        process, self._process = self._process, None
        try:
            if how is signal.SIGKILL:
                os.killpg(process.pid, how)
            else:
                process.send_signal(how)
            return process.wait(PATIENCE)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(PATIENCE)


class Server(Process):
    """`banso serve`, on SQLite below `directory` unless another database is named."""

    def __init__(self, directory: Path, *, database_url: str = "", settings: dict[str, str] | None = None) -> None:
        super().__init__(directory, [COMMAND, "serve"], settings or {})
        self.database_url = database_url or f"sqlite:///{directory / 'banso.db'}"
        told = {"BANSO_DATABASE_URL": self.database_url, "BANSO_BASE_URL": self.url}
        self.environment = {**self.environment, **told, **(settings or {})}

    def banso(self, *arguments: str, expect: int = 0) -> str:
        """What the command printed; it must end with the exit code `expect`."""
        ran = subprocess.run(
            [COMMAND, *arguments],
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == expect, f"banso {' '.join(arguments)}: {ran.returncode}\n{ran.stdout}{ran.stderr}"
        return ran.stdout

    def start(self, *options: str) -> Server:
        """Answer once it is ready; the schema must be there (`server.banso("migrate")`)."""
        self.launch(*options)
        self.wait()
        return self


class BackgroundWorker(Process):
    """`banso worker` on the database of `server`, whose figures for Prometheus say that it runs."""

    ready = "/metrics"
    port_option = "--metrics-port"

    def __init__(self, server: Server) -> None:
        super().__init__(server.directory, [COMMAND, "worker"], server.environment)

    def start(self) -> BackgroundWorker:
        """Answer once it runs."""
        self.launch()
        self.wait()
        return self
