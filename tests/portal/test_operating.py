"""What an operator does: the portal refuses to serve unsafely, says whether it is well, and is copied while it runs."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from sqlmodel import Session
from typer.testing import CliRunner, Result

from portal import doctor
from portal.accounts.service import account_by_external_id
from portal.cli import app
from portal.kit import db
from portal.kit.db import Database
from portal.kit.migrations import downgrade, head, upgrade
from portal.main import build, site_from
from portal.settings import Settings
from tests.factories import NOW, make_account
from tests.postgres import Databases, binaries

SECRET = "a secret key of thirty-two characters or more"


def run(words: list[str], url: str, **settings: str) -> Result:
    told = {f"BANSO_{name.upper()}": value for name, value in {"database_url": url, "locale": "en", **settings}.items()}
    return CliRunner().invoke(app, words, env=told)


def findings(url: str, **settings: str) -> dict[str, str]:
    """What `banso doctor` prints, by what was looked at; whether it says so by its exit code is looked at, too."""
    result = run(["doctor"], url, **settings)
    lines = [line.split(": ", 2) for line in result.stdout.splitlines()]
    assert result.exit_code == int(any(level == "bad" for level, _, _ in lines)), result.output
    return {subject: f"{level}: {said}" for level, subject, said in reversed(lines)}


# --- serving ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "settings"),
    [
        (["serve", "--host", "0.0.0.0"], {}),
        (["serve", "--host", "portal.example.com"], {}),
        (["serve"], {"base_url": "https://portal.example.com"}),
    ],
)
def test_nobody_beyond_this_machine_is_served_without_a_secret(
    words: list[str], settings: dict[str, str], tmp_path: Path
) -> None:
    result = run(words, f"sqlite:///{tmp_path / 'banso.db'}", **settings)
    said = "Set BANSO_SECRET_KEY (32 characters or more) before serving beyond this machine.\n"
    assert (result.exit_code, result.stderr) == (1, said)
    assert list(tmp_path.iterdir()) == []


def test_a_setting_that_cannot_be_is_named() -> None:
    result = run(["migrate"], "mysql://x", secret_key="short", timezone="Asia/Nowhere")
    assert result.exit_code == 1
    assert sorted(line.partition(":")[0] for line in result.stderr.splitlines()) == [
        "BANSO_DATABASE_URL",
        "BANSO_SECRET_KEY",
        "BANSO_TIMEZONE",
    ]


async def test_whether_it_is_alive_and_whether_it_is_ready(empty_database_url: str) -> None:
    settings = Settings(database_url=empty_database_url, secret_key=SECRET)
    site = replace(site_from(settings), clock=lambda: NOW)
    transport = httpx.ASGITransport(app=build(settings, site=site))
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
            assert (await client.get("/healthz")).json() == {"status": "ok"}
            early = await client.get("/readyz")
            assert (early.status_code, early.json()) == (503, {"status": "schema", "found": None, "expected": head()})
            await asyncio.to_thread(upgrade, empty_database_url)
            ready = await client.get("/readyz")
            assert (ready.status_code, ready.json()) == (200, {"status": "ok"})
    finally:
        await site.database.close()


# --- looking after it -------------------------------------------------------------------------------------------------


def test_an_installation_that_is_well(database_url: str) -> None:
    found = findings(database_url, secret_key=SECRET, base_url="https://portal.example.com")
    assert list(found.values())[::-1][:4] == [
        "good: answers",
        f"good: is current ({head()})",
        "good: agrees; the vendor's zone is Asia/Tokyo",
        "good: is set",
    ]
    assert found["mail"] == "warn: goes to the console; set BANSO_SMTP_URL to send it"
    assert found["disk"].endswith(" GB are free")
    here = findings(database_url, base_url="http://127.0.0.1:8000")
    assert here["secret"] == "warn: is not set; the portal serves this machine only"


def test_each_thing_that_is_wrong_is_named(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = findings(empty_database_url, base_url="http://portal.example.com", smtp_url="smtp://127.0.0.1:9")
    assert found["schema"] == "bad: is none; run: banso migrate"
    assert found["secret"] == "bad: is not set; the portal refuses to serve beyond this machine"
    assert found["base url"] == "warn: is not HTTPS: sign-ins can be read on the way"
    assert found["mail"].startswith("bad: the server cannot be reached: ")
    upgrade(empty_database_url)
    downgrade(empty_database_url, "-1")
    assert findings(empty_database_url)["schema"].endswith("; run: banso migrate")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=200_000_000))
    assert findings(empty_database_url)["disk"] == "warn: only 0.2 GB are free"


def test_a_secret_that_opens_nothing_is_found_before_a_token_fails(database_url: str) -> None:
    assert run(["source", "add", "app"], database_url, secret_key=SECRET).exit_code == 0
    wrong = run(["doctor"], database_url, secret_key="x" * 40)
    assert wrong.exit_code == 1
    assert "bad: secret: does not open the secrets of the sources" in wrong.stdout
    rotated = run(["doctor"], database_url, secret_key="x" * 40, secret_key_previous=SECRET)
    assert "does not open" not in rotated.stdout


@pytest.mark.parametrize("url", ["postgresql://nobody@127.0.0.1:9/none", "sqlite:////nowhere/at/all/banso.db"])
def test_a_database_that_is_not_there(url: str) -> None:
    result = run(["doctor"], url)
    assert result.exit_code == 1
    assert result.stdout.startswith("bad: database: cannot be reached: ")
    assert "Traceback" not in result.output


def test_a_clock_that_differs(migrated_postgres: str) -> None:
    settings = Settings(database_url=migrated_postgres)
    said = {one.subject: one for one in doctor.examine(settings, now=NOW)}
    assert said["clock"].level == "warn"


# --- copying it -------------------------------------------------------------------------------------------------------


@pytest.fixture
def _pg_dump(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the PostgreSQL the tests run."""
    monkeypatch.setenv("PATH", f"{binaries()}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def restored(engine_name: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """Where a copy is brought back to, on PostgreSQL: an empty database."""
    if engine_name == "sqlite":
        yield ""
        return
    databases: Databases = request.getfixturevalue("postgres")
    url = databases.create()
    yield url
    databases.drop(url)


@pytest.mark.usefixtures("_pg_dump")
async def test_a_copy_made_while_the_portal_runs_is_whole(
    db: Database, database_url: str, restored: str, tmp_path: Path
) -> None:
    file = tmp_path / "copy"
    await db.write(lambda session: make_account(session, external_id="acme", name="Acme"))
    done = run(["backup", str(file)], database_url)
    assert (done.exit_code, done.stdout) == (0, f"backup: {file} ({file.stat().st_size} bytes)\n"), done.output
    assert await asyncio.to_thread(beside, file) == ["copy"]
    await db.write(lambda session: make_account(session, external_id="later", name="Later"))

    again = run(["backup", str(file)], database_url)
    assert (again.exit_code, again.stderr) == (1, f"{file} is there already; nothing was written.\n")

    if restored:
        await asyncio.to_thread(restore, file, restored)
    else:
        restored = f"sqlite:///{file}"
    assert await asyncio.to_thread(names, restored) == ["Acme", None]
    assert (await asyncio.to_thread(findings, restored))["schema"].startswith("good")


def beside(file: Path) -> list[str]:
    """The copy, and whatever it would need next to it."""
    return [one.name for one in file.parent.glob(f"{file.name}*")]


def restore(file: Path, url: str) -> None:
    """As the manual has it."""
    words = ["pg_restore", "--no-owner", "--dbname", url, str(file)]
    subprocess.run(words, check=True, capture_output=True)


def names(url: str) -> list[str | None]:
    """The customers a copy holds, of two."""

    def work(session: Session) -> list[str | None]:
        found = [account_by_external_id(session, one) for one in ("acme", "later")]
        return [one.name if one else None for one in found]

    return db.run(url, work, write=False)


def test_a_copy_that_failed_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "copy.db"
    missing = run(["backup", str(file)], f"sqlite:///{tmp_path / 'no.db'}")
    assert (missing.exit_code, missing.stderr) == (1, f"There is no database at {tmp_path / 'no.db'}.\n")
    away = run(["backup", str(file)], "postgresql://nobody@127.0.0.1:9/none")
    assert away.exit_code == 1
    monkeypatch.setenv("PATH", "")
    without = run(["backup", str(file)], "postgresql://nobody@127.0.0.1:9/none")
    assert without.stderr == "pg_dump is not installed; it comes with PostgreSQL's client programs.\n"
    broken = tmp_path / "broken.db"
    with closing(sqlite3.connect(broken)) as made:
        made.execute("CREATE TABLE t (a)")
        made.executemany("INSERT INTO t VALUES (?)", [("x" * 1000,)] * 200)
        made.commit()
    broken.write_bytes(broken.read_bytes()[:40_960] + b"\xff" * 40_960 + broken.read_bytes()[81_920:])
    assert run(["backup", str(file)], f"sqlite:///{broken}").exit_code == 1
    assert list(tmp_path.iterdir()) == [broken]


# --- files by command -------------------------------------------------------------------------------------------------


def test_a_file_of_customers_by_command(tmp_path: Path, migrated_sqlite: Path) -> None:
    (tmp_path / "banso.db").write_bytes(migrated_sqlite.read_bytes())
    url, file = f"sqlite:///{tmp_path / 'banso.db'}", tmp_path / "客.csv"
    file.write_bytes("external_id,name,favourite\na1,A,red\n".encode("cp932"))
    wrong = run(["import", "accounts", str(file)], url)
    assert wrong.exit_code == 1
    assert wrong.stderr.startswith(f"{file}:1: ")
    assert "favourite" in wrong.stderr
    file.write_bytes("external_id,name\na1,株式会社髙島①\na2,\n".encode("cp932"))
    bad = run(["import", "accounts", str(file), "--dry-run"], url)
    assert (bad.exit_code, bad.stderr) == (1, f"{file}:3: column “name”: this is empty\n")
    file.write_bytes("external_id,name\na1,株式会社髙島①\n".encode("cp932"))
    for dry in (["--dry-run"], []):
        said = run(["import", "accounts", str(file), *dry], url).stdout.splitlines()
        dry_run = ["Nothing was changed: this was a dry run."] if dry else []
        assert said == [*dry_run, "accounts: 1 created, 0 updated, 0 unchanged"]
    again = run(["import", "accounts", str(file)], url)
    assert again.stdout == "accounts: 0 created, 0 updated, 1 unchanged\n"
