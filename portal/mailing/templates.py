"""Templates: those that come with Banso, and what staff write over them or beside them.

A shipped one that was changed is a row of its key; taking the row away brings the shipped text back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from sqlalchemy import select
from sqlmodel import Session, col

from portal.kit.errors import Conflict, FieldProblem, Invalid, NotFound
from portal.kit.i18n import LOCALES, Locale, Message
from portal.kit.secrets import new_token
from portal.mailing.models import MailRule, MailTemplate
from portal.mailing.written import Written, problems_of, write

FOLDER = Path(__file__).parent / "shipped"
KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
LONGEST_TITLE = 200
SHIPPED_TITLES: Mapping[str, Message] = {
    "welcome": Message("Welcome"),
    "next-step": Message("The next step"),
    "deadline-near": Message("The deadline is near"),
    "overdue": Message("What is left after the deadline"),
    "completed": Message("It is completed"),
    "weekly": Message("Weekly summary"),
    "checking-in": Message("How is it going?"),
}


@dataclass(frozen=True)
class Words:
    """A template in one language; the body is markdown."""

    subject: str
    body: str


@dataclass(frozen=True)
class Template:
    """A template as it stands. `is_shipped`: it comes with Banso; `is_changed`: staff have written it, or over it."""

    key: str
    title: Message | str
    texts: Mapping[Locale, Words]
    is_shipped: bool = False
    is_changed: bool = False
    changed_at: datetime | None = None
    changed_by: str = ""

    def in_language(self, wanted: Locale) -> tuple[Locale, Words]:
        """The text for a reader of `wanted`: theirs, or the one there is."""
        found = wanted if wanted in self.texts else next(iter(self.texts))
        return found, self.texts[found]

    def ready(self, wanted: Locale) -> tuple[Locale, Written]:
        """The same, ready to be filled."""
        found, words = self.in_language(wanted)
        return found, write(words.subject, words.body)

    def dumped(self) -> dict[str, dict[str, str]]:
        """The texts as they are stored."""
        return {locale: {"subject": one.subject, "body": one.body} for locale, one in self.texts.items()}


@cache
def shipped() -> Mapping[str, Template]:
    """The templates that come with Banso, by key."""
    return {
        key: Template(key, title, {locale: _read(key, locale) for locale in LOCALES}, is_shipped=True)
        for key, title in SHIPPED_TITLES.items()
    }


def list_templates(session: Session) -> Sequence[Template]:
    """The shipped ones in their order, then those of the vendor's own by title."""
    rows = {row.key: row for row in session.execute(select(MailTemplate)).scalars()}
    own = sorted((row for key, row in rows.items() if key not in shipped()), key=lambda row: (row.title, row.key))
    return [*(_as_stands(key, rows.get(key)) for key in shipped()), *(_as_stands(row.key, row) for row in own)]


def template_by_key(session: Session, key: str) -> Template:
    """One template; `NotFound` where there is none."""
    row = session.get(MailTemplate, key) if KEY.fullmatch(key) else None
    if row is None and key not in shipped():
        raise NotFound
    return _as_stands(key, row)


def restored(key: str, title: str, texts: Mapping[str, Mapping[str, str]]) -> Template:
    """The template that was `dumped`."""
    words = {locale: Words(**texts[locale]) for locale in LOCALES if locale in texts}
    return Template(key, title, words)


def save_template(
    session: Session, key: str, *, title: str, texts: Mapping[Locale, Words], by: str, now: datetime
) -> Template:
    """Write a template, new or over what there is. A language of which nothing is said is not there.

    Raises `Invalid` with every problem, each under `subject_ja`, `body_en` and so on: nothing is saved then.
    """
    checked = checked_texts(title, texts)
    row = session.get(MailTemplate, key) or MailTemplate(key=key, title="", texts={}, changed_at=now)
    row.title, row.changed_at, row.changed_by = title.strip(), now, by
    row.texts = {locale: {"subject": one.subject, "body": one.body} for locale, one in checked.items()}
    session.add(row)
    session.flush()
    return _as_stands(key, row)


def checked_texts(title: str, texts: Mapping[Locale, Words]) -> dict[Locale, Words]:
    """What would be saved; raises `Invalid` like `save_template`."""
    said = {
        locale: Words(one.subject.strip(), one.body.replace("\r\n", "\n").strip() + "\n")
        for locale, one in texts.items()
        if one.subject.strip() or one.body.strip()
    }
    problems = [
        FieldProblem(f"{one.field}_{locale}", one.code, one.message)
        for locale, words in said.items()
        for one in problems_of(words.subject, words.body.strip())
    ]
    if not said:
        message = Message("write the subject and the text in one language at least")
        problems.append(FieldProblem(f"subject_{LOCALES[0]}", "empty", message))
    if not title.strip() or len(title) > LONGEST_TITLE:
        problems.append(FieldProblem("title", "length", Message("a name of 200 characters at most is needed")))
    if problems:
        raise Invalid(Message("The template was not saved."), problems=problems)
    return said


def new_key() -> str:
    """A fresh key of a template of the vendor's own."""
    return "own-" + new_token(size=9).lower().replace("_", "-")


def take_back(session: Session, key: str) -> bool:
    """A shipped one gets its shipped text back (True); one of the vendor's own goes (False).

    Raises `Conflict` where a rule uses one that would go.
    """
    row = session.get(MailTemplate, key) if KEY.fullmatch(key) else None
    if row is None:
        raise NotFound
    if key not in shipped():
        used = session.execute(select(col(MailRule.kind)).where(col(MailRule.template_key) == key).limit(1)).first()
        if used is not None:
            raise Conflict(Message("A rule uses this template. Choose another one there first."))
    session.delete(row)
    session.flush()
    return key in shipped()


def _as_stands(key: str, row: MailTemplate | None) -> Template:
    ours = shipped().get(key)
    if row is None:
        assert ours is not None
        return ours
    found = restored(key, row.title, row.texts)
    title: Message | str = ours.title if ours is not None and row.title in _titles(ours) else row.title
    return Template(
        key,
        title,
        found.texts,
        is_shipped=ours is not None,
        is_changed=True,
        changed_at=row.changed_at,
        changed_by=row.changed_by,
    )


def _titles(ours: Template) -> set[str]:
    return {ours.title.into(locale) for locale in LOCALES} if isinstance(ours.title, Message) else {ours.title}


def _read(key: str, locale: Locale) -> Words:
    head, _, body = (FOLDER / f"{key}.{locale}.md").read_text(encoding="utf-8").partition("\n\n")
    return Words(head.removeprefix("Subject: "), body)
