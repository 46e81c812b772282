"""How the studio says things: the words of kinds, states and acts, and what a page needs of a form and of a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from portal.accounts.viewers import StaffViewer
from portal.kit.i18n import LOCALES, Locale, Message
from portal.studio.rules import Person

Tone = str
KINDS: Final[Mapping[str, Message]] = {
    "manual": Message("Manual"),
    "faq": Message("Question and answer"),
    "case_study": Message("Case study"),
    "release_note": Message("What is new"),
}
STATES: Final[Mapping[str, tuple[Message, Tone, str]]] = {
    "draft": (Message("Draft"), "", "pen"),
    "review": (Message("In review"), "warn", "clock"),
    "approved": (Message("Approved"), "accent", "check"),
    "scheduled": (Message("Scheduled"), "accent", "calendar"),
    "published": (Message("Published"), "good", "check"),
    "archived": (Message("Put away"), "", "close"),
}
"""The word of each state, its tone as a badge, and its icon."""
TRANSLATION: Final[Mapping[str, tuple[Message, Tone, str]]] = {
    "original": (Message("Original"), "", "document"),
    "current": (Message("Up to date"), "good", "check"),
    "stale": (Message("Behind the original"), "warn", "clock"),
    "missing": (Message("Not there"), "", "plus"),
}
"""The same for how a document stands in one of its languages."""
LANGUAGES: Final[Mapping[Locale, str]] = {"ja": "日本語", "en": "English"}
ACTS: Final[Mapping[str, tuple[Message, str]]] = {
    "submit": (Message("Save and ask for review"), "primary"),
    "withdraw": (Message("Take back to draft"), ""),
    "approve": (Message("Approve"), "primary"),
    "give_back": (Message("Give back"), ""),
    "publish": (Message("Publish"), "primary"),
    "unpublish": (Message("Take down"), "danger"),
    "put_away": (Message("Put this draft away"), "quiet"),
    "reopen": (Message("Take up again"), "primary"),
}
"""What the button of each act says, and its kind."""
DONE: Final[Mapping[str, Message]] = {
    "submit": Message("Handed in for review"),
    "withdraw": Message("Taken back to draft"),
    "approve": Message("Approved"),
    "give_back": Message("Given back"),
    "schedule": Message("Scheduled"),
    "publish": Message("Published"),
    "unpublish": Message("Taken down"),
    "put_away": Message("The draft was put away"),
    "reopen": Message("Taken up again"),
    "fork": Message("Taken over from the file"),
    "unfork": Message("Given back to the file"),
    "restore": Message("An earlier text was brought back"),
}
"""How the record says that each was done."""
HOW: Final[Mapping[str, Message]] = {
    "file": Message("from a file"),
    "restored": Message("brought back from number %(number)s"),
    "shared": Message("shared fields only"),
}


def person_of(viewer: StaffViewer) -> Person:
    """Whoever is signed in, as the studio knows them."""
    return Person(viewer.staff_id, viewer.name, viewer.role)


def other(locale: Locale) -> Locale:
    """The other language."""
    return next(one for one in LOCALES if one != locale)
