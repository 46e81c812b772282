"""Where staff are told: channels added, tried, switched off and removed, by whoever connects systems."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import HTMLResponse
from sqlmodel import Session
from starlette.responses import Response

from portal.accounts.visits import ConnectsSystems, StaffViewer
from portal.kit.errors import Invalid, NotFound, by_field
from portal.kit.i18n import Message, as_locale
from portal.kit.web import Site, SiteDep, flash, page_router, redirect, render
from portal.mailing.alert_channels import (
    KIND_WORDS,
    WantedChannel,
    add_channel,
    list_channels,
    remove_channel,
    switch_channel,
    try_channel,
)
from portal.mailing.alerts import ALERT_WORDS
from portal.mailing.models import AlertChannel

router = page_router(prefix="/staff/mails/alerts")
HOME = "/staff/mails/alerts"
Line = Annotated[str, Form(max_length=4000)]


@dataclass(frozen=True)
class AlertsPage:
    """For `mailing/alerts.html`. Each channel with how many lines wait for it."""

    channels: Sequence[tuple[AlertChannel, int]]
    kinds: Mapping[str, Message]
    alerts: Mapping[str, Message]
    wanted: WantedChannel
    errors: Mapping[str, Sequence[Message]]


@router.get("")
async def channels(request: Request, site: SiteDep, viewer: ConnectsSystems) -> HTMLResponse:
    """All channels, and the form for one more."""
    blank = WantedChannel("slack", "", wants=("overdue", "silent", "bounced"), locale=site.locale)
    return await _shown(request, site, viewer, blank)


@router.post("")
async def add(
    request: Request,
    site: SiteDep,
    viewer: ConnectsSystems,
    kind: Annotated[str, Form(max_length=20)] = "",
    title: Annotated[str, Form(max_length=300)] = "",
    address: Line = "",
    room: Annotated[str, Form(max_length=100)] = "",
    token: Annotated[str, Form(max_length=500)] = "",
    wants: Annotated[list[str], Form()] = [],  # noqa: B006 - FastAPI copies it
    silent_days: Annotated[str, Form(max_length=10)] = "14",
    locale: Annotated[str, Form(max_length=5)] = "",
) -> Response:
    """Add a channel."""
    now = site.clock()
    days = int(silent_days) if silent_days.strip().isdecimal() else 0
    wanted = WantedChannel(
        kind, title, address.strip(), room, token, tuple(wants), days, as_locale(locale, site.locale)
    )

    def work(session: Session) -> None:
        policy = site.outbound.policy
        add_channel(session, wanted, secrets=site.secrets, policy=policy, by=viewer.email_key, now=now)

    try:
        await site.database.write(work)
    except Invalid as wrong:
        return await _shown(request, site, viewer, wanted, wrong)
    return _back(request, Message("The channel is added. Send a test to see that it works."))


@router.post("/{channel_id}/{act}")
async def act(request: Request, site: SiteDep, viewer: ConnectsSystems, channel_id: int, act: str) -> Response:
    """Send a test, switch off or on, or remove."""
    now = site.clock()
    said = {
        "test": Message("A test is on its way. Reload the page in a moment."),
        "off": Message("Nothing is told there any more. What comes up is not kept."),
        "on": Message("Alerts go there again."),
        "remove": Message("The channel is removed."),
    }.get(act)
    if said is None:
        raise NotFound

    def work(session: Session) -> None:
        if act == "test":
            try_channel(session, channel_id, now=now)
        elif act == "remove":
            remove_channel(session, channel_id)
        else:
            switch_channel(session, channel_id, on=act == "on", now=now)

    await site.database.write(work)
    return _back(request, said)


async def _shown(
    request: Request, site: Site, viewer: StaffViewer, wanted: WantedChannel, wrong: Invalid | None = None
) -> HTMLResponse:
    errors = by_field(wrong.problems if wrong is not None else ())
    found = await site.database.read(list_channels)
    page = AlertsPage(found, KIND_WORDS, ALERT_WORDS, wanted, errors)
    status = 422 if wrong is not None else 200
    return render(request, "mailing/alerts.html", page, viewer=viewer, nav="mails", status=status)


def _back(request: Request, said: Message) -> Response:
    response = redirect(HOME)
    flash(request, response, said)
    return response
