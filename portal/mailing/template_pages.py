"""Templates in the browser: written in two languages, looked at as one customer would get them, sent to oneself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Form, Query, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import exists, select
from sqlmodel import Session, col
from starlette.responses import Response

from portal.accounts.models import Account
from portal.accounts.service import account_by_external_id
from portal.accounts.visits import ActsForCustomers, SeesCustomers, StaffViewer
from portal.checklists.catalog import catalog
from portal.checklists.models import Enrollment
from portal.kit.errors import Conflict, FieldProblem, Invalid, by_field
from portal.kit.i18n import LOCALES, Locale, Message, as_locale
from portal.kit.mail import queue
from portal.kit.web import Site, SiteDep, flash, locale_of, page_router, redirect, render
from portal.mailing.composing import Composed, as_mail, compose
from portal.mailing.configured import terms
from portal.mailing.people import people_of
from portal.mailing.templates import (
    Template,
    Words,
    checked_texts,
    list_templates,
    new_key,
    save_template,
    take_back,
    template_by_key,
)
from portal.mailing.variables import VARIABLES, Variable
from portal.mailing.written import Filled

router = page_router(prefix="/staff/mails/templates")
HOME = "/staff/mails/templates"
Line = Annotated[str, Form(max_length=1000)]
Body = Annotated[str, Form(max_length=50_000)]
Text = Annotated[str, Query(max_length=200)]
SAMPLES = 20


@dataclass(frozen=True)
class TemplatesPage:
    """For `mailing/templates.html`."""

    templates: Sequence[Template]
    may_write: bool


@dataclass(frozen=True)
class Sample:
    """The template as one customer would get it, in one language."""

    locale: Locale
    filled: Filled


@dataclass(frozen=True)
class TemplatePage:
    """For `mailing/template.html`. `texts` are what is in the form; `samples` how it looks for `account`."""

    key: str
    is_new: bool
    template: Template | None
    title: str
    texts: Mapping[Locale, Words]
    errors: Mapping[str, Sequence[Message]]
    variables: Sequence[Variable]
    account: str
    accounts: Sequence[tuple[str, str]]
    samples: Sequence[Sample]
    may_write: bool


@dataclass(frozen=True)
class Said:
    """What the form says."""

    title: str
    texts: Mapping[Locale, Words]


@router.get("")
async def templates(request: Request, site: SiteDep, viewer: SeesCustomers) -> HTMLResponse:
    """All of them."""
    found = await site.database.read(list_templates)
    page = TemplatesPage(found, viewer.may("act_for_customers"))
    return render(request, "mailing/templates.html", page, viewer=viewer, nav="mails")


@router.get("/new")
async def new(request: Request, site: SiteDep, viewer: ActsForCustomers) -> HTMLResponse:
    """An empty one."""
    empty = Said("", {locale: Words("", "") for locale in LOCALES})
    return await _shown(request, site, viewer, new_key(), said=empty, is_new=True)


@router.get("/{key}")
async def show(request: Request, site: SiteDep, viewer: SeesCustomers, key: str, account: Text = "") -> HTMLResponse:
    """One of them, as it stands, and as one customer would get it."""
    return await _shown(request, site, viewer, key, account=account)


@router.post("/{key}")
async def act(
    request: Request,
    site: SiteDep,
    viewer: ActsForCustomers,
    key: str,
    title: Line = "",
    subject_ja: Line = "",
    body_ja: Body = "",
    subject_en: Line = "",
    body_en: Body = "",
    account: Annotated[str, Form(max_length=200)] = "",
    is_new: Annotated[str, Form(max_length=1)] = "",
    do: Annotated[str, Form(max_length=10)] = "save",
) -> Response:
    """Look at what is written, send it to oneself, or save it. What cannot be taken comes back with what is wrong."""
    now, locale = site.clock(), locale_of(request, viewer)
    said = Said(title, {"ja": Words(subject_ja, body_ja), "en": Words(subject_en, body_en)})
    try:
        texts = checked_texts(title, said.texts)
        if do == "save":
            await site.database.write(
                lambda session: save_template(session, key, title=title, texts=texts, by=viewer.email_key, now=now)
            )
            return _back(request, f"{HOME}/{key}", Message("Saved."))
        if do == "test":
            draft = Template(key, title, texts)
            await site.database.write(lambda session: _send_test(session, site, draft, account, viewer, locale))
            words = Message("A test is on its way to %(address)s.", address=viewer.email_key)
            return await _shown(request, site, viewer, key, said=said, account=account, is_new=bool(is_new), told=words)
    except Invalid as wrong:
        return await _shown(request, site, viewer, key, said=said, account=account, is_new=bool(is_new), wrong=wrong)
    return await _shown(request, site, viewer, key, said=said, account=account, is_new=bool(is_new))


@router.post("/{key}/removal")
async def remove(request: Request, site: SiteDep, viewer: ActsForCustomers, key: str) -> Response:
    """Back to the shipped text; or away, if it is one's own."""
    try:
        is_back = await site.database.write(lambda session: take_back(session, key))
    except Conflict as wrong:
        return _back(request, f"{HOME}/{key}", wrong.message, kind="bad")
    said = Message("The shipped text is back.") if is_back else Message("The template is removed.")
    return _back(request, f"{HOME}/{key}" if is_back else HOME, said)


async def _shown(
    request: Request,
    site: Site,
    viewer: StaffViewer,
    key: str,
    *,
    said: Said | None = None,
    account: str = "",
    is_new: bool = False,
    wrong: Invalid | None = None,
    told: Message | None = None,
) -> HTMLResponse:
    locale = locale_of(request, viewer)
    errors = by_field(wrong.problems if wrong is not None else ())

    def work(session: Session) -> TemplatePage:
        stored = None if is_new else template_by_key(session, key)
        form = said
        if form is None:
            assert stored is not None
            title = stored.title.into(locale) if isinstance(stored.title, Message) else stored.title
            form = Said(title, {one: stored.texts.get(one, Words("", "")) for one in LOCALES})
        known = _customers(session)
        chosen = account or (known[0][0] if known else "")
        written = {one: words for one, words in form.texts.items() if words.subject.strip() and words.body.strip()}
        samples: list[Sample] = []
        if not errors and written:
            draft = Template(key, form.title, written)
            samples = [
                Sample(one, found.filled)
                for one in written
                if (found := _as_sent(session, site, draft, chosen, one, viewer.name))
            ]
        return TemplatePage(
            key=key,
            is_new=is_new,
            template=stored,
            title=form.title,
            texts=form.texts,
            errors=errors,
            variables=tuple(VARIABLES.values()),
            account=chosen,
            accounts=known if chosen in dict(known) or not chosen else [*known, (chosen, chosen)],
            samples=samples,
            may_write=viewer.may("act_for_customers"),
        )

    page = await site.database.report(work)
    response = render(
        request, "mailing/template.html", page, viewer=viewer, nav="mails", status=422 if wrong is not None else 200
    )
    if told is not None:
        flash(request, response, told)
    return response


def _customers(session: Session) -> list[tuple[str, str]]:
    """A few to look at a template with, those under way first: of them there is most to say."""
    under_way = exists().where(
        col(Enrollment.account_id) == col(Account.id),
        col(Enrollment.completed_at).is_(None),
        col(Enrollment.withdrawn_at).is_(None),
    )
    asked = select(col(Account.external_id), col(Account.name)).where(col(Account.left_at).is_(None))
    order = (under_way.desc(), col(Account.started_at).desc(), col(Account.id))
    rows = session.connection().execute(asked.order_by(*order).limit(SAMPLES))
    return [(external_id, name) for external_id, name in rows]


def _as_sent(
    session: Session, site: Site, template: Template, account: str, locale: Locale, sender: str
) -> Composed | None:
    """The template for the first person of a customer, in their first checklist; None where there is no customer."""
    now = site.clock()
    found = account_by_external_id(session, account) if account else None
    if found is None:
        return None
    people = people_of(session, [found.id or 0], now=now).get(found.id or 0, [])
    runs = select(col(Enrollment.checklist_key)).where(
        col(Enrollment.account_id) == found.id, col(Enrollment.withdrawn_at).is_(None)
    )
    live = {one.key for one in catalog(session).live}
    keys = [key for key in session.connection().scalars(runs.order_by(col(Enrollment.id))) if key in live]
    return compose(
        session,
        site,
        template,
        found,
        name=people[0].name if people else "",
        locale=locale,
        now=now,
        checklist=keys[0] if keys else None,
        sender=sender,
    )


def _send_test(
    session: Session, site: Site, draft: Template, account: str, viewer: StaffViewer, locale: Locale
) -> None:
    """Both languages as they stand in the form, to oneself."""
    for one in draft.texts:
        composed = _as_sent(session, site, draft, account, as_locale(one), viewer.name)
        if composed is None:
            said = Message("Choose a customer to fill the places with.")
            raise Invalid(said, problems=[FieldProblem("account", "missing", said)])
        mail = as_mail(site, composed, to=viewer.email_key, terms=terms(session), letter_id=None)
        queue(session, mail, now=site.clock())


def _back(request: Request, path: str, said: Message, *, kind: str = "good") -> Response:
    response = redirect(path)
    flash(request, response, said, kind=kind)
    return response
