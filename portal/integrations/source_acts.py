"""What owners do with sources: add one, change its keys, take them back, rename it, and set what may send and stays."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import Form, Request
from sqlmodel import Session
from starlette.responses import Response, StreamingResponse

from portal.accounts.visits import ConnectsSystems
from portal.events import export, rotation
from portal.events.models import Source
from portal.events.reads import EventFilters
from portal.events.rotation import KeyKind, as_kind
from portal.events.sources import add_source
from portal.integrations.confirming import ConfirmPage, Loss
from portal.integrations.source_pages import (
    KEY_WORDS,
    address_of,
    head_of,
    settings_page,
    sources_page,
)
from portal.kit.errors import BansoError, Conflict, Invalid
from portal.kit.i18n import Message
from portal.kit.web import SiteDep, flash, locale_of, page_router, redirect, render

router = page_router(prefix="/staff/sources")
HOURS = 24
SENDS_NOTHING: dict[KeyKind, Message] = {
    "write-key": Message("Servers that still use the old write key are answered 401, and what they send is lost."),
    "webhook-secret": Message("Webhooks signed with the old secret are answered 401."),
    "signing-secret": Message("Widgets whose token was signed with the old secret stop working."),
}


@dataclass(frozen=True)
class ShownKey:
    """A key that is shown this once."""

    label: Message
    value: str
    means: Message


@dataclass(frozen=True)
class KeysPage:
    """For `integrations/keys_once.html`."""

    title: Message
    lead: Message
    keys: tuple[ShownKey, ...]
    onward_href: str
    onward: Message


@router.post("")
async def add(
    request: Request,
    site: SiteDep,
    viewer: ConnectsSystems,
    name: Annotated[str, Form(max_length=1000)] = "",
    origins: Annotated[str, Form(max_length=10_000)] = "",
) -> Response:
    """A new source; its keys are shown this once."""
    try:
        added = await site.database.write(
            lambda session: add_source(session, site.secrets, name=name, origins=lines_of(origins), now=site.clock())
        )
    except (Invalid, Conflict) as error:
        wrong = tuple(one.message for one in error.problems) or (error.message,)
        locale = locale_of(request, viewer)
        base = await site.database.report(lambda session: sources_page(session, site, viewer, locale))
        page = type(base)(base.rows, base.missing, base.may_manage, name=name, origins=origins, problems=wrong)
        return render(request, "integrations/sources.html", page, viewer=viewer, nav="sources", status=error.status)
    shown = (
        ShownKey(Message("Public key (pk_…)"), added.public_key, Message("For browsers. You can look it up later.")),
        ShownKey(KEY_WORDS["write-key"][0], added.write_key, KEY_WORDS["write-key"][1]),
        ShownKey(KEY_WORDS["webhook-secret"][0], added.webhook_secret, KEY_WORDS["webhook-secret"][1]),
        ShownKey(KEY_WORDS["signing-secret"][0], added.signing_secret, KEY_WORDS["signing-secret"][1]),
    )
    return render(
        request,
        "integrations/keys_once.html",
        KeysPage(
            Message("“%(name)s” is ready", name=added.name),
            Message("All but the public key are shown now and never again. Copy them to where they will live."),
            shown,
            f"{address_of(added.id)}/install",
            Message("Go on: connect your product"),
        ),
        viewer=viewer,
        nav="sources",
    )


@router.post("/{source_id}/keys/{kind}")
async def rotate_key(
    request: Request,
    site: SiteDep,
    viewer: ConnectsSystems,
    source_id: int,
    kind: str,
    hours: Annotated[int, Form(ge=-1, le=10_000)] = HOURS,
) -> Response:
    """A new key, shown this once; the old one counts for some hours more."""
    which, now = as_kind(kind), site.clock()

    def work(session: Session) -> tuple[Source, str]:
        source = rotation.source_of(session, source_id)
        fresh = rotation.rotate(session, site.secrets, source, which, now=now, overlap=timedelta(hours=hours))
        return source, fresh

    try:
        source, fresh = await site.database.write(work)
    except (Invalid, Conflict) as error:
        return _back(request, source_id, error.message, kind="bad")
    until = rotation.previous_until(source, which, now=now)
    lead = (
        Message("The old one still counts for %(hours)s hours. Until then, change whatever uses it.", hours=hours)
        if until
        else Message("The old one counts no more.")
    )
    return render(
        request,
        "integrations/keys_once.html",
        KeysPage(
            Message("A new key for “%(name)s”", name=source.name),
            lead,
            (ShownKey(KEY_WORDS[which][0], fresh, KEY_WORDS[which][1]),),
            f"{address_of(source_id)}/settings",
            Message("Back to the settings"),
        ),
        viewer=viewer,
        nav="sources",
    )


@router.get("/{source_id}/keys/{kind}/revoke")
async def confirm_ending(
    request: Request, site: SiteDep, viewer: ConnectsSystems, source_id: int, kind: str
) -> Response:
    """What stops when the old key is taken back now."""
    which = as_kind(kind)
    source = await site.database.read(lambda session: rotation.source_of(session, source_id))
    until = rotation.previous_until(source, which, now=site.clock())
    if until is None:
        return _back(request, source_id, Message("The old one counts no more already."), kind="note")
    page = ConfirmPage(
        title=Message("Take back the old key of “%(name)s” now?", name=source.name),
        losses=(Loss(KEY_WORDS[which][0]), Loss(SENDS_NOTHING[which])),
        keeps=Message("The new key goes on working."),
        act=Message("Take it back now"),
        action=f"{address_of(source_id)}/keys/{which}/revoke",
        back=f"{address_of(source_id)}/settings",
    )
    return render(request, "integrations/confirm.html", page, viewer=viewer, nav="sources")


@router.post("/{source_id}/keys/{kind}/revoke")
async def end_key(request: Request, site: SiteDep, viewer: ConnectsSystems, source_id: int, kind: str) -> Response:
    """The old key counts no more."""
    which = as_kind(kind)
    await site.database.write(
        lambda session: rotation.end_previous(session, rotation.source_of(session, source_id), which)
    )
    return _back(request, source_id, Message("The old key counts no more."))


@router.get("/{source_id}/revoke")
async def confirm_revoking(request: Request, site: SiteDep, viewer: ConnectsSystems, source_id: int) -> Response:
    """What stops when the source is revoked."""
    source = await site.database.read(lambda session: rotation.source_of(session, source_id))
    page = ConfirmPage(
        title=Message("Revoke the source “%(name)s”?", name=source.name),
        losses=(
            Loss(Message("Servers that send with its write key are answered 401, and what they send is lost.")),
            Loss(Message("Browsers with its public key send nothing any more.")),
            Loss(Message("Webhooks to it are refused, and widgets with its tokens stop working.")),
            Loss(Message("Checklist steps that wait for its events are not ticked any more.")),
        ),
        keeps=Message(
            "What it has sent stays, with all that it proved. This cannot be undone; a new source can be added."
        ),
        act=Message("Revoke the source"),
        action=f"{address_of(source_id)}/revoke",
        back=f"{address_of(source_id)}/settings",
    )
    return render(request, "integrations/confirm.html", page, viewer=viewer, nav="sources")


@router.post("/{source_id}/revoke")
async def revoke(request: Request, site: SiteDep, viewer: ConnectsSystems, source_id: int) -> Response:
    """Nothing is taken from it any more."""
    await site.database.write(
        lambda session: rotation.revoke(session, rotation.source_of(session, source_id), now=site.clock())
    )
    return _back(request, source_id, Message("The source is revoked. Nothing is taken from it any more."))


@router.post("/{source_id}/settings")
async def change(
    request: Request,
    site: SiteDep,
    viewer: ConnectsSystems,
    source_id: int,
    name: Annotated[str, Form(max_length=1000)] = "",
    origins: Annotated[str, Form(max_length=10_000)] = "",
    months: Annotated[str, Form(max_length=10)] = "",
    proof: Annotated[str, Form(max_length=20)] = "signature",
    limit: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Name, origins, proof, limit, and how long raw events are kept: all of them, or none and what is wrong."""
    now = site.clock()
    kept = int(months) if months.isascii() and months.isdecimal() else 0
    most = int(limit or "0") if limit.isascii() and (limit or "0").isdecimal() else -1
    changes: dict[str, Callable[[Session, Source], None]] = {
        "name": lambda session, source: rotation.rename(session, source, name),
        "origins": lambda session, source: rotation.allow_origins(session, source, lines_of(origins)),
        "months": lambda session, source: rotation.keep_for(session, source, kept),
        "proof": lambda session, source: rotation.take_webhooks_by(session, source, proof),
        "limit": lambda session, source: rotation.limit_to(session, source, most),
    }

    def work(session: Session) -> None:
        source = rotation.source_of(session, source_id)
        problems: dict[str, list[Message]] = {}
        for field, make in changes.items():
            try:
                make(session, source)
            except (Invalid, Conflict) as error:
                problems[field] = [error.message]
        if problems:
            raise _Wrong(problems)

    try:
        await site.database.write(work)
    except _Wrong as wrong:
        head = await site.database.read(lambda session: head_of(session, source_id, viewer, now=now))
        given = {"name": name, "origins": origins, "months": months, "proof": proof, "limit": limit}
        page = settings_page(head, site, now=now, problems=wrong.by_field, given=given)
        return render(request, "integrations/settings.html", page, viewer=viewer, nav="sources", status=422)
    return _back(request, source_id, Message("The settings are saved."))


@router.get("/{source_id}/events.jsonl")
async def download(request: Request, site: SiteDep, viewer: ConnectsSystems, source_id: int) -> Response:
    """All raw events of the source, one JSON object a line."""
    source = await site.database.read(lambda session: rotation.source_of(session, source_id))
    lines: AsyncIterator[bytes] = export.jsonl(site.database, EventFilters(source_id=source_id))
    return StreamingResponse(
        lines,
        media_type=export.MEDIA_TYPE,
        headers=export.as_file(f"events-{source.name}"),
    )


class _Wrong(BansoError):
    """Raised to undo a change of which a part cannot be taken."""

    status = 422

    def __init__(self, by_field: dict[str, list[Message]]) -> None:
        super().__init__(Message("Nothing was changed."))
        self.by_field = by_field


def lines_of(text: str) -> list[str]:
    """What is written one a line, without the empty ones."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def _back(request: Request, source_id: int, said: Message, *, kind: str = "good") -> Response:
    response = redirect(f"{address_of(source_id)}/settings")
    flash(request, response, said, kind=kind)
    return response
