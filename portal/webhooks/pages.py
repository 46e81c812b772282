"""Webhook endpoints at the staff desk, for whoever connects systems."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import Form, Query, Request
from fastapi.responses import HTMLResponse
from sqlmodel import Session
from starlette.responses import Response

from portal.accounts.visits import ConnectsSystems, StaffViewer
from portal.kit.errors import Invalid, NotFound, by_field
from portal.kit.i18n import Message
from portal.kit.web import SiteDep, flash, page_router, redirect, render
from portal.webhooks import log, service
from portal.webhooks.forms import since_of, wanted_of
from portal.webhooks.log import Entry, WholeEntry
from portal.webhooks.models import Endpoint
from portal.webhooks.rules import EVENT_TYPES
from portal.webhooks.service import Wanted

router = page_router(prefix="/staff/webhooks")
HOME = "/staff/webhooks"
PER_PAGE = 50
BECAUSE = {
    "person": Message("Disabled by hand"),
    "failing": Message("Disabled: no delivery succeeded for five days"),
    "gone": Message("Disabled: it answered 410 Gone"),
}


@dataclass(frozen=True)
class EndpointsPage:
    """For `webhooks/list.html`."""

    endpoints: Sequence[Endpoint]
    because: Mapping[str, Message]


@dataclass(frozen=True)
class FormPage:
    """For `webhooks/form.html`; `key` is that of the endpoint, new or old. `errors` by field."""

    key: str
    is_new: bool
    wanted: Wanted
    everything: bool
    headers: str
    kept_headers: Sequence[str]
    types: Mapping[str, Message]
    errors: Mapping[str, Sequence[Message]]


@dataclass(frozen=True)
class SecretPage:
    """For `webhooks/secret.html`: shown once."""

    key: str
    url: str
    secret: str
    until: datetime | None


@dataclass(frozen=True)
class EndpointPage:
    """For `webhooks/show.html`."""

    endpoint: Endpoint
    status: Message
    tone: str
    headers: Sequence[str]
    attempts: Sequence[Entry]
    failed_only: bool
    older_href: str
    waiting: int
    rotates_until: datetime | None
    now: datetime


@dataclass(frozen=True)
class AttemptPage:
    """For `webhooks/attempt.html`."""

    endpoint: Endpoint
    whole: WholeEntry


@router.get("")
async def endpoints(request: Request, site: SiteDep, viewer: ConnectsSystems) -> HTMLResponse:
    """All endpoints and how they stand."""
    found = await site.database.read(service.list_endpoints)
    page = EndpointsPage(endpoints=found, because=BECAUSE)
    return render(request, "webhooks/list.html", page, viewer=viewer, nav="webhooks")


@router.get("/new")
async def new(request: Request, viewer: ConnectsSystems) -> HTMLResponse:
    """The form for one more."""
    return _form(request, viewer, service.new_key(), Wanted(""), everything=True, is_new=True)


@router.post("")
async def add(
    request: Request,
    site: SiteDep,
    viewer: ConnectsSystems,
    key: Annotated[str, Form(pattern=r"^we_[A-Za-z0-9_-]{20}$")],
    url: Annotated[str, Form(max_length=4000)] = "",
    description: Annotated[str, Form(max_length=200)] = "",
    everything: Annotated[str, Form()] = "",
    event_types: Annotated[list[str], Form()] = [],  # noqa: B006 - FastAPI copies it
    headers: Annotated[str, Form(max_length=50_000)] = "",
) -> Response:
    """Add an endpoint and show its secret. The key comes with the form, so sending it twice adds one."""
    now = site.clock()

    def work(session: Session) -> tuple[str, str] | None:
        if any(one.key == key for one in service.list_endpoints(session)):
            return None
        policy = site.outbound.policy
        endpoint, secret = service.add_endpoint(
            session, wanted, secrets=site.secrets, policy=policy, by=viewer.email_key, now=now, key=key
        )
        return endpoint.url, secret

    try:
        wanted = wanted_of(url, description, everything, event_types, headers, policy=site.outbound.policy)
        added = await site.database.write(work)
    except Invalid as error:
        said = Wanted(url, description, event_types)
        return _form(request, viewer, key, said, everything=bool(everything), headers=headers, error=error, is_new=True)
    if added is None:
        return redirect(f"{HOME}/{key}")
    page = SecretPage(key=key, url=added[0], secret=added[1], until=None)
    return render(request, "webhooks/secret.html", page, viewer=viewer, nav="webhooks")


@router.get("/{key}")
async def show(
    request: Request,
    site: SiteDep,
    viewer: ConnectsSystems,
    key: str,
    failed: Annotated[str, Query(max_length=1)] = "",
    before: Annotated[int, Query(ge=0, le=2**53)] = 0,
) -> HTMLResponse:
    """One endpoint, how it stands, and the log of its attempts."""
    now = site.clock()

    def work(session: Session) -> EndpointPage:
        endpoint = service.endpoint_by_key(session, key)
        found = log.list_attempts(session, endpoint, before=before, limit=PER_PAGE + 1, failed_only=bool(failed))
        shown = found[:PER_PAGE]
        status, tone = _status(endpoint)
        more = f"{HOME}/{key}?before={shown[-1].id}{'&failed=1' if failed else ''}" if len(found) > PER_PAGE else ""
        rotating = endpoint.previous_until is not None and endpoint.previous_until > now
        return EndpointPage(
            endpoint=endpoint,
            status=status,
            tone=tone,
            headers=service.header_names(endpoint, site.secrets),
            attempts=shown,
            failed_only=bool(failed),
            older_href=more,
            waiting=log.waiting_for(session, endpoint),
            rotates_until=endpoint.previous_until if rotating else None,
            now=now,
        )

    page = await site.database.read(work)
    return render(request, "webhooks/show.html", page, viewer=viewer, nav="webhooks")


@router.get("/{key}/edit")
async def edit(request: Request, site: SiteDep, viewer: ConnectsSystems, key: str) -> HTMLResponse:
    """The form for this one."""

    def work(session: Session) -> tuple[Wanted, Sequence[str]]:
        endpoint = service.endpoint_by_key(session, key)
        names = service.header_names(endpoint, site.secrets)
        return Wanted(endpoint.url, endpoint.description, endpoint.event_types), names

    wanted, names = await site.database.read(work)
    return _form(request, viewer, key, wanted, everything=not wanted.event_types, kept=names)


@router.post("/{key}/edit")
async def change(
    request: Request,
    site: SiteDep,
    viewer: ConnectsSystems,
    key: str,
    url: Annotated[str, Form(max_length=4000)] = "",
    description: Annotated[str, Form(max_length=200)] = "",
    everything: Annotated[str, Form()] = "",
    event_types: Annotated[list[str], Form()] = [],  # noqa: B006 - FastAPI copies it
    headers: Annotated[str, Form(max_length=50_000)] = "",
) -> Response:
    """Change what is said of an endpoint."""

    def work(session: Session) -> None:
        service.change_endpoint(session, key, wanted, secrets=site.secrets, policy=site.outbound.policy)

    try:
        wanted = wanted_of(url, description, everything, event_types, headers, policy=site.outbound.policy)
        await site.database.write(work)
    except Invalid as error:
        said = Wanted(url, description, event_types)
        return _form(request, viewer, key, said, everything=bool(everything), headers=headers, error=error)
    return _back(request, key, Message("Saved."))


@router.post("/{key}/secret")
async def rotate(request: Request, site: SiteDep, viewer: ConnectsSystems, key: str) -> HTMLResponse:
    """A new secret, shown once; both sign for a day."""
    now = site.clock()

    def work(session: Session) -> SecretPage:
        endpoint, secret = service.rotate_secret(session, key, secrets=site.secrets, now=now)
        return SecretPage(key=key, url=endpoint.url, secret=secret, until=endpoint.previous_until)

    page = await site.database.write(work)
    return render(request, "webhooks/secret.html", page, viewer=viewer, nav="webhooks")


@router.post("/{key}/recover")
async def recover(
    request: Request, site: SiteDep, viewer: ConnectsSystems, key: str, since: Annotated[str, Form(max_length=10)] = ""
) -> Response:
    """Send again what never arrived since a day."""
    now = site.clock()
    try:
        start = since_of(since, zone=site.zone)
        count = await site.database.write(lambda session: service.recover(session, key, since=start, now=now))
    except Invalid as error:
        return _back(request, key, error.message, kind="bad")
    return _back(request, key, Message("%(count)s messages are on their way again.", count=count))


@router.post("/{key}/messages/{message}/replay")
async def replay(request: Request, site: SiteDep, viewer: ConnectsSystems, key: str, message: str) -> Response:
    """Send one message again."""
    now = site.clock()
    await site.database.write(lambda session: service.replay(session, key, message, now=now))
    return _back(request, key, Message("The message is on its way. Reload the page in a moment."))


@router.post("/{key}/remove")
async def remove(request: Request, site: SiteDep, viewer: ConnectsSystems, key: str) -> Response:
    """Remove an endpoint with its log."""
    await site.database.write(lambda session: service.remove_endpoint(session, key))
    response = redirect(HOME)
    flash(request, response, Message("The endpoint is removed."))
    return response


@router.post("/{key}/{act}")
async def act(request: Request, site: SiteDep, viewer: ConnectsSystems, key: str, act: str) -> Response:
    """Send a test, disable, enable, or let the previous secret go."""
    now = site.clock()
    acts: dict[str, tuple[Callable[[Session], Any], Message]] = {
        "test": (
            lambda session: service.send_test(session, key, now=now),
            Message("A test is on its way. Reload the page in a moment."),
        ),
        "disable": (
            lambda session: service.disable_endpoint(session, key, now=now),
            Message("Nothing is sent any more. What happens meanwhile is kept."),
        ),
        "enable": (lambda session: service.enable_endpoint(session, key), Message("Deliveries go out again.")),
        "forget-previous-secret": (
            lambda session: service.forget_previous_secret(session, key),
            Message("Only the new secret signs from now on."),
        ),
    }
    if act not in acts:
        raise NotFound
    doing, said = acts[act]
    await site.database.write(doing)
    return _back(request, key, said)


@router.get("/{key}/attempts/{attempt}")
async def attempt(request: Request, site: SiteDep, viewer: ConnectsSystems, key: str, attempt: int) -> HTMLResponse:
    """One attempt: what was sent, what was answered."""

    def work(session: Session) -> AttemptPage:
        endpoint = service.endpoint_by_key(session, key)
        whole = log.show_attempt(session, endpoint, attempt)
        return AttemptPage(endpoint=endpoint, whole=whole)

    page = await site.database.read(work)
    return render(request, "webhooks/attempt.html", page, viewer=viewer, nav="webhooks")


def _status(endpoint: Endpoint) -> tuple[Message, str]:
    if endpoint.disabled_at is not None:
        return BECAUSE[endpoint.disabled_because or "person"], "bad"
    return (Message("Failing"), "warn") if endpoint.failing_since is not None else (Message("Active"), "good")


def _form(
    request: Request,
    viewer: StaffViewer,
    key: str,
    wanted: Wanted,
    *,
    everything: bool,
    headers: str = "",
    kept: Sequence[str] = (),
    error: Invalid | None = None,
    is_new: bool = False,
) -> HTMLResponse:
    errors = by_field(error.problems if error is not None else ())
    page = FormPage(
        key=key,
        is_new=is_new,
        wanted=wanted,
        everything=everything,
        headers=headers,
        kept_headers=kept,
        types=EVENT_TYPES,
        errors=errors,
    )
    status = 422 if error is not None else 200
    return render(request, "webhooks/form.html", page, viewer=viewer, nav="webhooks", status=status)


def _back(request: Request, key: str, said: Message, *, kind: str = "good") -> Response:
    response = redirect(f"{HOME}/{key}")
    flash(request, response, said, kind=kind)
    return response
