"""A text as its readers will see it, before they do: for its author, for somebody with a link, and as one or another
customer.

Rendered on the same path as publishing, from the words and from nothing else; what was rendered is kept by its words.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from markupsafe import Markup
from sqlmodel import Session

from portal.conditions.model import queries
from portal.conditions.parse import ConditionProblems, parse
from portal.conditions.rules import Facts, Reason, Tally, Verdict, evaluate
from portal.content.library import current
from portal.content.places import Places
from portal.content.prepare import render_text, state
from portal.kit.i18n import LOCALES, Locale, Message, as_locale
from portal.kit.memory import Recent
from portal.kit.secrets import Secrets
from portal.media.service import every
from portal.media.shelf import Shelf
from portal.studio.going_out import linkable
from portal.studio.manuscripts import FOLDERS

PURPOSE = "studio.preview"
LASTS = timedelta(days=7)
DEEPEST = 3


@dataclass(frozen=True)
class Sight:
    """A rendered text. `warnings` name the line of the body; `toc` its headings: level, id, words."""

    title: str
    html: Markup
    toc: tuple[tuple[int, str, str], ...]
    warnings: tuple[tuple[int, Message], ...]


@dataclass(frozen=True)
class Seen:
    """Whether somebody would see a document, and what decided it."""

    met: bool
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Around:
    """What a text may name: `places` it can link to, `media` it can show; `mark` changes when either does."""

    places: Places
    media: Shelf
    mark: str


def around(session: Session) -> Around:
    """What a text may name, as the library stands."""
    others = linkable(session)
    token = current(session).token
    media = every(session)
    mark = f"{token} {sorted(others)} {[(one.key, one.digest, one.alt, one.removed_at) for one in media]}"
    places = _places.get((token, others), lambda: Places(state(session).standing, others))
    return Around(places, Shelf(media), hashlib.sha256(mark.encode()).hexdigest())


def sight(*, title: str, body: str, kind: str, among: Around) -> Sight:
    """What readers would get. Long for a long text: call it where nothing waits."""
    words = hashlib.sha256(f"{kind}\0{title}\0{body}".encode("utf-8", "surrogatepass")).hexdigest()

    def render() -> Sight:
        resolve, media = among.places.resolver(FOLDERS[kind]), among.media.finder(f"content/{FOLDERS[kind]}")
        rendered = render_text(title, body, known=None, resolve=resolve, media=media).rendered
        if rendered is None:
            raise AssertionError("a text that nothing is known of is rendered")
        toc = tuple((one.level, one.id, one.text) for one in rendered.toc if one.level <= DEEPEST)
        return Sight(title, Markup(rendered.html), toc, rendered.warnings)  # noqa: S704 - sanitised (kit.markdown)

    return _sights.get((among.mark, words), render)


def would_see(
    audience: object, *, plan: str, role: str, locale: Locale, segment: str = "", now: datetime
) -> Seen | None:
    """Whether a member of a customer on `plan`, with this role and language, would see it; None where the condition
    cannot be read. They are taken to be in `segment` and in no other, whatever it asks for; what they would have done
    is taken as nothing: no event, no checklist."""
    if audience is None:
        return Seen(met=True, reasons=())
    try:
        condition = parse(audience, level="member")
    except ConditionProblems:
        return None
    values: Mapping[str, object] = {
        "plan": plan or None,
        "tier": None,
        "role": role or None,
        "locale": locale,
        "traits": {},
    }
    tallies = {query: Tally(0, query.at_least, None) for query in queries(condition)}
    inside = {segment: Verdict(met=True, at=None, reasons=())} if segment else {}
    verdict = evaluate(condition, Facts(values=values, tallies=tallies, checklists={}, now=now, segments=inside))
    return Seen(verdict.met, verdict.reasons)


def link(secrets: Secrets, *, key: str, locale: Locale, until: datetime) -> str:
    """The path at which whoever has it can read the newest text of a manuscript until then."""
    said = f"{key}.{locale}.{int(until.timestamp())}"
    return f"/preview/{said}.{secrets.mac(PURPOSE, said)}"


def linked(secrets: Secrets, token: str, *, now: datetime) -> tuple[str, Locale, datetime] | None:
    """Which manuscript a link is for, and until when; None for one that was not made here, or is over."""
    said, _, mac = token.rpartition(".")
    if not said or not secrets.verify(PURPOSE, said, mac):
        return None
    key, locale, seconds = said.rsplit(".", 2)
    until = datetime.fromtimestamp(int(seconds), UTC)
    return (key, as_locale(locale), until) if now < until and locale in LOCALES else None


_places: Recent[tuple[str, frozenset[str]], Places] = Recent(4)
_sights: Recent[tuple[str, str], Sight] = Recent(50)
