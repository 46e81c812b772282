"""Whether two customers are probably one: by a name in which kana, widths, spaces and the legal form do not matter, or
by how it is read.

`㈱アオバ商事`, `あおば商事 株式会社` and `（株）ｱｵﾊﾞ商事` have one key; so have `Acme, Inc.` and `ACME`. `青葉商事`,
whose reading is アオバショウジ, and `あおばしょうじ㈱` are read alike. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

HIRAGANA_TO_KATAKANA: Final = {code: code + 0x60 for code in range(0x3041, 0x3097)}
# fmt: off
JAPANESE: Final = (
    "株式会社", "有限会社", "合同会社", "合資会社", "合名会社", "相互会社", "特定非営利活動法人", "npo法人",
    "一般社団法人", "一般財団法人", "公益社団法人", "公益財団法人", "社団法人", "財団法人", "社会福祉法人",
    "医療法人社団", "医療法人財団", "医療法人", "学校法人", "宗教法人", "独立行政法人", "国立大学法人", "監査法人",
    "税理士法人", "弁護士法人", "社会保険労務士法人",
)
SHORT: Final = (
    "株", "有", "同", "資", "名", "一社", "一財", "公社", "公財", "社福", "福", "医", "学", "宗", "特非", "独", "監",
)
ENGLISH: Final = (
    "incorporated", "inc", "corporation", "corp", "company limited", "co ltd", "coltd", "limited", "ltd", "llc", "llp",
    "lp", "plc", "gmbh", "kabushiki kaisha", "kabushikikaisha", "kk", "k k", "co",
)
IN_KANA: Final = (
    "(?:カブシキ|ユウゲン|ゴウドウ|ゴウシ|ゴウメイ|ソウゴ)[ガカ]イシャ", "トクテイヒエイリカツドウホウジン",
    "エヌピーオーホウジン", "(?:イッパン|コウエキ)?(?:シャダン|ザイダン)ホウジン", "シャカイフクシホウジン",
    "イリョウホウジン(?:シャダン|ザイダン)?", "(?:ガッコウ|シュウキョウ|カンサ|ゼイリシ|ベンゴシ)ホウジン",
    "(?:ドクリツギョウセイ|コクリツダイガク|シャカイホケンロウムシ)ホウジン",
)
# As in bank transfers: カ)アオバ, アオバ(カ
OF_BANKS: Final = ("カ", "ユ", "ド", "シ", "メ", "イ", "ガク", "フク", "シユウ", "トクヒ", "ザイ", "シヤ")
# fmt: on
_BRACKETED = "|".join(f"\\({one}\\)" for one in SHORT)
_JAPANESE = re.compile(rf"^(?:{'|'.join(JAPANESE)}|{_BRACKETED})|(?:{'|'.join(JAPANESE)}|{_BRACKETED})$")
_ENGLISH_AFTER = re.compile(rf"(?:^|(?<=[\s])|(?<=[^\x00-\x7f]))(?:{'|'.join(ENGLISH)})$")
_ENGLISH_BEFORE = re.compile(r"^(?:k k|kk)\s+")
_BANKS = "|".join(OF_BANKS)
_KANA_FORM = re.compile(rf"^(?:{'|'.join(IN_KANA)}|\(?(?:{_BANKS})\))|(?:{'|'.join(IN_KANA)}|\((?:{_BANKS})\)?)$")
_KANA = re.compile(r"[ァ-ヺー]+")
_NOISE = re.compile(r"[\s・･.,、。'’`\"“”\-‐‑–—―&＆/／_]+")


def name_key(name: str) -> str:
    """What is left of a name when all that may differ between two writings of it is taken away; never empty, unless
    the name is. A long-vowel mark is part of a name: `サーバ` and `サーバー` are two."""
    plain = unicodedata.normalize("NFKC", name).casefold().translate(HIRAGANA_TO_KATAKANA).strip()
    bare = re.sub(r"\s+", " ", re.sub(r"[.,]", " ", plain)).strip()
    while True:
        shorter = _JAPANESE.sub("", bare).strip()
        shorter = _ENGLISH_BEFORE.sub("", _ENGLISH_AFTER.sub("", shorter)).strip()
        if shorter == bare or not _NOISE.sub("", shorter):
            break
        bare = shorter
    return (_NOISE.sub("", bare) or plain)[:200]


def reading_key(name: str, reading: str | None) -> str:
    """How a customer is read, as compared: by its `reading` in kana, else by a name that is kana all through; "" where
    neither says it."""
    bare = name_key(reading or name)
    while (shorter := _KANA_FORM.sub("", bare)) != bare and shorter:
        bare = shorter
    return bare if _KANA.fullmatch(bare) else ""
