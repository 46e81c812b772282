"""The second wall: whatever the renderer made, only what is named here reaches a reader.

The first wall is the parser, which takes no HTML and passes every address through `links.py`. This one knows nothing of
markdown, so one mistake in the other does not become a hole. Classes are listed one by one: a document cannot dress up
as the portal's own controls.
"""

from __future__ import annotations

import nh3

from portal.kit.markdown.code import TOKEN_CLASSES

ID_PREFIX = "s-"
SCHEMES = frozenset({"http", "https", "mailto", "tel"})
CALLOUTS = ("note", "tip", "warning")

_HEADINGS = ("h2", "h3", "h4", "h5", "h6")
_PLAIN = (
    *("blockquote", "br", "code", "dd", "del", "dl", "dt", "em", "figcaption", "figure", "hr", "label"),
    *("p", "pre", "s", "strong", "sup", "table", "tbody", "thead", "tr"),
)
_ATTRIBUTES: dict[str, set[str]] = {
    "a": {"href", "title", "id"},
    "div": {"aria-label", "data-language"},
    "img": {"src", "alt", "title"},
    "li": {"id"},
    "ol": {"start"},
    **{heading: {"id"} for heading in _HEADINGS},
}
_VALUES: dict[str, dict[str, set[str]]] = {
    "a": {"rel": {"noopener"}, "aria-hidden": {"true"}, "tabindex": {"-1"}},
    "aside": {"role": {"note"}},
    "div": {"role": {"region"}, "tabindex": {"0"}},
    "img": {"loading": {"lazy"}, "decoding": {"async"}},
    "input": {"checked": {"checked"}, "type": {"checkbox"}},
    "pre": {"tabindex": {"0"}},
    "th": {"scope": {"col"}},
}
_ALIGNED = {"align-left", "align-center", "align-right"}
_CLASSES: dict[str, set[str]] = {
    "a": {"external", "heading-anchor", "footnote-backref"},
    "aside": {"callout", *(f"callout-{name}" for name in CALLOUTS)},
    "div": {"code", "table-scroll", "steps"},
    "input": {"task-list-item-checkbox"},
    "li": {"task-list-item", "footnote-item"},
    "ol": {"contains-task-list", "footnotes-list"},
    "p": {"callout-title", "steps-title"},
    "section": {"footnotes"},
    "span": set(TOKEN_CLASSES),
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
        set_tag_attribute_values={"input": {"disabled": ""}},
        allowed_classes=_CLASSES,
        url_schemes=set(SCHEMES),
        link_rel=None,
        id_prefix=ID_PREFIX,
    )
