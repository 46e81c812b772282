"""`make bench-wagtail`: an article of Banso's beside the same text served by Wagtail, to somebody signed in to each.

Wagtail gets an environment of its own in `.cache`, with its newest version: nothing of ours depends on it. The project
is what `wagtail start` makes, with one kind of page more (`wagtail_project`), for signed-in people only, whose text is
the very HTML that Banso has stored; debugging is off, connections to its SQLite are kept, and it runs under the same
server with as many workers. Its page has less around the text than ours: no contents, no neighbours, nothing related.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from statistics import median

import httpx
from sqlmodel import Session, col, select

from portal.content.models import DocumentVariant
from portal.kit.db import run
from portal.kit.paths import CHECKOUT
from tests.bench.load import Load, Plan, Seen, get, loader
from tests.bench.seed import ARTICLE, furnish
from tests.server import Process, Server

CACHE = CHECKOUT / ".cache" / "bench-wagtail"
PROJECT = Path(__file__).with_name("wagtail_project")
WANTED = ("wagtail", "granian")
AIM = 15.0
CONNECTIONS = 16
CANNOT = "Wagtail could not be installed, so there is nothing to compare with. pip said:\n"


class Wagtail(Process):
    """Wagtail in a process of its own."""

    ready = "/django-admin/login/"

    def __init__(self, directory: Path, python: Path) -> None:
        granian = python.with_name("granian")
        command = [str(granian), "--interface", "wsgi", "--workers", "1", "--no-ws", "mysite.wsgi:application"]
        super().__init__(directory, command, {"DJANGO_SETTINGS_MODULE": "bench_settings"})


def main() -> int:
    """Measure and print; 1 where the aim was missed, 2 where Wagtail is not to be had."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.wagtail", description="Banso's article beside Wagtail's."
    )
    parser.add_argument("--seconds", type=float, default=3.0, help="of each round")
    parser.add_argument("--rounds", type=int, default=5, help="each of which measures both once")
    wanted = parser.parse_args()
    try:
        python = installed()
    except subprocess.CalledProcessError as error:
        _tell(CANNOT + error.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="banso-wagtail-") as folder, loader() as load:
        home = Path(folder)
        (home / "banso").mkdir()
        banso = Server(home / "banso")
        try:
            vendor = furnish(banso)
            stored = run(banso.database_url, _stored, write=False)
            wagtail, path, cookie = started(home / "wagtail", python, stored)
            try:
                ours = _plan(banso, vendor.article, f"banso={vendor.cookie}", wanted.seconds)
                theirs = _plan(wagtail, path, cookie, wanted.seconds)
                _same_text(ours, theirs)
                return _compared(load, banso, ours, wagtail, theirs, rounds=wanted.rounds)
            finally:
                wagtail.stop()
        finally:
            banso.stop()


def installed() -> Path:
    """Wagtail's own Python; made when this is asked for first."""
    python = CACHE / "venv" / "bin" / "python"
    stamp = CACHE / "installed"
    if not stamp.is_file():
        _tell("installing Wagtail into .cache/bench-wagtail")
        shutil.rmtree(CACHE, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(CACHE / "venv")])
        _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *WANTED])
        stamp.write_text(" ".join(WANTED))
    return python


def started(folder: Path, python: Path, stored: str) -> tuple[Wagtail, str, str]:
    """Wagtail with `stored` as the text of a page: the server, running, the page's path, and a signed-in cookie."""
    folder.mkdir()
    _run([str(python.with_name("wagtail")), "start", "mysite", str(folder)])
    shutil.copytree(PROJECT, folder, dirs_exist_ok=True)
    (folder / "stored.html").write_text(stored, encoding="utf-8")
    server = Wagtail(folder, python)
    for words in (["makemigrations", "library"], ["migrate"]):
        _run([str(python), "manage.py", *words, "--settings", "bench_settings"], folder)
    path, cookie = _run([str(python), "furnish.py"], folder).split()
    server.launch()
    server.wait()
    return server, path, cookie


def _compared(load: Load, banso: Process, ours: Plan, wagtail: Process, theirs: Plan, *, rounds: int) -> int:
    """Take turns, the first round warming up, and say what came of it."""
    seen: list[tuple[Seen, Seen]] = []
    spent: list[tuple[float, float]] = []
    for _ in range(rounds + 1):
        before = (banso.cpu_seconds(), wagtail.cpu_seconds())
        seen.append((load.run(ours), load.run(theirs)))
        took = (banso.cpu_seconds() - before[0], wagtail.cpu_seconds() - before[1])
        spent.append((1000 * took[0] / seen[-1][0].answers, 1000 * took[1] / seen[-1][1].answers))
    for name, place in (("Banso", 0), ("Wagtail", 1)):
        turns = [pair[place] for pair in seen[1:]]
        rate, p50 = median(one.per_second for one in turns), median(one.p50_ms for one in turns)
        _tell(f"{name}: {rate:,.0f} req/s; p50 {p50:.1f} ms; CPU {median(pair[place] for pair in spent[1:]):.2f} ms")
    ratio = median(one.per_second / other.per_second for one, other in seen[1:])
    computing = median(other / one for one, other in spent[1:])
    _tell(f"ratio: {ratio:.1f} times as many answers, {computing:.1f} times less computing; aim ≥ {AIM:.0f} times")
    return int(ratio < AIM)


def _plan(server: Process, path: str, cookie: str, seconds: float) -> Plan:
    make = partial(get, path=path, headers=(("Cookie", cookie),))
    return Plan(server.port, make, connections=CONNECTIONS, seconds=seconds, at_most=200_000, same=True)


def _same_text(*plans: Plan) -> None:
    """Both must answer with the article: a page of an error would be quick."""
    for plan in plans:
        path, cookie = plan.make(0).split(b" ")[1].decode(), plan.make(0).split(b"Cookie: ")[1].split(b"\r\n")[0]
        url = f"http://127.0.0.1:{plan.port}{path}"
        answer = httpx.get(url, headers={"Cookie": cookie.decode()}, trust_env=False).raise_for_status()
        if ARTICLE not in answer.text and "<h2" not in answer.text:
            raise RuntimeError(f"{url} does not show the article")
        _tell(f"{url}: {len(answer.content) / 1024:.0f} KB")


def _stored(session: Session) -> str:
    asked = select(DocumentVariant.html).where(
        col(DocumentVariant.document_id) == ARTICLE, col(DocumentVariant.locale) == "ja"
    )
    return session.exec(asked).one()


def _run(command: list[str], folder: Path | None = None) -> str:
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def _tell(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a command of its own


if __name__ == "__main__":
    sys.exit(main())
