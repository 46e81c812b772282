"""Front matter as fields of a form, and back, without touching what nobody changed.

A text is kept as the file it is. A form shows what its fields say; saving writes only the lines of those fields that
were given another value, so comments, order and quoting of the others stay as their author left them, and a text that
was opened and saved is the same text, byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import yaml

from portal.content.front_matter import FENCE, split_front_matter
from portal.kit.files import YamlFile, load_yaml

FIELDS: Final = (
    *("title", "collection", "public", "audience", "order"),
    *("review_by", "publish_at", "unpublish_at", "aliases"),
)
SHARED: Final = ("collection", "public", "audience")
"""What all languages of a document have in common."""
MINUTES: Final = "%Y-%m-%dT%H:%M"
AUDIENCE: Final = "audience"
"""What problems in the YAML of a condition are said to be in."""
BREAK = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class Form:
    """What a person has in the editor, as text: one document in one language. `public` is "1" or nothing.

    `audience` is a condition in YAML, `aliases` one name a line, times are local minutes as a browser writes them.
    """

    title: str = ""
    slug: str = ""
    kind: str = "manual"
    collection: str = ""
    public: str = ""
    audience: str = ""
    order: str = ""
    review_by: str = ""
    publish_at: str = ""
    unpublish_at: str = ""
    aliases: str = ""
    body: str = ""

    @classmethod
    def of(cls, said: Mapping[str, object]) -> Form:
        """The form as it was sent; what is not said is empty. Lines end as they do here, not as on the wire."""
        found = {field.name: said.get(field.name) for field in fields(cls)}
        return cls(**{name: BREAK.sub("\n", value) for name, value in found.items() if isinstance(value, str)})

    def as_dict(self) -> dict[str, str]:
        """For keeping."""
        return asdict(self)


def form_of(text: str, *, slug: str, kind: str, zone: ZoneInfo) -> Form:
    """What the form shows of `text`. Raises `FileProblems` for what is no document."""
    head, body, _ = split_front_matter(_plain(text), slug)
    return Form(slug=slug, kind=kind, body=body, **_shown(_values(head, slug), zone))


def text_of(form: Form, *, base: str, key: str, zone: ZoneInfo) -> str:
    """The text that `form` makes of `base`, of which the untouched parts stay; "" begins a new one.

    Raises `FileProblems` in `AUDIENCE` where the condition is not YAML; all else is left to whoever reads the text.
    """
    if not base:
        return _begin(form, key, zone)
    head, body, _ = split_front_matter(_plain(base), form.slug)
    before = _values(head, form.slug)
    shown = _shown(before, zone)
    changes = {name: getattr(form, name) for name in FIELDS if _tidy(getattr(form, name)) != _tidy(shown[name])}
    values = {name: _value(name, said, zone) for name, said in changes.items()}
    if before.get("kind") not in (None, form.kind):
        values["kind"] = form.kind
    same_body = _plain(form.body) == body
    if not values and same_body:
        return base
    new_head = _patched(head, values, form.slug) if values else head
    return _with_head(base, new_head) if same_body else _rebuilt(base, new_head, _plain(form.body))


def with_fields(text: str, values: Mapping[str, Any], *, name: str = "") -> str:
    """`text` with these fields of its front matter; those that say so already are left as they are written."""
    head, _, _ = split_front_matter(_plain(text), name)
    before = _values(head, name)
    changes = {field: value for field, value in values.items() if before.get(field) != value}
    if not changes:
        return text
    return _with_head(text, _patched(head, changes, name))


def _begin(form: Form, key: str, zone: ZoneInfo) -> str:
    values = {"id": key, "title": form.title.strip(), "collection": form.collection.strip(), "kind": form.kind}
    said = {name: _value(name, getattr(form, name), zone) for name in FIELDS[2:] if _tidy(getattr(form, name))}
    head = "".join(_line(name, value) for name, value in {**values, **said}.items())
    return f"---\n{head}---\n{_plain(form.body)}"


def _plain(text: str) -> str:
    return BREAK.sub("\n", text.removeprefix("\ufeff"))


def _tidy(text: str) -> str:
    return _plain(text).strip()


def _values(head: str, file: str) -> dict[str, Any]:
    value = load_yaml(head, file=file, first_line=2).value
    return value if isinstance(value, dict) else {}


def _shown(values: Mapping[str, Any], zone: ZoneInfo) -> dict[str, str]:
    """Each field as its input holds it; what is not what it should be is shown as it is, to be put right."""
    audience = values.get("audience")
    aliases = values.get("aliases")
    listed = [aliases] if isinstance(aliases, str) else aliases if isinstance(aliases, list) else []
    return {
        "title": str(values.get("title") or ""),
        "collection": str(values.get("collection") or ""),
        "public": "1" if values.get("public") is True else "",
        "audience": "" if audience is None else _yaml(audience),
        "order": "" if values.get("order") is None else str(values["order"]),
        "review_by": "" if values.get("review_by") is None else str(values["review_by"]),
        "publish_at": _minutes(values.get("publish_at"), zone),
        "unpublish_at": _minutes(values.get("unpublish_at"), zone),
        "aliases": "\n".join(str(one) for one in listed),
    }


def _value(name: str, said: str, zone: ZoneInfo) -> Any:
    """What a field's text is written down as; None takes the field away. What cannot be read is left to the parser."""
    text = _tidy(said)
    if name == "public":
        return True if text else None
    if not text:
        return None
    if name == "aliases":
        return [one for one in re.split(r"[\s,、]+", text) if one]
    if name == "order":
        return int(text) if re.fullmatch(r"-?\d{1,9}", text) else text
    if name in ("publish_at", "unpublish_at"):
        return _instant(text, zone)
    if name == "audience":
        return load_yaml(text, file=AUDIENCE).value
    return text


def _instant(text: str, zone: ZoneInfo) -> str:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return (at if at.tzinfo else at.replace(tzinfo=zone)).isoformat(timespec="minutes")


def _minutes(value: object, zone: ZoneInfo) -> str:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else value
        if isinstance(found, datetime):
            local = found.astimezone(zone) if found.tzinfo else found
            return local.strftime(MINUTES)
        if isinstance(found, date):
            return f"{found.isoformat()}T00:00"
    except (ValueError, OverflowError):
        pass
    return "" if value is None else str(value)


def _yaml(value: object) -> str:
    return yaml.safe_dump(value, allow_unicode=True, sort_keys=False, width=1000).removesuffix("...\n").strip()


def _line(name: str, value: object) -> str:
    """One field as one line of front matter."""
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}[+-]\d{2}:\d{2})?", value):
        return f"{name}: {value}\n"
    flow = isinstance(value, dict | list)
    written = yaml.safe_dump(
        {name: value} if not flow else value,
        allow_unicode=True,
        sort_keys=False,
        default_flow_style=flow,
        width=1_000_000,
    )
    return f"{name}: {written}" if flow else written


def _patched(head: str, values: Mapping[str, Any], file: str) -> str:
    """The front matter with these fields, each on one line where it stood, or at the end; None takes one away."""
    source = load_yaml(head, file=file, first_line=0)
    lines = head.split("\n")
    spans = _spans(source, lines)
    if spans is None:
        present = source.value if isinstance(source.value, dict) else {}
        merged = {**present, **values}
        return "".join(_line(name, value) for name, value in merged.items() if value is not None).rstrip("\n")
    for name, value in sorted(values.items(), key=lambda one: spans.get(one[0], (len(lines), 0))[0], reverse=True):
        written = [] if value is None else [_line(name, value).rstrip("\n")]
        start, end = spans.get(name, (None, None))
        if start is not None:
            lines[start:end] = written
    added = [
        _line(name, value).rstrip("\n") for name, value in values.items() if name not in spans and value is not None
    ]
    while added and lines and not lines[-1].strip():
        lines.pop()
    return "\n".join([*lines, *added])


def _spans(source: YamlFile, lines: Sequence[str]) -> dict[str, tuple[int, int]] | None:
    """The lines of each field: from its name to where the next begins, comments and gaps before that one left out.

    None where fields do not stand on lines of their own.
    """
    starts = {str(path[0]): line for path, line in source.lines.items() if len(path) == 1}
    if len(set(starts.values())) != len(starts) or any(lines[line][:1] in ("{", " ", "") for line in starts.values()):
        return None
    ordered = sorted(starts.items(), key=lambda one: one[1])
    spans = {}
    for (name, start), following in zip(ordered, [*(line for _, line in ordered[1:]), len(lines)], strict=True):
        end = following
        while end > start + 1 and (not lines[end - 1].strip() or lines[end - 1].startswith("#")):
            end -= 1
        spans[name] = (start, end)
    return spans


def _with_head(text: str, new_head: str) -> str:
    """`text` with another front matter; everything above and below it byte for byte as it was."""
    mark = len("\ufeff") if text.startswith("\ufeff") else 0
    ends = [found.end() for found in BREAK.finditer(text)]
    lines = BREAK.split(text[mark:])
    closing = next(number for number, line in enumerate(lines[1:], start=1) if FENCE.fullmatch(line))
    written = _breaks_of(text)(f"{new_head}\n" if new_head else "")
    return text[: ends[0]] + written + text[ends[closing - 1] :]


def _rebuilt(text: str, head: str, body: str) -> str:
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    return mark + _breaks_of(text)(f"---\n{head}\n---\n{body}")


def _breaks_of(text: str) -> Callable[[str], str]:
    """Write line breaks the way most of `text` does."""
    crlf = text.count("\r\n")
    if crlf and crlf * 2 >= len(BREAK.findall(text)):
        return lambda plain: plain.replace("\n", "\r\n")
    return lambda plain: plain


def at_minute(text: str, zone: ZoneInfo) -> datetime | None:
    """A local minute as a browser writes it, as an instant; None for what is none."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
