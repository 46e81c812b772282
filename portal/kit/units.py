"""Units of work: what a database is to the rest of the house, and what goes with every session of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy.engine import URL
from sqlmodel import Session

from portal.kit.secrets import Secrets

T = TypeVar("T")
Work = Callable[[Session], T]
Info = Mapping[str, Any]


class Database(ABC):
    """An open database. Made once by the composition root, by `open_database`."""

    url: URL

    @abstractmethod
    async def read(self, work: Work[T]) -> T:
        """Run `work` and return what it returns; whatever it changes is refused or lost."""

    @abstractmethod
    async def report(self, work: Work[T]) -> T:
        """Like `read`, for work that may take over 10 ms, or fetches its rows a few at a time: the event loop goes on
        meanwhile, and everything is as it was at one moment."""

    @abstractmethod
    async def write(self, work: Work[T]) -> T:
        """Run `work` in a transaction, commit, and only then return what it returned.

        `work` may be run again from the start after a lost race, so it must not act on the outside world.
        Raises `Unavailable` where the database cannot take it now; nothing is half-written.
        """

    @abstractmethod
    async def close(self) -> None:
        """Finish what was begun and let go of every connection."""

    @property
    def is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"


def zone_of(session: Session) -> ZoneInfo:
    """The zone in which this database counts its days.

    It goes with the session because roll-ups and deadlines are wrong the moment two units of work disagree about it.
    """
    zone: ZoneInfo = session.info["zone"]
    return zone


def secrets_of(session: Session) -> Secrets:
    """The installation's secrets: to recognise what only a keyed hash is kept of.

    They go with the session because whoever takes events in must not be able to forget them. `LookupError` where the
    database was opened without.
    """
    secrets: Secrets | None = session.info.get("secrets")
    if secrets is None:
        raise LookupError("this database was opened without the installation's secrets")
    return secrets
