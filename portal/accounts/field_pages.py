"""Fields of the vendor's own: which traits staff see, keep and filter by, and what they are called."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Form, Request
from sqlmodel import Session
from starlette.responses import Response

from portal.accounts.own_fields import KINDS, keep_field, own_fields, remove_field
from portal.accounts.records import AccountField
from portal.accounts.visits import ActsForCustomers, StaffViewer
from portal.kit.errors import Conflict, Invalid, NotFound, by_field
from portal.kit.i18n import LOCALES, Message
from portal.kit.web import Site, SiteDep, flash, page_router, redirect, render

router = page_router(prefix="/staff/fields")
Line = Annotated[str, Form(max_length=200)]
Lines = Annotated[str, Form(max_length=10_000)]


@dataclass(frozen=True)
class FieldsPage:
    """For `accounts/fields.html`. `texts` is the form as it was typed; `editing` the key of the field in it, if any."""

    fields: Sequence[AccountField]
    kinds: Mapping[str, Message]
    texts: Mapping[str, str]
    editing: str = ""
    errors: Mapping[str, Sequence[Message]] = field(default_factory=dict)


@router.get("")
async def fields(request: Request, site: SiteDep, viewer: ActsForCustomers, edit: str = "") -> Response:
    """All fields, and a form for a new one or one of them."""
    found = await site.database.read(own_fields)
    one = next((one for one in found if one.key == edit), None)
    texts = {} if one is None else {"key": one.key, "kind": one.kind, "choices": "\n".join(one.choices)}
    if one is not None:
        texts |= {f"label_{locale}": one.label.get(locale, "") for locale in LOCALES}
        texts["is_filter"] = "1" if one.is_filter else ""
    return _show(request, viewer, FieldsPage(found, KINDS, texts, one.key if one else ""))


@router.post("")
async def keep(
    request: Request,
    site: SiteDep,
    viewer: ActsForCustomers,
    key: Line = "",
    label_ja: Line = "",
    label_en: Line = "",
    kind: Line = "text",
    choices: Lines = "",
    is_filter: Line = "",
    editing: Line = "",
) -> Response:
    """A new field, or one as it is to be."""
    texts = {"key": key, "label_ja": label_ja, "label_en": label_en, "kind": kind, "choices": choices}
    texts["is_filter"] = is_filter
    label: dict[str, str] = {one: said for one in LOCALES if (said := texts[f"label_{one}"].strip())}

    def work(session: Session) -> None:
        keep_field(
            session,
            key=editing or key.strip(),
            label=label,
            kind=kind,
            choices=[one.strip() for one in choices.splitlines() if one.strip()],
            is_filter=bool(is_filter),
            is_new=not editing,
        )

    try:
        await site.database.write(work)
    except (Invalid, Conflict) as refused:
        errors = by_field(refused.problems)
        found = await site.database.read(own_fields)
        page = FieldsPage(found, KINDS, texts, editing, errors or {"key": [refused.message]})
        return _show(request, viewer, page, status=422)
    return _back(request, Message("Saved."))


@router.post("/{key}/remove")
async def remove(request: Request, site: SiteDep, _viewer: ActsForCustomers, key: str) -> Response:
    """Show it no more; what the traits say stays."""
    if not key:
        raise NotFound
    await _remove(site, key)
    return _back(request, Message("The field is no longer shown. What your systems sent is still there."))


async def _remove(site: Site, key: str) -> None:
    await site.database.write(lambda session: remove_field(session, key))


def _show(request: Request, viewer: StaffViewer, page: FieldsPage, *, status: int = 200) -> Response:
    return render(request, "accounts/fields.html", page, viewer=viewer, nav="fields", status=status)


def _back(request: Request, said: Message) -> Response:
    response = redirect("/staff/fields")
    flash(request, response, said)
    return response
