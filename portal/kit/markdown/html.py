"""How each token becomes HTML. What is not named here is rendered by markdown-it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from portal.kit.markdown.code import code_block
from portal.kit.markdown.media import (
    Attachment,
    Picture,
    Video,
    about_html,
    attachment_html,
    embed_html,
    picture_html,
    video_html,
)
from portal.kit.markdown.wall import ID_PREFIX


class DocumentHtml(RendererHTML):
    """The renderer of documents; `env["prefix"]` keeps the footnotes of several texts on one page apart."""

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """A block of code between fences."""
        return code_block(tokens[idx].content, tokens[idx].info, budget=env["budget"])

    def code_block(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """An indented block of code."""
        return code_block(tokens[idx].content, budget=env["budget"])

    def plain_inline(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """A paragraph that was not parsed."""
        return escape(tokens[idx].content, quote=False)

    def heading_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """The end of a heading, after a link to itself for those who point at things; others have the contents list."""
        anchor = tokens[idx].meta.get("id")
        link = (
            f'<a class="heading-anchor" href="#{escape(anchor)}" aria-hidden="true" tabindex="-1">#</a>'
            if anchor
            else ""
        )
        return f"{link}</{tokens[idx].tag}>\n"

    def image(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """A picture that waits until it is near the window, or what was put in its place; with its caption."""
        token = tokens[idx]
        alt = self.renderInlineAsText(token.children or [], options, env)
        caption = token.meta.get("caption")
        title = "" if caption else str(token.attrGet("title") or "")
        shown = _media_html(token, alt, title)
        return f"{shown}<figcaption>{escape(caption, quote=False)}</figcaption>" if caption else shown

    def attachment_about(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """What kind of file a link gives."""
        return about_html(tokens[idx].meta["file"])

    def task_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """A box that shows and cannot be ticked, labelled by the words after it."""
        done = ' checked="checked"' if tokens[idx].meta["done"] else ""
        return f'<label><input class="task-list-item-checkbox" type="checkbox" disabled{done}> '

    def task_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """The end of the words of a box."""
        return "</label>"

    def table_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """A table in a box that scrolls, by keyboard too, and has a name where the table gives one."""
        label = tokens[idx].meta.get("label")
        named = f' role="region" aria-label="{escape(label)}"' if label else ""
        return f'<div class="table-scroll" tabindex="0"{named}><table>\n'

    def table_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """The end of the table and its box."""
        return "</table></div>\n"

    def container_note_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """The start of a callout, named by its kind; a note and not a landmark of the page."""
        kind = tokens[idx].info.split(maxsplit=1)[0]
        return f'<aside class="callout callout-{kind}" role="note">\n{_title(tokens[idx], "callout-title")}'

    def container_note_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """The end of a callout."""
        return "</aside>\n"

    container_tip_open = container_warning_open = container_note_open
    container_tip_close = container_warning_close = container_note_close

    def container_steps_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """The start of a procedure; the list inside holds its steps."""
        return f'<div class="steps">\n{_title(tokens[idx], "steps-title")}'

    def container_steps_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """The end of a procedure."""
        return "</div>\n"

    def footnote_ref(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """The number in the text."""
        number, again = _footnote(tokens[idx])
        note, ref = _footnote_ids(env, number, again)
        return f'<sup class="footnote-ref"><a href="#{note}" id="{ref}">[{number}]</a></sup>'

    def footnote_block_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """The notes at the end."""
        return '<section class="footnotes">\n<ol class="footnotes-list">\n'

    def footnote_block_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """The end of the notes."""
        return "</ol>\n</section>\n"

    def footnote_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """One note."""
        note, _ = _footnote_ids(env, _footnote(tokens[idx])[0], 0)
        return f'<li id="{note}" class="footnote-item">'

    def footnote_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """The end of one note."""
        return "</li>\n"

    def footnote_anchor(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """The way back from a note to its place in the text."""
        _, ref = _footnote_ids(env, *_footnote(tokens[idx]))
        return f' <a href="#{ref}" class="footnote-backref">\u21a9\ufe0e</a>'


def _media_html(token: Token, alt: str, title: str) -> str:
    if embed := token.meta.get("embed"):
        return embed_html(embed, alt=alt)
    match token.meta.get("media"):
        case Picture() as picture:
            return picture_html(picture, alt=alt, title=title)
        case Video() as video:
            return video_html(video, alt=alt)
        case Attachment() as file:
            return attachment_html(file, words=escape(alt, quote=False))
    src = str(token.attrGet("src"))
    return picture_html(Picture(src, src), alt=alt, title=title)


def _title(token: Token, name: str) -> str:
    title = container_title(token)
    return f'<p class="{name}">{escape(title, quote=False)}</p>\n' if title else ""


def container_title(token: Token) -> str:
    """What stands after the name of a `:::` block."""
    return [*token.info.split(maxsplit=1), "", ""][1].strip()


def _footnote(token: Token) -> tuple[int, int]:
    return int(token.meta["id"]) + 1, max(int(token.meta.get("subId") or 0), 0)


def _footnote_ids(env: EnvType, number: int, again: int) -> tuple[str, str]:
    start = escape(f"{ID_PREFIX}{env['prefix']}")
    return f"{start}-fn-{number}", f"{start}-fnref-{number}" + (f"-{again + 1}" if again else "")
