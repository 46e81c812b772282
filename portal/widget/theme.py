"""How the widget looks: one accent for each scheme, a radius, a corner, and the words on the launcher.

A look that somebody could not read is not saved: the accent is checked as text on the panel and under the words of a
button, in both schemes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from portal.kit.errors import FieldProblem, Invalid
from portal.kit.i18n import Message
from portal.kit.prepared import Prepared
from portal.widget.models import POSITIONS, SCHEMES, WidgetTheme
from portal.widget.rules import TEXT_CONTRAST, is_colour, weakest

LAUNCHER_CHARS = 40
LARGEST_RADIUS = 24


@dataclass(frozen=True)
class Theme:
    """The look as it is used. Colours are `#rrggbb`; `radius` is in CSS pixels; an empty launcher has our own words."""

    accent: str = "#2f5a94"
    accent_dark: str = "#96bdf0"
    radius: int = 12
    position: str = "right"
    scheme: str = "auto"
    launcher_ja: str = ""
    launcher_en: str = ""


def current_theme(session: Session) -> Theme:
    """The vendor's, or our own where nobody has chosen."""
    found = _THEME.first(session, {})
    return Theme() if found is None else Theme(*found)


def read_theme(said: dict[str, str]) -> Theme:
    """A look from the fields of a form; `Invalid` with everything that is wrong with it."""
    problems = []
    colours = {name: said.get(name, "").strip().lower() for name in ("accent", "accent_dark")}
    for name, scheme in (("accent", "light"), ("accent_dark", "dark")):
        if not is_colour(colours[name]):
            problems.append(FieldProblem(name, "colour", Message("Write a colour like #2f5a94.")))
        elif weakest(colours[name], scheme) < TEXT_CONTRAST:
            ratio = f"{weakest(colours[name], scheme):.1f}"
            message = (
                Message(
                    "Too light to read on the panel: contrast %(ratio)s, needed 4.5. Choose a darker one.", ratio=ratio
                )
                if scheme == "light"
                else Message(
                    "Too dark to read on the dark panel: contrast %(ratio)s, needed 4.5. Choose a lighter one.",
                    ratio=ratio,
                )
            )
            problems.append(FieldProblem(name, "contrast", message))
    radius = said.get("radius", "").strip()
    if not (radius.isascii() and radius.isdigit() and int(radius[:4]) <= LARGEST_RADIUS):
        problems.append(FieldProblem("radius", "range", Message("A whole number from 0 to 24.")))
    for name, allowed in (("position", POSITIONS), ("scheme", SCHEMES)):
        if said.get(name) not in allowed:
            problems.append(FieldProblem(name, "choice", Message("Choose one of those offered.")))
    words = {name: " ".join(said.get(name, "").split()) for name in ("launcher_ja", "launcher_en")}
    problems += [
        FieldProblem(name, "length", Message("At most 40 characters."))
        for name, text in words.items()
        if len(text) > LAUNCHER_CHARS or "\x00" in text
    ]
    if problems:
        raise Invalid(Message("This look cannot be saved yet."), problems=problems)
    return Theme(radius=int(radius), position=said["position"], scheme=said["scheme"], **colours, **words)


def save_theme(session: Session, theme: Theme, *, by: str, now: datetime) -> None:
    """Widgets look like this from their next request on."""
    row = session.get(WidgetTheme, 1) or WidgetTheme(
        id=1, accent="", accent_dark="", radius=0, position="", scheme="", changed_at=now
    )
    row.accent, row.accent_dark, row.radius = theme.accent, theme.accent_dark, theme.radius
    row.position, row.scheme = theme.position, theme.scheme
    row.launcher_ja, row.launcher_en = theme.launcher_ja, theme.launcher_en
    row.changed_at, row.changed_by = now, by[:254]
    session.add(row)
    session.flush()


_THEME = Prepared(
    select(
        col(WidgetTheme.accent),
        col(WidgetTheme.accent_dark),
        col(WidgetTheme.radius),
        col(WidgetTheme.position),
        col(WidgetTheme.scheme),
        col(WidgetTheme.launcher_ja),
        col(WidgetTheme.launcher_en),
    ).where(col(WidgetTheme.id) == 1)
)
