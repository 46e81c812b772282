"""`Idempotency-Key` on a POST (draft-ietf-httpapi-idempotency-key-header): asked twice, done once, answered alike.

A route takes `Once` and does its write by it. The same key with the same request gets the answer that was kept, with
`Idempotent-Replayed: true`; with another request 422; while the first is still being worked on 409. Keys belong to the
API key that sent them, for 24 hours. What was refused is not kept: nothing was done, so it may be tried again.
"""

import json
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel
from sqlmodel import Session

from api.auth import Writes
from api.problems import Malformed
from portal.accounts.answers import KEY_CHARS, answer_once
from portal.kit.errors import Conflict
from portal.kit.i18n import Message
from portal.kit.web import SiteDep

Answer = TypeVar("Answer", bound=BaseModel)
REPLAYED = "Idempotent-Replayed"
SHOWN = Header(
    alias="Idempotency-Key",
    description="Any text of your own, new for each request: sent again within 24 hours, it is done once.",
    examples=["8e03978e-40d5-43e8-bc93-6894a57f9324"],
    json_schema_extra={"minLength": 1, "maxLength": KEY_CHARS, "pattern": "^[!-~]+$"},
)


class InUse(Conflict):
    """The first request under this key is still being worked on."""

    code = "idempotency_key_in_use"

    def __init__(self) -> None:
        super().__init__(Message("The first request with this Idempotency-Key is still being worked on."))


class OnceWriter:
    """The writes of one request, which may come again."""

    def __init__(self, request: Request, response: Response, site: SiteDep, api_key_id: int, key: str | None) -> None:
        self._request, self._response, self._site = request, response, site
        self._api_key_id, self._key = api_key_id, key

    async def write(
        self, work: Callable[[Session], Answer], kind: type[Answer], *, body: dict[str, Any] | None = None
    ) -> Answer:
        """What `work` answers, or answered when this very request (`body` as it was sent) came first."""
        key, database, now = self._key, self._site.database, self._site.clock()
        if key is None:
            return await database.write(work)
        asked = json.dumps([self._request.method, self._request.url.path, body], sort_keys=True, default=str).encode()

        def once(session: Session) -> tuple[str, bool]:
            return answer_once(
                session,
                api_key_id=self._api_key_id,
                key=key,
                asked=asked,
                answer=lambda: work(session).model_dump_json(),
                now=now,
            )

        # Another process is not seen here: the database lets the second wait for the first, and gives it the answer.
        under_way: set[tuple[int, str]] = self._request.app.state.under_way
        mark = (self._api_key_id, key)
        if mark in under_way:
            raise InUse
        under_way.add(mark)
        try:
            said, is_replayed = await database.write(once)
        finally:
            under_way.discard(mark)
        if is_replayed:
            self._response.headers[REPLAYED] = "true"
        return kind.model_validate_json(said)


async def once(
    request: Request, response: Response, site: SiteDep, key: Writes, shown: Annotated[str | None, SHOWN] = None
) -> OnceWriter:
    """The writer of this request; `Malformed` for a key that is none."""
    if shown is not None and not (1 <= len(shown) <= KEY_CHARS and all("!" <= one <= "~" for one in shown)):
        raise Malformed(Message("An Idempotency-Key is 1 to 255 visible ASCII characters."))
    return OnceWriter(request, response, site, key, shown)


Once = Annotated[OnceWriter, Depends(once)]
