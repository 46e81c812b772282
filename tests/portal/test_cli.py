"""The command line where something is missing: a line that says what to do, never a traceback."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from portal.cli import app
from portal.kit.migrations import downgrade, upgrade
from portal.kit.paths import CHECKOUT


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
