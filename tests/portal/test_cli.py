"""The command line where something is missing: a line that says what to do, never a traceback."""

import subprocess
import sys
from pathlib import Path

import pytest
from sqlmodel import Session, select
from typer.testing import CliRunner, Result

from portal.accounts.trail_models import TrailEntry
from portal.cli import app
from portal.events.deliveries import Refused, note_refused
from portal.kit import db
from portal.kit.migrations import downgrade, upgrade
from portal.kit.paths import CHECKOUT
from tests.factories import NOW
from tests.pictures import picture


def run(words: list[str], database: Path) -> Result:
    environment = {"BANSO_DATABASE_URL": f"sqlite:///{database}", "BANSO_LOCALE": "en"}
    return CliRunner().invoke(app, words, env=environment)


@pytest.mark.parametrize(
    "words",
    [
        ["publish", str(CHECKOUT)],
        ["staff", "add", "hanako@example.com"],
        ["link", "hanako@example.com"],
        ["source", "add", "app"],
        ["key", "add", "reports"],
        ["import", "accounts", "accounts.csv"],
        ["serve"],
        ["worker"],
    ],
    ids=lambda words: words[0],
)
def test_a_database_that_was_never_migrated_is_named_as_such(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "accounts.csv").write_text("external_id,name\nx,X\n", encoding="utf-8")
    result = run(words, tmp_path / "empty.db")
    assert (result.exit_code, result.exception.__class__) == (1, SystemExit)
    assert result.stderr == "The database is not at this version's schema. Run: banso migrate\n"


def test_a_database_of_an_older_version_is_named_as_such(tmp_path: Path) -> None:
    database = tmp_path / "older.db"
    upgrade(f"sqlite:///{database}")
    assert run(["staff", "add", "hanako@example.com"], database).exit_code == 0
    downgrade(f"sqlite:///{database}", "-1")
    result = run(["staff", "add", "taro@example.com"], database)
    assert (result.exit_code, result.stderr) == (
        1,
        "The database is not at this version's schema. Run: banso migrate\n",
    )


def test_a_source_is_set_up_and_tells_what_it_refused(tmp_path: Path) -> None:
    database = tmp_path / "banso.db"
    upgrade(f"sqlite:///{database}")
    run(["source", "add", "billing"], database)
    assert run(["source", "set", "billing"], database).stdout == "webhook auth: signature\nevents per second: 50000\n"
    changed = run(["source", "set", "billing", "--webhook-auth", "bearer", "--events-per-second", "5"], database)
    assert changed.stdout == "webhook auth: bearer\nevents per second: 5\n"
    back = run(["source", "set", "billing", "--events-per-second", "0"], database)
    assert back.stdout == "webhook auth: bearer\nevents per second: 50000\n"
    wrong = run(["source", "set", "billing", "--webhook-auth", "none", "--events-per-second", "-1"], database)
    assert (wrong.exit_code, wrong.stderr.splitlines()) == (
        1,
        [
            "This source cannot be changed so.",
            "Webhooks prove themselves by signature or bearer.",
            "A limit is a number from 0 to 1,000,000.",
        ],
    )
    for words in (["source", "set", "nobody"], ["source", "refused", "nobody"], ["source", "set", "portal"]):
        unknown = run(words, database)
        assert (unknown.exit_code, unknown.stderr) == (1, f"There is no source named “{words[2]}”.\n")
    refused = Refused(NOW, 422, "unknown_account", "data.account", "msg_1", "step.completed")
    db.run(f"sqlite:///{database}", lambda session: note_refused(session, 1, refused))
    printed = run(["source", "refused", "billing"], database).stdout
    assert printed == "2026-06-03T01:00:00+00:00 422 unknown_account data.account msg_1 step.completed\n"


def test_what_opens_a_way_in_is_on_record_without_the_way_in(tmp_path: Path) -> None:
    database = tmp_path / "banso.db"
    upgrade(f"sqlite:///{database}")
    run(["staff", "add", "hanako@example.com", "--role", "owner"], database)
    shown = run(["link", "hanako@example.com"], database).stdout + run(["key", "add", "reports"], database).stdout

    def lines(session: Session) -> list[TrailEntry]:
        return list(session.exec(select(TrailEntry).order_by(TrailEntry.id)))  # type: ignore[arg-type]

    told = db.run(f"sqlite:///{database}", lines, write=False)
    assert [(one.act, one.by, one.kind) for one in told] == [
        ("banso staff add", "banso", "access"),
        ("banso link", "banso", "access"),
        ("banso key add", "banso", "access"),
    ]
    assert told[0].detail["changes"] == {
        "staff hanako@example.com": {"email": [None, "hanako@example.com"], "role": [None, "owner"]}
    }
    secrets = [word for word in shown.split() if len(word) > 20]
    assert secrets
    assert not any(word in str([one.detail for one in told]) for word in secrets)


def test_a_command_imports_what_it_does_and_no_more() -> None:
    """What a server shows is the larger part of the portal, and none of it is needed to publish."""
    code = (
        "import sys; from portal import cli, publish_command as one; cli.listening.subscribe; one.publishing.read; "
        "print(*(one for one in ('fastapi', 'jinja2', 'alembic', 'portal.accounts.pages') if one in sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == []


def test_a_folder_moves_in_and_goes_out_again(tmp_path: Path) -> None:
    database, old = tmp_path / "banso.db", tmp_path / "old"
    upgrade(f"sqlite:///{database}")
    (old / "docs").mkdir(parents=True)
    (old / "mkdocs.yml").write_text("nav: [index.md]\n", encoding="utf-8")
    text = "---\ntags: [a]\n---\n# Welcome\n\n![A screen](screen.png)\n"
    (old / "docs/index.md").write_text(text, encoding="utf-8")
    (old / "docs/screen.png").write_bytes(picture())
    counts = ["documents: 1", "texts: 1", "collections: 1", "files: 1", "notes: 1"]
    note = "docs/index.md:2: “tags” was left out (a): the search reads the text, and other words go into the synonyms"
    tried = run(["import", "library", str(old), "--language", "en", "--dry-run"], database)
    assert tried.stdout.splitlines() == [note, "Nothing was changed: this was a dry run.", *counts]
    done = run(["import", "library", str(old), "--language", "en"], database)
    assert (done.exit_code, done.stdout.splitlines()) == (0, [note, *counts])
    for more in ([], ["--dry-run"]):
        again = run(["import", "library", str(old), *more], database)
        assert (again.exit_code, again.stderr.partition(":")[0]) == (1, "docs/index.md")
    # What is a draft is nobody's yet, so nothing goes out.
    out = run(["export", str(tmp_path / "out")], database)
    assert [line for line in out.stdout.splitlines() if line.startswith("written")] == [
        "written: content/collections.yml"
    ]
