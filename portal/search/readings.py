"""How Japanese is read aloud, from a dictionary: for titles only, and only while something is being published.

せいきゅうしょ finds 請求書 because the reading of the title is indexed with it. The dictionary (SudachiPy with its
small edition) is opened on first use, so a process that only serves never has it in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Final

import structlog

from portal.search.fold import fold

if TYPE_CHECKING:
    from sudachipy import Morpheme, Tokenizer

SYMBOLS: Final = ("補助記号", "空白", "記号")
LONGEST: Final = 2_000
log = structlog.get_logger()
_reading = Lock()
"""A tokenizer refuses to be used by two threads at once, and a dictionary is too large to have one for each."""


@lru_cache(maxsize=4_096)
def reading(text: str) -> str:
    """`text` as it is read, in folded kana without a space; empty where no dictionary is installed."""
    return "".join(fold(word.reading_form()).text for word in _words(text) if word.part_of_speech()[0] not in SYMBOLS)


@lru_cache(maxsize=20_000)
def parts(word: str) -> Sequence[str]:
    """The words a katakana compound is made of: クレジットカード → クレジット, カード. Just itself where nobody
    knows."""
    return tuple(part.surface() for part in _words(word)) or (word,)


def _words(text: str) -> list[Morpheme]:
    """The words of `text`; none without a dictionary."""
    with _reading:
        tokenizer = _tokenizer()
        return list(tokenizer.tokenize(text[:LONGEST])) if tokenizer is not None else []


@cache
def _tokenizer() -> Tokenizer | None:
    try:
        from sudachipy import Dictionary, SplitMode  # noqa: PLC0415 - 45 MB that only publishing needs

        return Dictionary(dict="small").tokenizer(mode=SplitMode.A)
    except (ImportError, OSError, RuntimeError) as error:
        log.warning("titles are indexed without their readings: no dictionary", error=str(error))
        return None
