"""How Japanese is read aloud, from a dictionary: for titles only, and only while something is being published.

せいきゅうしょ finds 請求書 because the reading of the title is indexed with it. The dictionary (SudachiPy with its
small edition) is opened on first use, so a process that only serves never has it in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

import structlog

from portal.search.fold import fold

if TYPE_CHECKING:
    from sudachipy import Tokenizer

SYMBOLS: Final = ("補助記号", "空白", "記号")
LONGEST: Final = 2_000
log = structlog.get_logger()


@lru_cache(maxsize=4_096)
def reading(text: str) -> str:
    """`text` as it is read, in folded kana without a space; empty where no dictionary is installed."""
    tokenizer = _tokenizer()
    if tokenizer is None:
        return ""
    return "".join(
        fold(word.reading_form()).text
        for word in tokenizer.tokenize(text[:LONGEST])
        if word.part_of_speech()[0] not in SYMBOLS
    )


@lru_cache(maxsize=20_000)
def parts(word: str) -> Sequence[str]:
    """The words a katakana compound is made of: クレジットカード → クレジット, カード. Just itself where nobody
    knows."""
    tokenizer = _tokenizer()
    if tokenizer is None:
        return (word,)
    return tuple(part.surface() for part in tokenizer.tokenize(word[:LONGEST]))


@cache
def _tokenizer() -> Tokenizer | None:
    try:
        from sudachipy import Dictionary, SplitMode  # noqa: PLC0415 - 45 MB that only publishing needs

        return Dictionary(dict="small").tokenizer(mode=SplitMode.A)
    except (ImportError, OSError, RuntimeError) as error:
        log.warning("titles are indexed without their readings: no dictionary", error=str(error))
        return None
