"""What the editor's templates are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from portal.content.models import Revision
from portal.kit.i18n import LOCALES, Locale, Message
from portal.kit.secrets import new_token
from portal.studio.differences import Difference
from portal.studio.editing import Filed, Opened
from portal.studio.front import Form
from portal.studio.models import ManuscriptAct
from portal.studio.rules import Person
from portal.studio.shown import ACTS, DONE, KINDS, LANGUAGES, STATES
from portal.studio.sights import Sight
from portal.studio.translations import Beside

INSERTS: Sequence[tuple[str, Message]] = (
    ("heading", Message("Heading")),
    ("bold", Message("Bold")),
    ("list", Message("List")),
    ("numbers", Message("Numbered list")),
    ("link", Message("Link")),
    ("table", Message("Table")),
    ("callout", Message("Callout")),
    ("steps", Message("Steps")),
    ("image", Message("Picture")),
    ("video", Message("Video")),
    ("code", Message("Code")),
)


@dataclass(frozen=True)
class Overtaken:
    """Somebody saved while this was written: both texts, and what differs from theirs to mine."""

    by: str
    at: datetime
    text: str
    mine: str
    difference: Difference


@dataclass(frozen=True)
class PreviewPart:
    """For `studio/_preview.html`: the text as readers would have it, and what its author should look at."""

    sight: Sight
    lang: Locale


@dataclass(frozen=True)
class FilePage:
    """For `studio/file.html`."""

    filed: Filed
    sight: Sight
    may_write: bool
    kinds: Mapping[str, Message]


@dataclass(frozen=True)
class EditPage:
    """For `studio/edit.html`. `languages`: language, its word, where, its state or "" where it is not begun, whether it
    is this one. `beside` is the original where this is its translation. `acts`: the name, word and kind of each button.
    `notice_unsaved` is when what is shown was typed; `nonce` lets the style sheet of the editor in."""

    key: str
    locale: Locale
    title: str
    form: Form
    base: int
    newest: int
    state: str
    acting_at: datetime | None
    live: int | None
    acts: Sequence[tuple[str, Message, str]]
    may_write: bool
    may_approve: bool
    errors: Mapping[str, Sequence[Message]]
    theirs: Overtaken | None
    beside: Beside | None
    others: Sequence[tuple[str, datetime]]
    notice_unsaved: datetime | None
    preview: PreviewPart
    collections: Sequence[tuple[str, str]]
    kinds: Sequence[tuple[str, Message]]
    words: Mapping[Locale, str]
    languages: Sequence[tuple[Locale, str, str, str, bool]]
    origin: Revision | None
    record: Sequence[ManuscriptAct]
    release: tuple[int, str] | None
    is_forked: bool
    saved_at: datetime | None
    saved_by: str
    inserts: Sequence[tuple[str, Message]]
    states: Mapping[str, tuple[Message, str, str]]
    done: Mapping[str, Message]
    nonce: str


def edit_page(
    opened: Opened,
    *,
    form: Form,
    base: int,
    sight: Sight,
    person: Person,
    errors: Mapping[str, Sequence[Message]],
    theirs: Overtaken | None,
    beside: Beside | None,
    now: datetime,
) -> EditPage:
    """Put together what `studio/edit.html` shows."""
    written = dict(opened.languages)
    shelves = list(opened.collections)
    if form.collection and form.collection not in dict(shelves):
        shelves.append((form.collection, form.collection))
    here = f"/staff/content/{opened.document.id}"
    will_wait = opened.publish_at is not None and opened.publish_at > now
    return EditPage(
        key=opened.document.id,
        locale=opened.locale,
        title=form.title or opened.form.title,
        form=form,
        base=base,
        newest=opened.base,
        state=opened.state,
        acting_at=opened.acting_at,
        live=opened.live,
        acts=[
            (
                act,
                Message("Schedule") if act == "publish" and will_wait else ACTS[act][0],
                "" if act == "submit" and "publish" in opened.acts else ACTS[act][1],
            )
            for act in opened.acts
        ],
        may_write=person.may_write,
        may_approve=any(act in opened.acts for act in ("approve", "give_back")),
        errors=errors,
        theirs=theirs,
        beside=beside,
        others=opened.others,
        notice_unsaved=opened.unsaved.at if opened.unsaved is not None and theirs is None and not errors else None,
        preview=PreviewPart(sight, opened.locale),
        collections=shelves,
        kinds=list(KINDS.items()),
        words=LANGUAGES,
        languages=[
            (one, LANGUAGES[one], f"{here}/{one}", written.get(one, ""), one == opened.locale) for one in LOCALES
        ],
        origin=opened.origin,
        record=opened.record,
        release=opened.release,
        is_forked=opened.document.forked_at is not None,
        saved_at=opened.saved_at,
        saved_by=opened.saved_by,
        inserts=INSERTS,
        states=STATES,
        done=DONE,
        nonce=new_token(size=16),
    )
