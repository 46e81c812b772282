"""What every test may ask for: a migrated database on either engine, and the clusters and files behind it.

`database_url` (and `db`, opened on it) runs a test twice, on SQLite and on a real PostgreSQL. Each test has a database
of its own, copied from one that was migrated once, so tests see the real schema and never each other's rows.
Async tests and fixtures are run by anyio's plugin, on asyncio. `open_page` gives pages of a real Chromium; it stands
on fixtures that last for the session, so a test that uses it is `async def` like all others.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest
from hypothesis.configuration import set_hypothesis_home_dir

from portal.kit.db import Database, open_database
from portal.kit.migrations import upgrade
from portal.kit.secrets import Secrets
from tests.browser import FLAGS, chromium
from tests.memory import use_memory
from tests.postgres import Cluster, Databases

if TYPE_CHECKING:  # imported where it is used: most runs need no browser
    from playwright.async_api import Browser, ConsoleMessage, Page

ROOT = Path(__file__).parent.parent
SHARED_SERVER = "BANSO_TEST_POSTGRES_URL"
OWN_CLUSTER = pytest.StashKey[Cluster]()

use_memory()
set_hypothesis_home_dir(ROOT / ".cache" / "hypothesis")
for name in [name for name in os.environ if name.startswith("BANSO_") and not name.startswith("BANSO_TEST_")]:
    del os.environ[name]  # the developer's own installation is none of the tests' business


def pytest_configure(config: pytest.Config) -> None:
    """With several workers one process must own the cluster: this one, and the workers inherit its address."""
    several = bool(config.getoption("numprocesses", None)) and not config.getoption("collectonly")
    if several and SHARED_SERVER not in os.environ:
        config.stash[OWN_CLUSTER] = Cluster().start()
        os.environ[SHARED_SERVER] = config.stash[OWN_CLUSTER].url()


def pytest_unconfigure(config: pytest.Config) -> None:
    cluster = config.stash.get(OWN_CLUSTER, None)
    if cluster is not None:
        del os.environ[SHARED_SERVER]
        cluster.stop()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL to make databases on: the one named in the environment, or one of our own."""
    if given := os.environ.get(SHARED_SERVER):
        yield given
        return
    cluster = Cluster().start()
    try:
        yield cluster.url()
    finally:
        cluster.stop()


@pytest.fixture
def durable_postgres() -> Iterator[Cluster]:
    """A cluster of the test's own that survives a crash: `kill()` it, `start()` it again."""
    cluster = Cluster(durable=True)
    try:
        yield cluster.start()
    finally:
        cluster.stop()


@pytest.fixture(scope="session")
def postgres(postgres_url: str) -> Iterator[Databases]:
    with closing(Databases(postgres_url)) as databases:
        yield databases


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the newest schema and nothing else, to be copied."""
    path = tmp_path_factory.mktemp("template") / "banso.db"
    upgrade(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres: Databases) -> Iterator[str]:
    """A PostgreSQL database with the newest schema and nothing else, to be copied."""
    url = postgres.create()
    upgrade(url)
    yield url
    postgres.drop(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def engine_name(request: pytest.FixtureRequest) -> str:
    """The engine this run of the test is on. Parametrize it with one name (`indirect=True`) for one engine only."""
    name: str = request.param
    return name


@pytest.fixture
def database_url(engine_name: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database with the newest schema, this test's own."""
    if engine_name == "sqlite":
        path = tmp_path / "banso.db"
        shutil.copyfile(request.getfixturevalue("migrated_sqlite"), path)
        yield f"sqlite:///{path}"
        return
    databases: Databases = request.getfixturevalue("postgres")
    url = databases.create(request.getfixturevalue("migrated_postgres"))
    yield url
    databases.drop(url)


@pytest.fixture
def empty_database_url(engine_name: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database without any table, for tests of the migrations themselves."""
    if engine_name == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    databases: Databases = request.getfixturevalue("postgres")
    url = databases.create()
    yield url
    databases.drop(url)


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """An open database; the test is `async def` and awaits `db.read(work)` and `db.write(work)`."""
    database = open_database(database_url, secrets=Secrets("a secret key of thirty-two characters or more"))
    try:
        yield database
    finally:
        await database.close()


class OpenPage(Protocol):
    """Makes a page in a browser profile of its own: no cookie of one is seen by another."""

    async def __call__(
        self,
        base_url: str = ...,
        *,
        locale: str = "ja",
        viewport: tuple[int, int] = (1280, 900),
        dark: bool = False,
        js: bool = True,
    ) -> Page: ...


@pytest.fixture(scope="session")
async def browser(anyio_backend: str) -> AsyncIterator[Browser]:
    """One Chromium for each test process."""
    from playwright.async_api import async_playwright

    found = chromium()
    environment: dict[str, str | float | bool] = {**os.environ, **found.environment}
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(
            executable_path=found.executable, args=list(FLAGS), env=environment, chromium_sandbox=False
        )
        yield launched
        await launched.close()


@pytest.fixture
async def open_page(browser: Browser, anyio_backend: str) -> AsyncIterator[OpenPage]:
    """`page = await open_page(server.url, locale="en", dark=True)`, then `await page.goto("/")`.

    The test fails if any page threw an error or broke its content security policy, even where all else went well.
    """
    contexts = []
    complaints: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        # That a resource answered 4xx is also said here; tests look at answers themselves.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            complaints.append(f"{message.text} ({message.location.get('url')})")

    async def make(
        base_url: str = "about:blank",
        *,
        locale: str = "ja",
        viewport: tuple[int, int] = (1280, 900),
        dark: bool = False,
        js: bool = True,
    ) -> Page:
        context = await browser.new_context(
            base_url=base_url,
            locale=locale,
            viewport={"width": viewport[0], "height": viewport[1]},
            color_scheme="dark" if dark else "light",
            java_script_enabled=js,
            reduced_motion="reduce",
        )
        contexts.append(context)
        context.set_default_timeout(10_000)
        context.on("console", listen)
        context.on("weberror", lambda thrown: complaints.append(str(thrown.error)))
        return await context.new_page()

    yield make
    for context in contexts:
        await context.close()
    assert complaints == []
