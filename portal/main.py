"""The composition root: settings become a database, pages and the machine door, and nothing imports this.

`portal → api` happens here and nowhere else: the api is mounted as an application of its own, so that JSON errors, CORS
and OpenAPI belong to it alone.
"""

import asyncio
import contextlib
import gc
import re
import signal
from collections.abc import AsyncIterator, Iterator

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from api.app import build_api
from api.app import close as close_api
from portal.accounts import pages as accounts_pages
from portal.accounts import trail_door, visits
from portal.checklists import pages as checklists_pages
from portal.content import feed_pages, feedback_pages
from portal.content import pages as content_pages
from portal.desk import pages as desk_pages
from portal.finding import pages as finding_pages
from portal.insights import import_pages
from portal.insights import pages as insights_pages
from portal.integrations import pages as integrations_pages
from portal.jobs import pages as jobs_pages
from portal.jobs import registry
from portal.kit import failures, migrations
from portal.kit.addresses import Policy, networks
from portal.kit.clock import utcnow
from portal.kit.db import open_database
from portal.kit.headers import SecurityHeaders
from portal.kit.mail import ConsoleMailer, Mailer, SmtpMailer
from portal.kit.outbound import Outbound
from portal.kit.paths import bundled
from portal.kit.secrets import Secrets
from portal.kit.server import when_asked_to_stop
from portal.kit.telemetry import telemetry
from portal.kit.templating import Assets, Templates
from portal.kit.web import Site, site_of
from portal.listening import subscribe
from portal.mailing import pages as mailing_pages
from portal.mailing import reader_pages as mailing_reader_pages
from portal.mailing.bounces import return_paths
from portal.media import pages as media_pages
from portal.media import staff_pages as media_staff_pages
from portal.settings import Settings
from portal.studio import pages as studio_pages
from portal.touch import pages as touch_pages
from portal.tutorials import pages as tutorials_pages
from portal.webhooks import pages as webhooks_pages
from portal.widget import pages as widget_pages
from portal.workdays import pages as workdays_pages
from portal.workshop import pages as workshop_pages

YEAR_SECONDS = 31_536_000


def site_from(settings: Settings) -> Site:
    """An installation as the settings describe it."""
    secrets = Secrets(settings.secret, settings.secret_key_previous)
    return Site(
        database=open_database(settings.database_url, zone=settings.zone, secrets=secrets),
        secrets=secrets,
        templates=Templates(assets=Assets(bundled("static", "dist")), zone=settings.zone),
        mailer=mailer_from(settings),
        clock=utcnow,
        zone=settings.zone,
        locale=settings.locale,
        base_url=settings.base_url.rstrip("/"),
        vendor_name=settings.vendor_name,
        link_minutes=settings.link_minutes,
        session_days=settings.session_days,
        trusted_proxies=settings.trusted_proxies,
        events_per_second=settings.events_per_second,
        outbound=Outbound(Policy.parse(settings.outbound_allow)),
        metrics_from=networks(settings.metrics_from),
        upload_bytes=settings.upload_mb * 1_000_000,
        follow=trail_door.follow,
        audit_days=settings.audit_days,
        mail_sender=settings.sender,
    )


def mailer_from(settings: Settings) -> Mailer:
    """The real mail server, or the console where none is set."""
    if settings.smtp_url:
        secrets = Secrets(settings.secret, settings.secret_key_previous)
        return SmtpMailer(
            url=settings.smtp_url,
            sender=settings.sender,
            sender_name=settings.vendor_name,
            returns=return_paths(secrets, settings.bounce_to),
        )
    return ConsoleMailer(sender=settings.sender)


def build(settings: Settings, *, with_worker: bool = False, site: Site | None = None) -> FastAPI:
    """The portal with the machine door at `/api`. `with_worker` runs background work in the same process."""
    home = site or site_from(settings)
    door = build_api(home)
    subscribe()

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        _settle()
        stop = asyncio.Event()
        when_asked_to_stop(door.state.live.send_home)
        working = asyncio.create_task(registry.worker(home).run(stop)) if with_worker else None
        try:
            yield
        finally:
            stop.set()
            if working is not None:
                await working
            await close_api(door)
            await home.outbound.close()
            await home.database.close()

    app = FastAPI(
        title=home.vendor_name,
        lifespan=lifespan,
        telemetry=telemetry(),
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.state.site = home
    app.add_middleware(SecurityHeaders, https=home.https)
    failures.install(app)
    app.add_exception_handler(visits.SignInNeeded, visits.ask_to_sign_in)
    # The most asked for first: routes are tried in this order. Those of an article and of the search, which are plain
    # ones, are put before their own routers too: looking through one for them costs as much as their reader.
    app.router.routes.extend(route for pages in (content_pages, finding_pages) for route in _plain(pages.router))
    mounted = Mount("/api", door)
    # An encoded line break belongs to the path too: without this such an address would be answered as a page.
    mounted.path_regex = re.compile(mounted.path_regex.pattern, re.DOTALL)
    app.router.routes.append(mounted)
    app.add_api_route("/healthz", healthz, methods=["GET", "HEAD"], include_in_schema=False)
    app.add_api_route("/readyz", readyz, methods=["GET", "HEAD"], include_in_schema=False)
    app.add_api_route("/metrics", jobs_pages.show_metrics, methods=["GET"], include_in_schema=False)
    for pages in (
        content_pages,
        finding_pages,
        desk_pages,
        accounts_pages,
        feed_pages,
        feedback_pages,
        tutorials_pages,
        checklists_pages,
        integrations_pages,
        studio_pages,
        insights_pages,
        import_pages,
        webhooks_pages,
        jobs_pages,
        mailing_pages,
        mailing_reader_pages,
        media_pages,
        media_staff_pages,
        widget_pages,
        workdays_pages,
        workshop_pages,
        touch_pages,
    ):
        app.include_router(pages.router)
    app.mount("/static", HashedFiles(directory=bundled("static", "dist"), check_dir=False))
    return app


def _plain(router: APIRouter) -> Iterator[Route]:
    """The routes of `router` that take their request as it comes."""
    return (route for route in router.routes if isinstance(route, Route) and not isinstance(route, APIRoute))


def _settle() -> None:
    """What was made while starting stays: collecting garbage need not look through it again and again.

    A batch of events makes tens of thousands of objects that are gone a moment later without being collected; with
    the usual threshold, looking for cycles among them took a fifth of the batch's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


async def work(settings: Settings) -> None:
    """Do the background work until the process is asked to stop."""
    site = site_from(settings)
    subscribe()
    stop = asyncio.Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signal_number, stop.set)
    try:
        await registry.worker(site).run(stop)
    finally:
        await site.outbound.close()
        await site.database.close()


def serving() -> FastAPI:
    """For the server: one of several processes, without background work."""
    return build(Settings())


def serving_with_worker() -> FastAPI:
    """For the server: the one process, background work included."""
    return build(Settings(), with_worker=True)


class HashedFiles(StaticFiles):
    """Built files: their names carry a hash of their content, so they may be kept for ever."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = f"public, max-age={YEAR_SECONDS}, immutable"
        return response


async def healthz() -> JSONResponse:
    """The process is alive."""
    return JSONResponse({"status": "ok"})


async def readyz(request: Request) -> JSONResponse:
    """The database answers, and its schema is the one this version expects."""
    site = site_of(request)
    found = await site.database.read(lambda session: migrations.version_of(session.connection()))
    if found != migrations.head():
        return JSONResponse({"status": "schema", "found": found, "expected": migrations.head()}, status_code=503)
    return JSONResponse({"status": "ok"})
