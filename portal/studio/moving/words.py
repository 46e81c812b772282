"""One page of MkDocs or Docusaurus as markdown of the library. Pure: text in, text and what did not fit out.

Line by line, and never inside a fence of code: callouts of either dialect, tabs, components, HTML. Links are left to
whoever knows where they lead (`links`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from portal.kit.i18n import Message

Note = tuple[int, Message]
Numbered = tuple[int, str]

FENCE = re.compile(r"^(?P<indent>\s*)(?P<mark>`{3,}|~{3,})")
COLONS = re.compile(r"^(?P<indent>\s*)(?P<mark>:{3,})\s*(?P<name>[a-zA-Z]+)(?P<title>.*)$")
INDENTED = re.compile(r"^(?P<indent>\s*)(?:!!!|\?\?\?\+?)\s+(?P<name>[\w-]+)(?P<rest>[^\"]*)(?:\"(?P<title>.*)\")?\s*$")
TAB = re.compile(r"^(?P<indent>\s*)===[!+]?\s+\"(?P<title>.*)\"\s*$")
MODULE = re.compile(
    r"^(?:import\s+.+\s+from\s+['\"].+['\"];?|import\s+['\"].+['\"];?|export\s+(?:const|default|let|function)\b.*)$"
)
COMPONENT = re.compile(r"^\s*</?[A-Z][\w.]*(?:\s[^<>]*)?/?>\s*$")
TAB_ITEM = re.compile(r"^\s*<TabItem\b(?P<said>[^>]*)>\s*$")
SAID_LABEL = re.compile(r"\b(?:label|value)=(?:\"([^\"]*)\"|'([^']*)'|\{\"([^\"]*)\"\})")
SUMMARY = re.compile(r"^\s*<details[^>]*>\s*(?:<summary[^>]*>(?P<words>.*?)</summary>)?\s*$", re.IGNORECASE)
SUMMARY_ALONE = re.compile(r"^\s*<summary[^>]*>(?P<words>.*?)</summary>\s*$", re.IGNORECASE)
DETAILS_END = re.compile(r"^\s*</details>\s*$", re.IGNORECASE)
SNIPPET = re.compile(r"^\s*-{1,}8<-{1,}")
MACRO = re.compile(r"\{\{.+?\}\}|\{%.+?%\}")
ATTRIBUTES = re.compile(r"(?<=[)\]`*_])\{:?\s*(?:[.#][\w-]|\w+=)[^{}\n]*\}|\s*\{:?\s*#[^{}\n]*\}\s*$")
HTML = re.compile(r"</?[a-zA-Z][\w-]*(?:\s[^<>]*)?/?>")
CODE = re.compile(r"(`+)(?:(?!\1).)+?\1(?!`)")
IMAGE_TAG = re.compile(r"<img\b(?P<said>[^<>]*)>", re.IGNORECASE)
LINK_TAG = re.compile(r"<a\s(?P<said>[^<>]*)>(?P<words>[^<>]*)</a>", re.IGNORECASE)
SAID = re.compile(r"\b(?P<name>src|alt|title|href)=[\"'](?P<value>[^\"']*)[\"']", re.IGNORECASE)
COMMENTS: Final = (("<!--", "-->"), ("{/*", "*/}"))
LONGEST: Final = 5_000
"""Longer lines are no prose: they are left as they are, so that no pattern is let loose on them."""
PLAIN_TAGS: Final[Mapping[str, str]] = {"b": "**", "strong": "**", "i": "*", "em": "*", "code": "`", "kbd": "`"}
PLAIN = re.compile(r"<(?P<tag>b|strong|i|em|code|kbd)>(?P<words>[^<>]*)</(?P=tag)>", re.IGNORECASE)
KINDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("note", "info", "abstract", "summary", "quote", "example", "question", "important", "secondary"), "note"
    ),
    **dict.fromkeys(("tip", "hint", "success", "check"), "tip"),
    **dict.fromkeys(("warning", "caution", "danger", "error", "failure", "bug", "attention"), "warning"),
}
"""What the callouts of others are here."""
STEPS: Final = "steps"


@dataclass
class _Page:
    notes: dict[tuple[int, str], Note] = field(default_factory=dict)

    def say(self, line: int, message: Message) -> None:
        self.notes.setdefault((line, str(message)), (line, message))


def translated(body: str, *, first_line: int = 1) -> tuple[list[Numbered], list[Note]]:
    """The lines of `body` in the markdown of the library, each with the line it comes from, and what did not fit;
    `first_line` is where the body begins."""
    page = _Page()
    lines = list(enumerate(_without_comments(body).split("\n"), start=first_line))
    return _block(lines, page), sorted(page.notes.values(), key=lambda note: note[0])


def _without_comments(body: str) -> str:
    """Comments gone, their line breaks kept, so that lines stay what they were; code is left alone."""
    parts = []
    for is_code, part in _by_code(body):
        kept = part
        for opens, closes in COMMENTS if not is_code else ():
            kept = _without(kept, opens, closes)
        parts.append(kept)
    return "".join(parts)


def _without(text: str, opens: str, closes: str) -> str:
    parts, last = [], 0
    while (start := text.find(opens, last)) >= 0 and (end := text.find(closes, start)) >= 0:
        parts += [text[last:start], "\n" * text.count("\n", start, end)]
        last = end + len(closes)
    return "".join([*parts, text[last:]])


def _by_code(body: str) -> Iterator[tuple[bool, str]]:
    """The text in pieces, and whether each is a fence of code."""
    piece: list[str] = []
    closing = ""
    for line in body.splitlines(keepends=True):
        found = FENCE.match(line)
        if not closing and found:
            yield False, "".join(piece)
            piece, closing = [line], found["mark"]
        elif closing and found and found["mark"].startswith(closing) and line.strip() == found["mark"]:
            yield True, "".join([*piece, line])
            piece, closing = [], ""
        else:
            piece.append(line)
    yield bool(closing), "".join(piece)


def _block(lines: Sequence[Numbered], page: _Page) -> list[Numbered]:
    out: list[Numbered] = []
    index, closing = 0, ""
    while index < len(lines):
        number, line = lines[index]
        fence = FENCE.match(line)
        if closing:
            out.append((number, line))
            if fence and fence["mark"].startswith(closing) and line.strip() == fence["mark"]:
                closing = ""
        elif fence:
            closing = fence["mark"]
            out.append((number, line))
        elif (found := INDENTED.match(line)) or (found := TAB.match(line)):
            inner, index = _indented(lines, index + 1, found["indent"])
            out += _callout(found, inner, number, page)
            continue
        else:
            out += [(number, one) for one in _line(number, line, page)]
        index += 1
    return out


def _indented(lines: Sequence[Numbered], index: int, indent: str) -> tuple[list[Numbered], int]:
    """The lines that belong to a callout by their indent, without it, and where what follows begins."""
    inner: list[Numbered] = []
    margin = f"{indent}    "
    while index < len(lines):
        number, line = lines[index]
        if line.strip() and not line.startswith((margin, f"{indent}\t")):
            break
        cut = len(margin) if line.startswith(margin) else len(indent) + 1
        inner.append((number, line[cut:] if line.strip() else ""))
        index += 1
    while inner and not inner[-1][1]:
        inner.pop()
        index -= 1
    return inner, index


def _callout(found: re.Match[str], inner: Sequence[Numbered], number: int, page: _Page) -> list[Numbered]:
    indent, title = found["indent"], (found["title"] or "").strip()
    body = [(at, f"{indent}{line}" if line else "") for at, line in _block(inner, page)]
    last = body[-1][0] if body else number
    name = found.groupdict().get("name")
    if name is None:
        page.say(number, Message("tabs stand below each other here"))
        return [(number, ""), (number, f"{indent}**{title}**"), (number, ""), *body, (last, "")]
    # A callout around others needs more colons than they have.
    deepest = max((len(one) - len(one.lstrip(":")) for one in (line.strip() for _, line in body)), default=0)
    mark = ":" * max(3, deepest + 1)
    head = f"{indent}{mark}{_kind(name, number, page)}{f' {title}' if title else ''}"
    return [(number, head), *body, (last, f"{indent}{mark}")]


def _kind(name: str, number: int, page: _Page) -> str:
    kind = KINDS.get(name.lower())
    if kind is None:
        page.say(number, Message("a callout “%(name)s” is not known here and became a note", name=name))
    return kind or "note"


def _line(number: int, line: str, page: _Page) -> list[str]:
    if len(line) > LONGEST:
        page.say(number, Message("this line is too long to look into, and stands as it was"))
        return [line]
    if colons := COLONS.match(line):
        if colons["name"].lower() == STEPS:
            return [line]
        title = colons["title"].strip()
        title = title[1:-1].strip() if title.startswith("[") and title.endswith("]") else title
        title = ATTRIBUTES.sub("", title).strip()
        kind = _kind(colons["name"], number, page)
        return [f"{colons['indent']}{colons['mark']}{kind}{f' {title}' if title else ''}"]
    if MODULE.match(line):
        page.say(number, Message("what a page imports or exports was left out"))
        return []
    if item := TAB_ITEM.match(line):
        label = next((one for said in SAID_LABEL.findall(item["said"]) for one in said if one), "")
        page.say(number, Message("tabs stand below each other here"))
        return ["", f"**{label}**", ""] if label else [""]
    if COMPONENT.match(line):
        tag = line.strip().strip("</>").split()[0]
        if tag not in ("Tabs", "TabItem"):
            page.say(number, Message("the component “%(name)s” was left out", name=tag))
        return [""]
    if found := (SUMMARY.match(line) or SUMMARY_ALONE.match(line)):
        words = found["words"]
        opens = SUMMARY.match(line) is not None
        if opens and not words:
            page.say(number, Message("what was folded stands open here"))
            return [""]
        page.say(number, Message("what was folded stands open here"))
        return ["", f"**{_within(number, words.strip(), page)}**", ""]
    if DETAILS_END.match(line):
        return [""]
    return [_within(number, line, page)]


def _within(number: int, line: str, page: _Page) -> str:
    """What stands in a line, code in it left alone."""
    parts, last = [], 0
    for code in CODE.finditer(line):
        parts += [_words(number, line[last : code.start()], page), code[0]]
        last = code.end()
    whole = "".join([*parts, _words(number, line[last:], page)])
    return ATTRIBUTES.sub("", whole) if "{" in whole and not whole.lstrip().startswith("|") else whole


def _words(number: int, words: str, page: _Page) -> str:
    if SNIPPET.match(words):
        page.say(number, Message("text of another file is put in here: “%(words)s”", words=words.strip()[:100]))
    elif MACRO.search(words):
        page.say(number, Message("this is worked out by a program, and stands here as it is written"))
    words = IMAGE_TAG.sub(_picture, words)
    words = LINK_TAG.sub(_link, words)
    words = PLAIN.sub(lambda found: _marked(PLAIN_TAGS[found["tag"].lower()], found["words"]), words)
    words = re.sub(r"<br\s*/?>\s*$", "\\\\", words, flags=re.IGNORECASE)
    if tag := HTML.search(words):
        page.say(number, Message("HTML is text here: %(tag)s", tag=tag[0][:60]))
    return words


def _marked(mark: str, words: str) -> str:
    return f"{mark}{words.strip()}{mark}" if words.strip() else words


def _link(found: re.Match[str]) -> str:
    href = _said(found).get("href", "")
    return f"[{found['words']}]({href})" if href else found["words"]


def _said(found: re.Match[str]) -> dict[str, str]:
    return {one["name"].lower(): one["value"] for one in SAID.finditer(found["said"])}


def _picture(found: re.Match[str]) -> str:
    said = _said(found)
    source = said.get("src", "")
    if not source:
        return found[0]
    words = re.sub(r"([\\\[\]])", r"\\\1", said.get("alt", ""))
    target = re.sub(r"[\s()<>]", lambda odd: quote(odd[0]), source)
    return f"![{words}]({target})"
