"""What a customer's IT department has to let through, read from the installation itself: nothing more than is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, select
from sqlalchemy.sql.elements import SQLCoreOperations
from sqlmodel import Session, col

from portal.content.library import current
from portal.content.models import DocumentVariant
from portal.kit.i18n import Message
from portal.kit.markdown.media import PLAYERS
from portal.kit.memory import Recent
from portal.tutorials.models import Tutorial, TutorialText

ALONG: dict[str, tuple[str, ...]] = {
    "www.youtube-nocookie.com": ("www.youtube.com", "*.googlevideo.com", "*.ytimg.com", "*.ggpht.com"),
    "player.vimeo.com": ("*.vimeocdn.com", "*.vimeo.com", "*.akamaized.net"),
}
"""What a player loads from elsewhere, as its makers' own lists for networks have it."""
PORTS = {"https": 443, "http": 80}
_used: Recent[str, frozenset[str]] = Recent(8)


@dataclass(frozen=True)
class Allowed:
    """One line of the list: what to let through, on which port ("" for mail), and what for."""

    what: str
    port: str
    why: Message


def allow_list(session: Session, *, base_url: str, sender: str) -> Sequence[Allowed]:
    """Addresses to let through; the hosts of films only where something published shows one."""
    address = urlsplit(base_url)
    host, port = address.hostname or "", address.port or PORTS.get(address.scheme, 443)
    lines = [
        Allowed(host, f"TCP {port}", Message("The portal: pages, pictures, films and files of its own, and updates.")),
        Allowed(sender, "", Message("Sender of mails: sign-in codes, invitations and notices.")),
    ]
    for player in video_hosts(session):
        lines.append(Allowed(player, "TCP 443", Message("Films in articles and tutorials, once somebody plays one.")))
        lines += [Allowed(one, "TCP 443", Message("Loaded by that player.")) for one in ALONG.get(player, ())]
    return lines


def video_hosts(session: Session) -> Sequence[str]:
    """The hosts of players that something published can show."""
    library = current(session)
    documents = _used.get(library.token, lambda: frozenset(_in_documents(session)))
    tutorials = {
        player
        for player in PLAYERS
        if session.execute(
            select(col(TutorialText.tutorial_key))
            .join(Tutorial, col(Tutorial.key) == col(TutorialText.tutorial_key))
            .where(_shows(col(TutorialText.html), player), col(Tutorial.archived_at).is_(None))
            .limit(1)
        ).first()
    }
    return [urlsplit(player).hostname or "" for player in PLAYERS if player in documents | tutorials]


def _in_documents(session: Session) -> list[str]:
    """Asked once for each edition of the library: it looks through every text."""
    return [
        player
        for player in PLAYERS
        if session.execute(
            select(col(DocumentVariant.id))
            .where(_shows(col(DocumentVariant.html), player), col(DocumentVariant.archived_at).is_(None))
            .limit(1)
        ).first()
    ]


def _shows(html: SQLCoreOperations[str], player: str) -> ColumnElement[bool]:
    return html.contains(f'data-embed="{player}', autoescape=True)
