"""The sources whose pages show the widget, as staff see them: keys, origins, and what was seen of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from portal.events.models import Source
from portal.events.sources import PORTAL


@dataclass(frozen=True)
class Installed:
    """A live source. The public key is in every page anyway."""

    id: int
    name: str
    public_key: str
    origins: tuple[str, ...]


def installed_sources(session: Session) -> Sequence[Installed]:
    """Every live source but the portal's own, those with pages first."""
    rows = session.exec(
        select(Source).where(col(Source.revoked_at).is_(None), col(Source.name) != PORTAL).order_by(col(Source.name))
    )
    found = [Installed(row.id or 0, row.name, row.public_key, tuple(row.origins)) for row in rows]
    return sorted(found, key=lambda one: not one.origins)
