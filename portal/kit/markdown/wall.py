"""The second wall: whatever the renderer made, only what is named here reaches a reader.

The first wall is the parser, which takes no HTML and passes every address through `links.py`. This one knows nothing of
markdown, so one mistake in the other does not become a hole. Classes are listed one by one: a document cannot dress up
as the portal's own controls.
"""

from __future__ import annotations

import re

import nh3

from portal.kit.markdown.code import TOKEN_CLASSES
from portal.kit.markdown.media import PLAYERS

ID_PREFIX = "s-"
SCHEMES = frozenset({"http", "https", "mailto", "tel"})
CALLOUTS = ("note", "tip", "warning")

_HEADINGS = ("h2", "h3", "h4", "h5", "h6")
_PLAIN = (
    *("blockquote", "br", "code", "dd", "del", "dl", "dt", "em", "figcaption", "figure", "hr", "label"),
    *("p", "picture", "pre", "s", "strong", "sup", "table", "tbody", "thead", "tr"),
)
_ATTRIBUTES: dict[str, set[str]] = {
    "a": {"href", "title", "id", "data-embed"},
    "div": {"aria-label", "data-language"},
    "img": {"src", "alt", "title", "srcset", "sizes", "width", "height"},
    "li": {"id"},
    "ol": {"start"},
    "source": {"srcset"},
    "video": {"src", "width", "height", "aria-label"},
    **{heading: {"id"} for heading in _HEADINGS},
}
_VALUES: dict[str, dict[str, set[str]]] = {
    "a": {"rel": {"noopener"}, "aria-hidden": {"true"}, "tabindex": {"-1"}},
    "aside": {"role": {"note"}},
    "div": {"role": {"region"}, "tabindex": {"0"}},
    "img": {"loading": {"lazy"}, "decoding": {"async"}},
    "input": {"checked": {"checked"}, "type": {"checkbox"}},
    "pre": {"tabindex": {"0"}},
    "source": {"media": {"(prefers-reduced-motion: reduce)"}},
    "video": {"preload": {"metadata"}},
    "th": {"scope": {"col"}},
}
_ALIGNED = {"align-left", "align-center", "align-right"}
_CLASSES: dict[str, set[str]] = {
    "a": {"external", "heading-anchor", "footnote-backref", "attachment", "embed"},
    "aside": {"callout", *(f"callout-{name}" for name in CALLOUTS)},
    "div": {"code", "table-scroll", "steps"},
    "input": {"task-list-item-checkbox"},
    "li": {"task-list-item", "footnote-item"},
    "ol": {"contains-task-list", "footnotes-list"},
    "p": {"callout-title", "steps-title"},
    "section": {"footnotes"},
    "span": {*TOKEN_CLASSES, "attachment-about", "embed-title", "embed-host"},
    "sup": {"footnote-ref"},
    "td": _ALIGNED,
    "th": _ALIGNED,
    "ul": {"contains-task-list"},
}


def cleaner() -> nh3.Cleaner:
    """The sanitiser for everything rendered from markdown."""
    return nh3.Cleaner(
        tags={*_PLAIN, *_ATTRIBUTES, *_VALUES, *_CLASSES},
        clean_content_tags={"script", "style"},
        attributes=_ATTRIBUTES,
        tag_attribute_values=_VALUES,
        set_tag_attribute_values={"input": {"disabled": ""}, "video": {"controls": ""}},
        attribute_filter=_checked,
        allowed_classes=_CLASSES,
        url_schemes=set(SCHEMES),
        link_rel=None,
        id_prefix=ID_PREFIX,
    )


_SRCSET = re.compile(r"/media/[\w/.-]+(?: \d{1,5}w)?(?:, /media/[\w/.-]+ \d{1,5}w)*", re.ASCII)
_SIZES = re.compile(r"\(max-width: \d{1,4}px\) 92vw, \d{1,4}px")
_NUMBER = re.compile(r"\d{1,5}")


def _checked(tag: str, name: str, value: str) -> str | None:
    """The addresses and sizes that no list of values can name: only what this portal itself could have written."""
    if name == "srcset":
        return value if _SRCSET.fullmatch(value) else None
    if name == "sizes":
        return value if _SIZES.fullmatch(value) else None
    if name in ("width", "height"):
        return value if _NUMBER.fullmatch(value) else None
    if name == "data-embed":
        return value if value.startswith(PLAYERS) else None
    return value
