"""What every page stands on: the site, the reader's language, forms that cannot be forged, and the shell around a page.

A route takes `SiteDep`, does one unit of work, and answers with `render` or `redirect`.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, Any, Protocol, TypeVar
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import orjson
from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response
from starlette.routing import Match

from portal.kit import i18n
from portal.kit.addresses import Network
from portal.kit.db import Database
from portal.kit.errors import Forbidden, TooLarge
from portal.kit.following import Follow, Followed, nobody
from portal.kit.i18n import LOCALES, Locale, Message, as_locale, preferred_locale
from portal.kit.mail import Mailer
from portal.kit.outbound import Outbound
from portal.kit.secrets import Secrets, new_token
from portal.kit.templating import Templates

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
LARGEST_FORM = 1_250_000
"""A text of a megabyte, and the fields around it."""
MOST_FIELDS = 10_000
"""A checklist of a hundred steps, each with its condition."""
YEAR = 365 * 24 * 3600
E = TypeVar("E", bound=Callable[..., object])


@dataclass(frozen=True)
class Site:
    """One running installation: what the composition root made of the settings."""

    database: Database
    secrets: Secrets
    templates: Templates
    mailer: Mailer
    clock: Callable[[], datetime]
    zone: ZoneInfo
    locale: Locale
    base_url: str
    vendor_name: str
    link_minutes: int
    session_days: int
    trusted_proxies: str
    events_per_second: int = 50_000
    outbound: Outbound = field(default_factory=Outbound)
    metrics_from: Sequence[Network] = ()
    upload_bytes: int = 100_000_000
    audit_days: int = 730
    mail_sender: str = ""
    follow: Follow = nobody
    """Told of each unit of work in which a form of a page writes."""

    @property
    def https(self) -> bool:
        """Whether people reach it by HTTPS."""
        return self.base_url.startswith("https://")

    def cookie(self, name: str) -> str:
        """The name of a cookie, bound to this host alone where HTTPS allows it."""
        return f"__Host-{name}" if self.https else name


class Viewer(Protocol):
    """Whoever is signed in, as far as the shell of a page needs to know."""

    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def account_name(self) -> str: ...
    @property
    def is_admin(self) -> bool: ...
    @property
    def rights(self) -> Collection[str]: ...
    @property
    def locale(self) -> str | None: ...
    @property
    def memberships(self) -> Sequence[tuple[int, str]]: ...


@dataclass(frozen=True)
class Shell:
    """What a layout knows around its page."""

    locale: Locale
    vendor_name: str
    viewer: Viewer | None
    csrf: str
    path: str
    nav: str
    language_urls: Mapping[Locale, str]
    flash: Sequence[tuple[str, str]]
    memberships: Sequence[tuple[int, str]] = field(default=())
    rights: Collection[str] = field(default=())
    looking: Looking | None = None


class Looking(Protocol):
    """A viewer who is not who the page is for, as far as the shell needs to know: see `accounts.looking`."""

    @property
    def name(self) -> str: ...
    @property
    def account_name(self) -> str: ...
    @property
    def looking(self) -> object: ...


def site_of(request: Request) -> Site:
    """The site this request is for."""
    site: Site = request.app.state.site
    return site


async def _site(request: Request) -> Site:
    """The dependency, async: a sync one would cost each request a hop to another thread."""
    site = site_of(request)
    if request.method in SAFE_METHODS:
        return site
    return replace(site, database=Followed(site.database, request, site.follow))


SiteDep = Annotated[Site, Depends(_site)]


def path_of(request: Request) -> str:
    """The path as `request.url` has it. To put an address together and take it apart again costs as much as a read."""
    path: str = request.scope["path"]
    return path if _PLAIN_PATH.fullmatch(path) else request.url.path


_PLAIN_PATH = re.compile(r"(?!//)[\w/.~-]*")


def locale_of(request: Request, viewer: Viewer | None = None) -> Locale:
    """The reader's language: `?lang=`, then their own choice, then what their browser asks for, then the vendor's."""
    chosen = request.query_params.get("lang")
    if chosen in LOCALES:
        return as_locale(chosen)
    site = site_of(request)
    if viewer is not None and viewer.locale:
        return as_locale(viewer.locale, site.locale)
    kept = request.cookies.get(site.cookie("banso-lang"), "")
    if kept in LOCALES:
        return as_locale(kept)
    return preferred_locale(request.headers.get("accept-language", ""), site.locale)


# --- forms ------------------------------------------------------------------------------------------------------------


def session_cookie(request: Request) -> str | None:
    """The token of the signed-in browser, if it shows one."""
    return request.cookies.get(site_of(request).cookie("banso"))


def csrf_token(request: Request) -> str:
    """What a form of this browser must carry: bound to its session, or to a cookie given out with the form."""
    secrets = site_of(request).secrets
    return secrets.mac("csrf", session_cookie(request) or _form_cookie(request))


def _form_cookie(request: Request) -> str:
    kept: str | None = request.cookies.get(site_of(request).cookie("banso-form"))
    if kept:
        return kept
    if not hasattr(request.state, "form_cookie"):
        request.state.form_cookie = new_token(size=16)
    fresh: str = request.state.form_cookie
    return fresh


async def check_csrf(request: Request) -> None:
    """Refuse a form that did not come from a page of ours (403), or that no page of ours could send (413)."""
    if request.method in SAFE_METHODS:
        return
    site = site_of(request)
    takes_files = getattr(request.scope.get("endpoint"), "takes_files", False)
    most = LARGEST_FORM + (site.upload_bytes if takes_files else 0)
    told = request.headers.get("content-length", "")
    if "transfer-encoding" in request.headers or (told.isdecimal() and int(told) > most):
        raise TooLarge(Message("This form is too large. Nothing was changed."))
    given: object = request.headers.get("x-csrf-token")
    if given is None:
        given = (await request.form(max_fields=MOST_FIELDS)).get("csrf")
    cookie = session_cookie(request) or request.cookies.get(site.cookie("banso-form"))
    if not isinstance(given, str) or not cookie or not site.secrets.verify("csrf", cookie, given):
        raise Forbidden(
            Message("This form is no longer valid. Nothing was changed. Please go back, reload the page and try again.")
        )


def takes_files(endpoint: E) -> E:
    """Mark a route whose form may carry files, so that it may be as large as the installation takes them.

    Who may send it is asked before its body is read: give such routes a router with a `door`.
    """
    endpoint.takes_files = True  # type: ignore[attr-defined]
    return endpoint


def answers(request: Request, path: str) -> bool:
    """Whether this portal has a page at `path`: what one room links to, another may bring."""
    scope = {**request.scope, "path": path, "raw_path": path.encode(), "method": "GET", "root_path": ""}
    return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)


def page_router(*, prefix: str = "", door: Callable[..., object] | None = None) -> APIRouter:
    """A router of pages: every form on it is checked, and it is no part of the machine interface.

    `door` is a dependency that turns away whoever must not come in, before anything of a form is read.
    """
    return APIRouter(
        prefix=prefix,
        dependencies=[*([Depends(door)] if door else []), Depends(check_csrf)],
        include_in_schema=False,
        default_response_class=HTMLResponse,
    )


# --- answers ----------------------------------------------------------------------------------------------------------


def shell(request: Request, viewer: Viewer | None, nav: str = "") -> Shell:
    """The shell for a page of this request."""
    site = site_of(request)
    locale = locale_of(request, viewer)
    query = request.query_params.multi_items()
    kept = urlencode([(key, value) for key, value in query if key != "lang"]) if query else ""
    path = path_of(request)
    asked = f"{path}?{kept}&lang=" if kept else f"{path}?lang="
    return Shell(
        locale=locale,
        vendor_name=site.vendor_name,
        viewer=viewer,
        csrf=csrf_token(request),
        path=path,
        nav=nav,
        language_urls={other: asked + other for other in LOCALES},
        flash=_read_flash(request, locale),
        memberships=viewer.memberships if viewer else (),
        rights=viewer.rights if viewer else (),
        looking=getattr(request.state, "looking", None),
    )


def render(
    request: Request,
    template: str,
    page: object,
    *,
    viewer: Viewer | None = None,
    nav: str = "",
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """The page in the reader's language; `page` is what the template calls `page`."""
    site = site_of(request)
    around = shell(request, viewer, nav)
    body = site.templates.render(around.locale, template, {"page": page, "shell": around})
    response = HTMLResponse(body, status_code=status, headers={"Cache-Control": "private, no-store", **(headers or {})})
    dress(request, response, around.locale)
    return response


def dress(request: Request, response: Response, locale: Locale) -> None:
    """The headers and cookies every page carries."""
    site = site_of(request)
    response.headers["Content-Language"] = locale
    if not session_cookie(request) and hasattr(request.state, "form_cookie"):
        set_cookie(site, response, "banso-form", request.state.form_cookie)
    if request.query_params.get("lang") in LOCALES:
        set_cookie(site, response, "banso-lang", locale, max_age=YEAR)
    if site.cookie("banso-flash") in request.cookies:
        delete_cookie(site, response, "banso-flash")


def redirect(path: str, *, status: int = 303) -> RedirectResponse:
    """On to `path`, a path of ours."""
    return RedirectResponse(path, status_code=status)


def set_cookie(site: Site, response: Response, name: str, value: str, *, max_age: int | None = None) -> None:
    """A cookie no script reads and no other site sends."""
    response.set_cookie(
        site.cookie(name), value, max_age=max_age, path="/", secure=site.https, httponly=True, samesite="lax"
    )


def delete_cookie(site: Site, response: Response, name: str) -> None:
    """Take a cookie back."""
    response.delete_cookie(site.cookie(name), path="/", secure=site.https, httponly=True, samesite="lax")


# --- a word on the next page ------------------------------------------------------------------------------------------


def flash(request: Request, response: Response, message: Message, *, kind: str = "good") -> None:
    """Show `message` once, on the next page; `kind` is good, warn or bad. Signed: no link can put words there."""
    site = site_of(request)
    packed = base64.urlsafe_b64encode(orjson.dumps([kind, i18n.packed(message)])).decode()
    set_cookie(site, response, "banso-flash", f"{packed}.{site.secrets.mac('flash', packed)}", max_age=60)


def _read_flash(request: Request, locale: Locale) -> list[tuple[str, str]]:
    site = site_of(request)
    packed, _, mac = request.cookies.get(site.cookie("banso-flash"), "").partition(".")
    if not packed or not site.secrets.verify("flash", packed, mac):
        return []
    kind, message = orjson.loads(base64.urlsafe_b64decode(packed))
    return [(kind, i18n.unpacked(message).into(locale))]


def etag(*parts: Any) -> str:
    """A weak validator over everything a page was made of."""
    return f'W/"{hashlib.sha256(repr(parts).encode()).hexdigest()[:24]}"'


def not_modified(request: Request, tag: str) -> Response | None:
    """A 304 where the browser already has `tag`."""
    asked = [part.strip() for part in request.headers.get("if-none-match", "").split(",")]
    if tag in asked or "*" in asked:
        return Response(status_code=304, headers={"ETag": tag, "Cache-Control": "private, no-cache"})
    return None
