"""What callers send with a key: read by the readers that files and traits are read by, and refused as a whole.

Every wrong field is named at once, a field nobody knows too: a typo must not pass for "nothing to change".
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from fastapi import Request
from pydantic import BaseModel

from api.body import read_json
from portal.accounts.fields import Reader, Unreadable, identifier, read_fields
from portal.kit.errors import FieldProblem, Invalid, NotFound
from portal.kit.i18n import Message

TRAITS_BYTES = 32 * 1024
UNREADABLE = Message("Some of what was sent cannot be taken; “errors” names every field.")


async def body_of(request: Request, *, optional: bool = False) -> dict[str, Any]:
    """The JSON object that was sent; an empty one for no body at all where that is allowed."""
    if optional and not (await request.body()).strip():
        return {}
    return await read_json(request)


def read(
    body: Mapping[str, object],
    readers: Mapping[str, Reader],
    *,
    told_as: type[BaseModel],
    zone: ZoneInfo,
    needed: Collection[str] = (),
) -> dict[str, object]:
    """The fields of `body`, None for those to be cleared. Raises `Invalid` with all that is wrong.

    The readers are those of files too, where everything is text and blank means "clear it". Here `null` does, a number
    is no text, and no text a number: what OpenAPI says of the fields, `told_as`, is what holds.
    """
    shapes = _shapes(told_as)
    misfits = {name: why for name, value in body.items() if name in readers and (why := shapes[name].misfit(value))}
    reading = read_fields({name: body[name] for name in body if name not in misfits}, readers, zone=zone)
    problems = [*reading.problems, *(FieldProblem(name, *why) for name, why in misfits.items())]
    unknown = Message("there is no such field; these can be given: %(known)s", known=", ".join(readers))
    problems += [FieldProblem(name, "unknown_field", unknown) for name in body if name not in readers]
    failed = {problem.field for problem in problems}
    problems += [
        FieldProblem(name, "missing", Message("this must be given"))
        for name in needed
        if reading.changes.get(name) is None and name not in failed
    ]
    if problems:
        raise Invalid(UNREADABLE, problems=problems)
    return reading.changes


@dataclass(frozen=True)
class Shape:
    """What a field may be by its schema, as far as readers bear with more: text, blank text, a number."""

    text: bool
    blank: bool
    number: bool

    def misfit(self, value: object) -> tuple[str, Message] | None:
        """The code and the sentence for a value that is none of it."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            return None if self.number or not self.text else ("not_text", Message("this is not text"))
        if isinstance(value, str) and self.number and not self.text:
            return ("not_a_number", Message("this must be a number"))
        if isinstance(value, str) and not value.strip() and not self.blank:
            return ("blank", Message("this is blank; to clear it give null"))
        return None


@cache
def _shapes(model: type[BaseModel]) -> Mapping[str, Shape]:
    """The shapes of the fields of a body."""
    return {name: _shape(schema) for name, schema in model.model_json_schema()["properties"].items()}


def _shape(schema: Mapping[str, Any]) -> Shape:
    branches = list(_branches(schema))
    texts = [one for one in branches if one.get("type") == "string"]
    return Shape(
        text=bool(texts),
        blank=any(not one.keys() & {"format", "enum", "minLength"} and _takes_blank(one) for one in texts),
        number=any(one.get("type") in ("integer", "number") for one in branches),
    )


def _branches(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for one in schema.get("anyOf", ()):
        yield from _branches(one)
    if "anyOf" not in schema:
        yield schema


def _takes_blank(text: Mapping[str, Any]) -> bool:
    return re.search(text.get("pattern", ""), "") is not None


def wrong(field: str, code: str, message: Message) -> Invalid:
    """One field that cannot be taken."""
    return Invalid(UNREADABLE, problems=[FieldProblem(field, code, message)])


def known_id(value: str, zone: ZoneInfo) -> str:
    """An id from an address, to look for; `NotFound` for what can be nobody's."""
    try:
        return str(identifier(value, zone))
    except Unreadable as error:
        raise NotFound from error


def new_id(value: str, zone: ZoneInfo) -> str:
    """An id from an address, to be given to somebody; `Invalid` for what cannot be an id."""
    try:
        read_id = str(identifier(value, zone))
    except Unreadable as error:
        raise wrong("external_id", error.code, error.message) from error
    if not read_id:
        raise wrong("external_id", "missing", Message("this must be given"))
    return read_id


def body_schema(model: type[BaseModel], *, required: bool = True, is_partial: bool = False) -> dict[str, Any]:
    """The body of a route, for OpenAPI; what `model` lists is what the route's readers read. All of it may be left out
    where it `is_partial`."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    if is_partial:
        schema.pop("required", None)
    for field in schema["properties"].values():
        # `null` clears a field; left out it stays. A client that fills in defaults must not be told to clear.
        if is_partial or field.get("default", ...) is None:
            field.pop("default", None)
    return {"requestBody": {"required": required, "content": {"application/json": {"schema": schema}}}}


# --- readers of what only machines send -------------------------------------------------------------------------------


def flag(value: object, _zone: ZoneInfo) -> bool:
    """`true` or `false`."""
    if not isinstance(value, bool):
        raise Unreadable("not_a_flag", Message("this must be true or false"))
    return value


def traits(value: object, _zone: ZoneInfo) -> dict[str, object]:
    """Anything the vendor knows, by name: plain JSON of up to 32 KB."""
    if not isinstance(value, dict):
        raise Unreadable("not_an_object", Message("this must be an object"))
    try:
        written = orjson.dumps(value)
    except TypeError as error:
        raise Unreadable("not_json", Message("this contains something that cannot be kept")) from error
    if len(written) > TRAITS_BYTES:
        raise Unreadable("too_large", Message("this is larger than 32 KB"))
    if _has_nul(value):
        raise Unreadable("control_character", Message("this contains a line break or a control character"))
    return value


def _has_nul(value: object) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any(_has_nul(key) or _has_nul(child) for key, child in value.items())
    return isinstance(value, list) and any(_has_nul(child) for child in value)
