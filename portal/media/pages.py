"""The files themselves, behind the wall: each request is asked anew who it is, whatever its address says.

An address with the stamp of what it shows never changes its meaning, so a browser keeps the file for good; one with a
former stamp, or with none, leads on to what is there now.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from functools import partial
from urllib.parse import quote
from zoneinfo import ZoneInfo

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from sqlmodel import Session

from portal.accounts.viewers import AnyViewer
from portal.accounts.visits import MaybeViewer
from portal.kit.errors import NotFound
from portal.kit.web import YEAR, SiteDep, page_router, redirect
from portal.media import blobs, uses
from portal.media.items import Item, Rendition
from portal.media.ranges import span_of
from portal.media.service import find, rendition

router = page_router()
KEEP = f"private, max-age={YEAR}, immutable"
PLAYED = ("image/", "video/")
AT_ONCE = 2 * blobs.PIECE
"""What is no larger is read in one unit of work: most pictures are, and streaming costs more than reading them."""


@router.get("/media/{key}")
async def current(site: SiteDep, viewer: MaybeViewer, key: str) -> Response:
    """On to what the medium is now."""
    item, _ = await site.database.read(lambda session: _open(session, viewer, key, "", site.clock(), site.zone))
    return _on(item.main)


@router.api_route("/media/{key}/{stamp}/{name}", methods=["GET", "HEAD"])
async def file(request: Request, site: SiteDep, viewer: MaybeViewer, key: str, stamp: str, name: str) -> Response:
    """One file of a medium, or a part of it."""
    item, found = await site.database.read(lambda session: _open(session, viewer, key, name, site.clock(), site.zone))
    if stamp != item.stamp or found is None:
        return _on(item.url(name) if found else item.main)
    tag = f'"{found.blob[:32]}"'
    headers = {
        "Cache-Control": KEEP,
        "ETag": tag,
        "Accept-Ranges": "bytes",
        "Content-Disposition": _disposition(found),
        "Vary": "Cookie",
    }
    known = [part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")]
    if tag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    same = request.headers.get("if-range", tag) == tag
    span = span_of(request.headers.get("range") if same else None, found.size)
    if span is None:
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{found.size}"})
    headers["Content-Length"] = str(span.length)
    if not span.is_whole:
        headers["Content-Range"] = f"bytes {span.first}-{span.last}/{span.size}"
    status = 200 if span.is_whole else 206
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=found.media_type)

    if span.length <= AT_ONCE:
        whole = partial(blobs.part, digest=found.blob, first=span.first, last=span.last)
        content = await site.database.read(whole)
        return Response(content, status_code=status, headers=headers, media_type=found.media_type)

    async def body() -> AsyncIterator[bytes]:
        async for piece in blobs.read(site.database, found.blob, first=span.first, last=span.last):
            yield piece

    return StreamingResponse(body(), status_code=status, headers=headers, media_type=found.media_type)


def _open(
    session: Session, viewer: AnyViewer | None, key: str, name: str, now: datetime, zone: ZoneInfo
) -> tuple[Item, Rendition | None]:
    item = find(session, key)
    if item.removed_at is not None and not (viewer is not None and viewer.kind == "staff"):
        raise NotFound
    if not uses.admits(session, viewer, key, now=now, zone=zone):
        raise NotFound
    return item, rendition(session, item, name) if name else None


def _on(path: str) -> Response:
    response = redirect(path, status=302)
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _disposition(found: Rendition) -> str:
    """Pictures and films are shown, everything else is saved; the name in any script (RFC 6266)."""
    if found.media_type.startswith(PLAYED):
        return "inline"
    plain = "".join(one if one.isascii() and (one.isalnum() or one in "._-") else "_" for one in found.name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(found.name, safe='')}"
