"""Which column of a file is which field: by what staff chose last time, by our own names, and by the words that
Japanese and English files use. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence

# fmt: off
WORDS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "accounts": {
        "external_id": ("id", "顧客id", "顧客コード", "顧客番号", "会社id", "企業id", "企業コード", "取引先コード",
                        "アカウントid", "テナントid", "契約id", "accountid", "customerid", "companyid", "groupid"),
        "name": ("会社名", "顧客名", "企業名", "取引先名", "社名", "法人名", "団体名", "名称", "アカウント名",
                 "company", "companyname", "customer", "customername", "account", "accountname"),
        "name_kana": ("会社名カナ", "会社名かな", "会社名フリガナ", "会社名ふりがな", "フリガナ", "ふりがな", "カナ",
                      "かな", "顧客名カナ", "企業名カナ", "読み", "よみ", "kana"),
        "plan": ("プラン", "プラン名", "契約プラン", "ご契約プラン", "料金プラン", "planname"),
        "seats": ("席数", "契約席数", "シート数", "ライセンス数", "契約数", "id数", "アカウント数", "ユーザー数",
                  "licenses", "quantity"),
        "tier": ("対応区分", "区分", "タッチ", "ランク", "顧客ランク", "セグメント", "segment"),
        "owner": ("担当", "担当者", "担当者メール", "cs担当", "cs担当者", "営業担当", "csm", "accountowner"),
        "created_at": ("登録日", "作成日", "作成日時", "契約日", "申込日", "顧客になった日", "created", "createddate"),
        "started_at": ("開始日", "利用開始日", "契約開始日", "サービス開始日", "課金開始日", "start", "startdate"),
        "renews_at": ("更新日", "契約更新日", "次回更新日", "契約満了日", "renewal", "renewaldate", "renewson"),
        "notice_by": ("解約申出期限", "解約通知期限", "申出期限", "更新停止期限", "解約期限", "noticedate",
                      "noticedeadline"),
        "mrr": ("月額", "月額料金", "月額費用", "月額利用料", "月次売上", "monthlyrevenue", "monthlyfee"),
        "currency": ("通貨", "通貨コード"),
        "left_at": ("解約日", "契約終了日", "退会日", "離脱日", "churned", "churndate", "enddate"),
        "goal": ("目標", "ゴール", "導入目的", "目的", "goals"),
    },
    "members": {
        "external_id": ("id", "ユーザーid", "会員id", "社員番号", "利用者id", "userid", "memberid"),
        "account": ("顧客id", "顧客コード", "顧客番号", "会社id", "企業id", "企業コード", "取引先コード",
                    "アカウントid", "テナントid", "accountid", "customerid", "companyid", "groupid", "company"),
        "email": ("メール", "メールアドレス", "eメール", "アドレス", "mail", "mailaddress", "emailaddress"),
        "name": ("氏名", "名前", "お名前", "ユーザー名", "担当者名", "利用者名", "fullname", "username"),
        "name_kana": ("氏名カナ", "氏名かな", "フリガナ", "ふりがな", "カナ", "かな", "お名前フリガナ", "kana"),
        "role": ("役割", "権限", "ロール", "種別"),
        "department": ("部署", "部署名", "所属", "所属部署", "部門", "dept", "division"),
        "locale": ("言語", "表示言語", "language", "lang"),
        "joined_at": ("登録日", "参加日", "利用開始日", "入社日", "作成日", "joined", "created",
                      "createdat", "startdate"),
        "left_at": ("退職日", "退会日", "利用終了日", "停止日", "left", "enddate"),
    },
}
# fmt: on
"""What files call each field; compared without widths, case, spaces and what stands in brackets."""


READINGS = frozenset({"カナ", "かな", "フリガナ", "ふりがな", "読み"})
"""In brackets these say what the column is; whatever else stands there is a note."""


def folded_heading(heading: str) -> str:
    """A heading as it is compared and remembered: `会社名（必須）` is `会社名`, `会社名（カナ）` is `会社名カナ`."""
    plain = unicodedata.normalize("NFKC", heading).strip().lower()
    bare = re.sub(r"[(\[【〔](.*?)[)\]】〕]", lambda found: found[1] if found[1] in READINGS else "", plain)
    return re.sub(r"[\s_\-・/.:※*]+", "", bare or plain)[:200]


def guessed(
    kind: str, headings: Sequence[str], *, remembered: Mapping[str, str], fields: Mapping[str, Sequence[str]]
) -> list[str]:
    """For each heading the field it probably is, "" for none; no field twice.

    `remembered` are folded headings and what they were the last time; `fields` those that may be chosen, each with
    further words for it (the labels of a vendor's own).
    """
    found = [""] * len(headings)
    bare = [folded_heading(one) for one in headings]

    def take(place: int, name: str) -> None:
        if name in fields and name not in found and not found[place]:
            found[place] = name

    for place, heading in enumerate(bare):
        if heading in remembered:
            take(place, remembered[heading])
    for place, heading in enumerate(bare):
        for name in fields:
            if heading == folded_heading(name) and heading not in remembered:
                take(place, name)
    for place, heading in enumerate(bare):
        if heading and heading not in remembered:
            for name, words in fields.items():
                if heading in {folded_heading(word) for word in (*WORDS[kind].get(name, ()), *words)}:
                    take(place, name)
    return found
