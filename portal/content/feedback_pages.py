"""Saying whether an article helped, and for staff what readers said, by revision."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import Form, Query, Request, Response

from portal.accounts.visits import AnyViewer, MaybeViewer, MemberViewer, SignedInStaff, StaffViewer
from portal.content import feedback
from portal.content.feedback import MAX_COMMENT, REASONS, Answer, Comment, Tally
from portal.content.readers import reader_of
from portal.kit.errors import NotFound
from portal.kit.i18n import Locale, Message, as_locale
from portal.kit.web import Site, SiteDep, locale_of, page_router, redirect, render, session_cookie

router = page_router()


@dataclass(frozen=True)
class FeedbackPage:
    """What `content/feedback.html` shows. `answer` is what the reader said before, if anything."""

    title: str
    href: str
    url: str
    lang: Locale
    revision: int
    answer: Answer | None
    reasons: Sequence[tuple[str, str]]
    most: int


@dataclass(frozen=True)
class AnswersPage:
    """What `content/answers.html` shows; `document` is set where only one is looked at."""

    tallies: Sequence[Tally]
    comments: Sequence[Comment]
    document: str
    words: Mapping[str, Message]
    sees_customers: bool


@router.get("/feedback/{key}")
async def asked(
    request: Request,
    site: SiteDep,
    viewer: MaybeViewer,
    key: str,
    locale: Annotated[str, Query(max_length=8)] = "",
) -> Response:
    """What the reader answered, and room to say why; staff are led to what readers answered."""
    if isinstance(viewer, StaffViewer):
        return redirect(f"/staff/content/feedback?{urlencode({'document': key})}")
    language = as_locale(locale, locale_of(request, viewer))
    who = _who(request, site, viewer, key)
    work = partial(
        feedback.ask, reader=reader_of(viewer), key=key, locale=language, who=who, now=site.clock(), zone=site.zone
    )
    found = await site.database.read(work)
    page = FeedbackPage(
        title=found.item.variant.title,
        href=found.item.path,
        url=f"/feedback/{key}",
        lang=found.item.variant.locale,
        revision=found.revision,
        answer=found.answer,
        reasons=[(value, word.into(locale_of(request, viewer))) for value, word in REASONS.items()],
        most=MAX_COMMENT,
    )
    return render(request, "content/feedback.html", page, viewer=viewer, nav="manuals")


@router.post("/feedback/{key}")
async def answer(
    request: Request,
    site: SiteDep,
    viewer: MaybeViewer,
    key: str,
    helpful: Annotated[Literal["yes", "no"], Form()],
    revision: Annotated[int, Form(ge=1, le=1_000_000)],
    locale: Annotated[str, Form(max_length=8)] = "",
    reason: Annotated[str, Form(max_length=10)] = "",
    comment: Annotated[str, Form(max_length=MAX_COMMENT * 2)] = "",
) -> Response:
    """Note the answer. Staff are not asked: theirs would count as a reader's."""
    if isinstance(viewer, StaffViewer):
        raise NotFound
    language = as_locale(locale, site.locale)
    said = Answer(helpful == "yes", reason, comment)
    who, now = _who(request, site, viewer, key), site.clock()
    await site.database.write(
        partial(
            feedback.answer,
            reader=reader_of(viewer),
            said=said,
            key=key,
            locale=language,
            revision=revision,
            who=who,
            now=now,
            zone=site.zone,
        )
    )
    return redirect(f"/feedback/{key}?{urlencode({'locale': language})}")


@router.get("/staff/content/feedback")
async def answers(
    request: Request, site: SiteDep, viewer: SignedInStaff, document: Annotated[str, Query(max_length=64)] = ""
) -> Response:
    """What readers say, by revision: how many, the share with its interval, the reasons and the words."""
    page = await site.database.report(
        lambda session: AnswersPage(
            tallies=feedback.tallies(session, document=document),
            comments=feedback.comments(session, document=document),
            document=document,
            words=REASONS,
            sees_customers=viewer.may("see_customers"),
        )
    )
    return render(request, "content/answers.html", page, viewer=viewer, nav="content")


def _who(request: Request, site: Site, viewer: AnyViewer | None, key: str) -> str:
    """A name for the reader that stays the same for this document, and says nothing of who a stranger is."""
    if isinstance(viewer, MemberViewer):
        return feedback.reader_of_member(viewer.member_id)
    cookie = session_cookie(request) or request.cookies.get(site.cookie("banso-form")) or ""
    return site.secrets.mac("feedback", f"{key}/{cookie}")[:40]
