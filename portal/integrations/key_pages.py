"""API keys: who holds one, what it may do, when it was last used; made here, shown once, taken back here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Form, Request
from sqlmodel import Session
from starlette.responses import Response

from portal.accounts import keys
from portal.accounts.errors import NameTaken
from portal.accounts.models import ApiKey
from portal.accounts.visits import ConnectsSystems
from portal.integrations.confirming import ConfirmPage, Loss
from portal.integrations.source_acts import KeysPage, ShownKey
from portal.kit.errors import Invalid
from portal.kit.i18n import Message
from portal.kit.web import Site, SiteDep, flash, page_router, redirect, render

router = page_router(prefix="/staff/keys")
HERE = "/staff/keys"


@dataclass(frozen=True)
class ApiKeysPage:
    """For `integrations/keys.html`."""

    keys: Sequence[ApiKey]
    name: str = ""
    scope: str = "read"
    problems: Sequence[Message] = ()


@router.get("")
async def api_keys(request: Request, site: SiteDep, viewer: ConnectsSystems) -> Response:
    """Every API key, those taken back too."""
    return await _list(request, site, viewer)


@router.post("")
async def add(
    request: Request,
    site: SiteDep,
    viewer: ConnectsSystems,
    name: Annotated[str, Form(max_length=1000)] = "",
    scope: Annotated[Literal["read", "write"], Form()] = "read",
) -> Response:
    """A new key, shown this once."""
    try:
        _, secret = await site.database.write(lambda session: keys.add_api_key(session, name, scope, now=site.clock()))
    except (Invalid, NameTaken) as error:
        return await _list(request, site, viewer, name=name, scope=scope, problem=error)
    may = Message("Reads and writes.") if scope == "write" else Message("Reads.")
    page = KeysPage(
        Message("The key “%(name)s” is ready", name=name.strip()),
        Message("It is shown now and never again. Copy it to where it will live."),
        (ShownKey(Message("API key (ak_…)"), secret, may),),
        HERE,
        Message("Back to the API keys"),
    )
    return render(request, "integrations/keys_once.html", page, viewer=viewer, nav="keys")


@router.get("/{key_id}/revoke")
async def confirm_revoking(request: Request, site: SiteDep, viewer: ConnectsSystems, key_id: int) -> Response:
    """What stops when the key is taken back."""
    key = await site.database.read(lambda session: keys.api_key_of(session, key_id))
    page = ConfirmPage(
        title=Message("Revoke the API key “%(name)s”?", name=key.name),
        losses=(
            Loss(Message("Whoever calls the API with the key that ends in %(hint)s is answered 401.", hint=key.hint)),
            Loss(Message("Its last use was within an hour of the time in the list."))
            if key.last_used_at
            else Loss(Message("It was never used.")),
        ),
        keeps=Message("What was done with it stays. This cannot be undone; a new key can be made."),
        act=Message("Revoke the key"),
        action=f"{HERE}/{key_id}/revoke",
        back=HERE,
    )
    return render(request, "integrations/confirm.html", page, viewer=viewer, nav="keys")


@router.post("/{key_id}/revoke")
async def revoke(request: Request, site: SiteDep, viewer: ConnectsSystems, key_id: int) -> Response:
    """The key opens nothing any more."""

    def work(session: Session) -> None:
        keys.revoke_api_key(session, keys.api_key_of(session, key_id), now=site.clock())

    await site.database.write(work)
    response = redirect(HERE)
    flash(request, response, Message("The key is revoked and opens nothing any more."))
    return response


async def _list(
    request: Request,
    site: Site,
    viewer: ConnectsSystems,
    *,
    name: str = "",
    scope: str = "read",
    problem: Invalid | NameTaken | None = None,
) -> Response:
    found = await site.database.read(keys.list_api_keys)
    page = ApiKeysPage(found, name, scope, (problem.message,) if problem else ())
    status = problem.status if problem else 200
    return render(request, "integrations/keys.html", page, viewer=viewer, nav="keys", status=status)
