"""Commands about sources, keys, raw events and people: plain lines, and nothing destroyed unasked."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner, Result

from portal.cli import app
from portal.kit.secrets import Secrets
from portal.mailing.bounces import return_path
from tests.portal.mailing.test_bounces import notice

ACCOUNTS = "external_id,name\nacme,Acme\n"
MEMBERS = "external_id,account,email,name\nu-100,acme,hana@acme.example,Hana\n"


@pytest.fixture
def database(tmp_path: Path, migrated_sqlite: Path) -> Path:
    path = tmp_path / "banso.db"
    path.write_bytes(migrated_sqlite.read_bytes())
    for kind, text in (("accounts", ACCOUNTS), ("members", MEMBERS)):
        (tmp_path / f"{kind}.csv").write_text(text, encoding="utf-8")
        assert run(path, "import", kind, str(tmp_path / f"{kind}.csv")).exit_code == 0
    assert run(path, "source", "add", "product").exit_code == 0
    return path


def run(database: Path, *words: str) -> Result:
    environment = {"BANSO_DATABASE_URL": f"sqlite:///{database}", "BANSO_LOCALE": "en"}
    return CliRunner().invoke(app, list(words), env=environment)


def test_sources_and_their_keys(database: Path) -> None:
    assert run(database, "source", "list").stdout == "product\tlive\tnever\n"
    rotated = run(database, "source", "rotate", "product", "write-key", "--hours", "2")
    assert rotated.stdout.startswith("write key: wk_")
    asked = run(database, "source", "revoke", "product")
    assert (asked.exit_code, asked.stdout) == (2, "")
    assert "add --yes" in asked.stderr
    assert run(database, "source", "revoke", "product", "--yes").stdout == "revoked: product\n"
    assert run(database, "source", "list").stdout == "product\trevoked\tnever\n"
    late = run(database, "source", "rotate", "product", "write-key")
    assert (late.exit_code, late.stderr) == (1, "The source “product” is revoked. Add a new one.\n")


def test_api_keys(database: Path) -> None:
    secret = run(database, "key", "add", "report").stdout.split()[-1]
    assert run(database, "key", "list").stdout == f"report\tread\t{secret[-4:]}\tlive\tnever\n"
    assert run(database, "key", "revoke", "report").exit_code == 2
    assert run(database, "key", "revoke", "report", "--yes").stdout == "revoked: report\n"
    assert "\trevoked\t" in run(database, "key", "list").stdout


def test_one_person(database: Path) -> None:
    told = orjson.loads(run(database, "member", "export", "hana@acme.example", "--account", "acme").stdout)
    assert told["profile"]["external_id"] == "u-100"
    words = ("member", "erase", "u-100", "--account", "acme", "--reason", "asked by mail")
    assert run(database, *words).exit_code == 2
    assert run(database, *words, "--yes").stdout == "erased: one person of acme\n"
    assert run(database, *words, "--yes").stderr == "“acme” has nobody called “u-100”.\n"


def test_raw_events(database: Path, tmp_path: Path) -> None:
    assert run(database, "events", "export", "--source", "product").stdout == ""
    target = tmp_path / "events.jsonl"
    assert run(database, "events", "export", "--to", str(target)).exit_code == 0
    assert target.read_bytes() == b""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["source", "rotate", "nope", "write-key"], "There is no source named “nope”."),
        (["source", "rotate", "product", "nope"], "There is no kind of key called “nope”."),
        (["source", "revoke", "nope", "--yes"], "There is no source named “nope”."),
        (["key", "revoke", "nope", "--yes"], "There is no key named “nope”."),
        (["member", "export", "u-100", "--account", "nope"], "There is no customer with the id “nope”."),
        (["events", "export", "--source", "nope"], "There is no source named “nope”."),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_what_is_not_there_is_named(database: Path, words: list[str], said: str) -> None:
    result = run(database, *words)
    assert result.exit_code == 1
    assert result.stderr.startswith(said)


def test_a_relay_pipes_notices_in_and_keeps_them_while_the_database_is_away(tmp_path: Path) -> None:
    environment = {"BANSO_DATABASE_URL": f"sqlite:///{tmp_path / 'x.db'}", "BANSO_SECRET_KEY": "x" * 40}

    def piped(notice: bytes) -> Result:
        return CliRunner().invoke(app, ["mail", "bounce"], env=environment, input=notice)

    about_us = notice(to=return_path(Secrets("x" * 40), "bounces@vendor.example", "admin@acme.example"))
    assert (piped(b"Subject: hi\n\nhi").exit_code, piped(about_us).exit_code) == (0, 75)
    assert CliRunner().invoke(app, ["migrate"], env=environment).exit_code == 0
    assert [piped(one).output.strip() for one in (about_us, about_us, notice())] == [
        "marked: admin@acme.example",
        "noted: admin@acme.example",
        "ignored: about no mail of this portal",
    ]
