"""The machine door as an application of its own, mounted at `/api`: its errors, CORS and OpenAPI are nobody else's.

The composition root gives it the same `Site` that the pages have.
"""

from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.datastructures import State
from starlette.routing import Route

from api import described, docs, problems
from api.limits import AnswerHeaders
from api.segments import WholeSegments
from api.v1 import (
    accounts,
    checklists,
    completion_rate,
    dialect,
    events,
    plans,
    search,
    tickets,
    tracking,
    webhook_endpoints,
    webhooks_in,
    widget,
    widget_stream,
)
from portal.events.intake import Intake
from portal.events.limits import Limits
from portal.kit.i18n import Message
from portal.kit.telemetry import telemetry
from portal.kit.web import Site
from portal.widget.live import Live
from portal.widget.meter import Meter

REFUSALS_A_SECOND = 20
"""How many webhooks that nobody has signed are put on record, for one source: anybody can send them."""
REQUESTS_A_SECOND = 2_000
"""How often one API key may ask one process: more than a healthy caller needs, less than what starves the others."""
BUSY = Message("This API key asks more than it may. Wait as long as “Retry-After” says, then send the same again.")
SECURITY = {
    "WidgetToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A token signed with a source's `ws_…` as RFC8725 wants it (HS256 alone, `exp` within a day), "
        "together with the source's `pk_…` in `Banso-Key`.",
    },
    "SourceKey": {
        "type": "http",
        "scheme": "basic",
        "description": "A source's key as user name, no password: `wk_…` on servers, `pk_…` in browsers.",
    },
    "WebhookSignature": {
        "type": "apiKey",
        "in": "header",
        "name": "webhook-signature",
        "description": "Standard Webhooks 1.0, signed with the webhook secret `whsec_…` of the source.",
    },
    "WebhookToken": {
        "type": "http",
        "scheme": "bearer",
        "description": "The webhook secret itself, for sources whose sender cannot sign.",
    },
}


def build_api(site: Site) -> FastAPI:
    """The application to mount at `/api`."""
    app = FastAPI(
        title="Banso",
        version=version("banso"),
        description="Events in, onboarding data out. Errors are RFC 9457 problem documents with a stable `code`.",
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        servers=[{"url": _server(site), "description": "This installation, in production.", "x-internal": False}],
        generate_unique_id_function=_operation_id,
        root_path_in_servers=False,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry=telemetry(),
    )
    furnish(app.state, site)
    problems.install(app)
    # Routes are tried in this order: what is asked for most often first. The widget's state and the two ways in of
    # events also have routes that are part of no router: finding them in one costs as much as looking them up.
    app.router.routes.append(Route("/v1/widget/state", widget.state, include_in_schema=False))
    for path, take in (("batch", tracking.take_batch), ("track", tracking.take_one)):
        app.router.routes.append(Route(f"/v1/{path}", take, methods=["POST"], include_in_schema=False))
    often = (widget, widget_stream, tracking, webhooks_in, events)
    rooms = (*often, accounts, checklists, completion_rate, plans, search, tickets, webhook_endpoints)
    for room in rooms:
        app.include_router(room.router, prefix="/v1")
    app.include_router(docs.router)
    app.add_middleware(AnswerHeaders)
    app.add_middleware(WholeSegments)
    _describe(app)
    return app


def furnish(state: State, site: Site) -> None:
    """Put in place what the routes work with: all that belongs to one installation and not to the program."""
    state.site = site
    state.intake = Intake(site.database, zone=site.zone)
    state.limits = Limits(per_second=site.events_per_second)
    state.requests = Limits(per_second=REQUESTS_A_SECOND, unit="requests", flood=BUSY)
    state.under_way = set()
    state.refusals = Limits(per_second=REFUSALS_A_SECOND)
    state.meter = Meter(site.database, clock=site.clock, zone=site.zone)
    state.live = Live(site.database)


async def close(app: FastAPI) -> None:
    """Let go of what the machine door holds open, before its database is closed."""
    await app.state.live.close()
    await app.state.meter.flush()


def _server(site: Site) -> str:
    """Where the calls go. An installation without TLS is somebody's own machine, under whatever name it is asked."""
    base = site.base_url.rstrip("/")
    return f"{base}/api" if base.startswith("https:") else f"{urlsplit(base).path}/api"


def _operation_id(route: APIRoute) -> str:
    return f"{route.tags[0]}_{route.name}".replace(" ", "_") if route.tags else route.name


def _describe(app: FastAPI) -> None:
    """OpenAPI with the schemas that hand-read bodies and problems refer to."""

    def schema() -> dict[str, Any]:
        if not app.openapi_schema:
            made = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                license_info=app.license_info,
                servers=app.servers,
                routes=app.routes,
            )
            components = made.setdefault("components", {})
            components.setdefault("schemas", {}).update(
                {"Problem": problems.SCHEMA, **dialect.SCHEMAS, **webhooks_in.SCHEMAS}
            )
            components.setdefault("securitySchemes", {}).update(SECURITY)
            described.complete(made)
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = schema  # type: ignore[method-assign]  # FastAPI's documented way
