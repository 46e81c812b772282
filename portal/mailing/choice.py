"""What somebody who writes to a selection has chosen: to whom, which template, and other words for this one time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from fastapi import Request
from starlette.datastructures import ImmutableMultiDict

from portal.accounts.looked_after import MINE, names_of
from portal.accounts.visits import ActsForCustomers, StaffViewer
from portal.kit.i18n import LOCALES, Locale, Message
from portal.mailing.rules import WHOM, Whom
from portal.mailing.selection import ANY, MOST_NAMED, Selection
from portal.mailing.templates import Template, Words, checked_texts
from portal.segments.narrowing import WORDS


@dataclass(frozen=True)
class Choice:
    """What is chosen on the page. `words` are written for this time alone; without any the template's are sent."""

    selection: Selection
    template: str
    whom: Whom
    checklist: str
    words: Mapping[Locale, Words] = field(default_factory=dict)

    def fields(self) -> list[tuple[str, str]]:
        """How it stands in an address or a form, but for the words."""
        rest = (("template", self.template), ("whom", self.whom), ("checklist", self.checklist))
        return [*self.selection.fields(), *((name, value) for name, value in rest if value)]

    def word_fields(self) -> list[tuple[str, str]]:
        """How the words of this time stand in a form."""
        return [
            (f"{name}_{locale}", value)
            for locale, words in self.words.items()
            for name, value in (("subject", words.subject), ("body", words.body))
        ]


def worded(template: Template, choice: Choice) -> Template:
    """The template, in the words of this time where there are any; raises `Invalid` like `save_template`."""
    if not choice.words:
        return template
    title = template.title.into(LOCALES[0]) if isinstance(template.title, Message) else template.title
    return replace(template, texts=checked_texts(title, {**template.texts, **choice.words}))


async def chosen(request: Request, viewer: ActsForCustomers) -> Choice:
    """What an address says."""
    return _choice(request.query_params, viewer)


async def sent(request: Request, viewer: ActsForCustomers) -> Choice:
    """What a form says."""
    form = await request.form()
    said = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    return _choice(ImmutableMultiDict(said), viewer)


def _choice(said: ImmutableMultiDict[str, str], viewer: StaffViewer) -> Choice:
    def word(name: str) -> str:
        return said.get(name, "")[:200]

    to: Whom = next((one for one in WHOM if one == word("whom")), "admins")
    selection = Selection(
        named=tuple(dict.fromkeys(one[:200] for one in said.getlist("account") if one))[:MOST_NAMED],
        everybody=bool(word("all")),
        shown={name: word(name) for name in WORDS},
        stuck=word("stuck"),
        why=word("why"),
        names=names_of(viewer) if word("stuck") and word("owner") == MINE else frozenset(),
    )
    stuck_in = word("stuck") if word("stuck") != ANY else ""
    words: dict[Locale, Words] = {}
    for locale in LOCALES:
        subject, body = said.get(f"subject_{locale}", ""), said.get(f"body_{locale}", "")
        if subject or body:
            words[locale] = Words(subject, body)
    return Choice(selection, word("template"), to, word("checklist") or stuck_in, words)
