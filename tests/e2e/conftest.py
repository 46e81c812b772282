"""A portal that runs for real, for tests that drive it from outside: by browser, by HTTP, by command."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.server import Server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One migrated portal on SQLite, served for the whole session: tests add their own accounts and people to it."""
    portal = Server(tmp_path_factory.mktemp("portal"))
    portal.banso("migrate")
    try:
        yield portal.start()
    finally:
        portal.stop()


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Servers of the test's own, not started and not migrated; all are ended with the test.

    `make_server(database_url=…, settings={"BANSO_LOCALE": "en"})`; each beyond the first has a directory of its own.
    """
    made: list[Server] = []

    def make(*, database_url: str = "", settings: dict[str, str] | None = None) -> Server:
        directory = tmp_path / f"portal-{len(made)}"
        directory.mkdir()
        made.append(Server(directory, database_url=database_url, settings=settings))
        return made[-1]

    yield make
    for each in made:
        each.stop()
