"""Code in documents, coloured by class names only: the colours are in the style sheet, so a strict CSP holds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from html import escape

from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES

CLASS_PREFIX = "hl-"
TOKEN_CLASSES = frozenset(CLASS_PREFIX + name for name in STANDARD_TYPES.values() if name)

# Lexers are regular expressions of very different care, some of them quadratic: only these are let near what an author
# pastes, on short lines, and for so much of a document.
MAX_BLOCK = 6_000
MAX_LINE = 300
MAX_DOCUMENT = 40_000
LANGUAGES = {
    "bash": "bash",
    "c": "c",
    "console": "console",
    "cpp": "cpp",
    "css": "css",
    "diff": "diff",
    "dockerfile": "docker",
    "go": "go",
    "html": "html",
    "http": "http",
    "ini": "ini",
    "java": "java",
    "javascript": "javascript",
    "js": "javascript",
    "json": "json",
    "kotlin": "kotlin",
    "makefile": "make",
    "php": "php",
    "py": "python",
    "python": "python",
    "rb": "ruby",
    "ruby": "ruby",
    "rust": "rust",
    "sh": "bash",
    "shell": "bash",
    "sql": "sql",
    "swift": "swift",
    "toml": "toml",
    "ts": "typescript",
    "typescript": "typescript",
    "xml": "xml",
    "yaml": "yaml",
    "yml": "yaml",
}
LANGUAGE_NAME = re.compile(r"[a-z0-9][a-z0-9+#._-]{0,29}")


@dataclass
class Budget:
    """How many more characters of one document may be coloured."""

    left: int = MAX_DOCUMENT

    def take(self, source: str) -> bool:
        """Whether `source` may be; if so, it is counted."""
        fits = len(source) <= min(MAX_BLOCK, self.left) and max(map(len, source.splitlines()), default=0) <= MAX_LINE
        if fits:
            self.left -= len(source)
        return fits


def code_block(source: str, info: str = "", *, budget: Budget) -> str:
    """The HTML of one block of code; the first word of `info` names its language.

    The `<pre>` can be focused, so that long lines can be scrolled to with the keyboard.
    """
    word = (info.split(maxsplit=1) or [""])[0].lower()
    language = word if LANGUAGE_NAME.fullmatch(word) else ""
    return (
        f'<div class="code" data-language="{language}"><pre tabindex="0"><code>'
        f"{_coloured(source, language, budget)}</code></pre></div>\n"
    )


def _coloured(source: str, language: str, budget: Budget) -> str:
    name = LANGUAGES.get(language)
    if name is None or not budget.take(source):
        return escape(source, quote=False)
    return str(highlight(source, _lexer(name), _formatter()))


@cache
def _lexer(name: str) -> Lexer:
    options = {"startinline": True} if name == "php" else {}
    return get_lexer_by_name(name, stripnl=False, **options)


@cache
def _formatter() -> HtmlFormatter[str]:
    return HtmlFormatter(nowrap=True, classprefix=CLASS_PREFIX)
