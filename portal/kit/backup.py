"""A consistent copy of the database, taken while the portal runs."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine import make_url

from portal.kit.errors import Conflict, Unavailable
from portal.kit.i18n import Message


def backup(url: str, file: Path) -> int:
    """Write the copy to `file`, which must not exist; its size in bytes.

    SQLite: SQLite's own online backup, checked afterwards. PostgreSQL: `pg_dump` in its custom format, which must be
    installed and as new as the server. A copy that could not be finished is removed.
    """
    if file.exists():
        raise Conflict(Message("%(file)s is there already; nothing was written.", file=str(file)))
    parsed = make_url(url)
    try:
        if parsed.get_backend_name() == "sqlite":
            _sqlite(Path(parsed.database or ""), file)
        else:
            _postgres(url, file)
    except BaseException:
        file.unlink(missing_ok=True)
        raise
    return file.stat().st_size


def _sqlite(source: Path, file: Path) -> None:
    if not source.is_file():
        raise Unavailable(Message("There is no database at %(file)s.", file=str(source)))
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as live,
        closing(sqlite3.connect(file)) as copy,
    ):
        live.backup(copy)
        # A copy is one file: without this it would ask for a write-ahead log beside it.
        copy.execute("PRAGMA journal_mode=DELETE")
        if copy.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            raise Unavailable(Message("The copy did not pass SQLite's integrity check, and was removed."))


def _postgres(url: str, file: Path) -> None:
    program = shutil.which("pg_dump")
    if program is None:
        raise Unavailable(Message("pg_dump is not installed; it comes with PostgreSQL's client programs."))
    done = subprocess.run(  # noqa: S603 - a fixed program; the address is the operator's own setting
        [program, "--format=custom", f"--file={file}", "--dbname", url], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise Unavailable(Message("pg_dump failed: %(detail)s", detail=done.stderr.strip()[-500:]))
