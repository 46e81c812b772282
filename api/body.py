"""The body of a tracking call: JSON whatever its label says, plain or gzip, and never more than fits.

Clients in the field label JSON as `text/plain` (to spare browsers a preflight) and gzip as a form. So the first bytes
decide, not the headers. A body is refused as soon as too much of it has arrived, and is unpacked no further than the
cap, however large it claims to become.
"""

import json
import math
import zlib
from decimal import Decimal
from typing import Any

import orjson
from fastapi import Request

from api.problems import Malformed
from portal.kit.errors import TooLarge
from portal.kit.i18n import Message

BODY_BYTES = 500 * 1024
MEMBERS = 64
GZIP_MAGIC = b"\x1f\x8b"


async def read_json(request: Request) -> dict[str, Any]:
    """The JSON object in the body. `TooLarge` above 500 KB packed or unpacked, `Malformed` for anything else."""
    return json_in(await read_bytes(request))


def json_in(body: bytes) -> dict[str, Any]:
    """The JSON object in a body that has been read."""
    return as_object(unpacked(body, limit=BODY_BYTES))


async def read_bytes(request: Request) -> bytes:
    """The body as it was sent; `TooLarge` as soon as more than 500 KB of it have come."""
    claimed = request.headers.get("content-length", "")
    if claimed.isascii() and claimed.isdigit() and int(claimed[:20]) > BODY_BYTES:
        raise _too_large()
    chunks = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > BODY_BYTES:
            raise _too_large()
        chunks.append(chunk)
    return b"".join(chunks)


def unpacked(body: bytes, *, limit: int) -> bytes:
    """`body` as it was before gzip, if it was."""
    if not body.startswith(GZIP_MAGIC):
        return body
    plain = b""
    for _ in range(MEMBERS):  # each costs a copy of all that follows it, so thousands of empty ones would be a bomb too
        if not body:
            return plain
        stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        try:
            plain += stream.decompress(body, limit + 1 - len(plain))
        except zlib.error as error:
            raise Malformed(Message("The gzip data is damaged.")) from error
        if len(plain) > limit:
            raise _too_large()
        if not stream.eof:
            raise Malformed(Message("The gzip data is damaged."))
        body = stream.unused_data
    raise Malformed(Message("The gzip data is damaged."))


def as_object(body: bytes) -> dict[str, Any]:
    """The JSON object that `body` is."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        value = _leniently(body)
    if not isinstance(value, dict):
        raise Malformed(Message("The body must be a JSON object."))
    return value


def _leniently(body: bytes) -> Any:
    """Read what orjson refuses as a whole: half of an emoji that a browser cut in two, or an infinite number, in one
    event must not cost the others. It becomes a value that is then refused with its own event."""
    try:
        return json.loads(body.decode("utf-8-sig"), parse_float=_number, parse_constant=Decimal)
    except (ValueError, RecursionError) as error:
        raise Malformed(Message("The body is not valid JSON.")) from error


def _number(text: str) -> float | Decimal:
    number = float(text)
    return number if math.isfinite(number) else Decimal(text)


def _too_large() -> TooLarge:
    return TooLarge(Message("The body is too large: 500 KB are the limit, also unpacked."))
