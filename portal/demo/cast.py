"""Who is in the demo: made-up companies and people, and how each of them gets on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Literal

Course = Literal["quick", "steady", "late", "stalled", "left", "before"]

PLACES = (
    "青葉", "朝日", "泉", "梅田", "大津", "岡崎", "加賀", "北山", "桐生", "倉敷",
    "小倉", "桜川", "滋賀", "白浜", "杉並", "住吉", "高松", "玉川", "千歳", "月島",
    "徳山", "長浜", "西宮", "野田", "萩", "浜松", "日野", "広瀬", "福江", "松江",
)  # fmt: skip
TRADES = ("製作所", "商事", "工務店", "デザイン", "食品", "印刷", "会計事務所", "物流", "ソフト", "建設")
FAMILY = (
    ("田中", "たなか", "tanaka"), ("鈴木", "すずき", "suzuki"), ("高橋", "たかはし", "takahashi"),
    ("伊藤", "いとう", "ito"), ("渡辺", "わたなべ", "watanabe"), ("山本", "やまもと", "yamamoto"),
    ("中村", "なかむら", "nakamura"), ("小林", "こばやし", "kobayashi"), ("加藤", "かとう", "kato"),
    ("吉田", "よしだ", "yoshida"), ("山田", "やまだ", "yamada"), ("佐々木", "ささき", "sasaki"),
)  # fmt: skip
GIVEN = (
    ("美咲", "みさき"), ("健太", "けんた"), ("結衣", "ゆい"), ("翔", "しょう"), ("陽子", "ようこ"),
    ("大輔", "だいすけ"), ("恵", "めぐみ"), ("誠", "まこと"), ("由美", "ゆみ"), ("拓也", "たくや"),
)  # fmt: skip
GOALS = (
    "請求書の発行を月末の二日で終える",
    "紙の請求書をなくす",
    "入金の確認を毎週できるようにする",
    "営業が自分で見積もりを出せるようにする",
)
STAFF = (("sato@hikari.example", "佐藤 真理"), ("mori@hikari.example", "森 直樹"), ("abe@hikari.example", "阿部 千夏"))
PLANS = {
    "starter": ("スターター", {"seats": 5, "invoices": 100}, ["invoices"], 1, 9_800),
    "pro": ("プロ", {"seats": 20, "invoices": 1000}, ["invoices", "approval"], 2, 29_800),
    "enterprise": ("エンタープライズ", {"seats": 200}, ["invoices", "approval", "sso"], 3, 148_000),
}
COURSES: tuple[tuple[Course, int], ...] = (
    ("quick", 16), ("steady", 20), ("late", 7), ("stalled", 7), ("left", 4), ("before", 6),
)  # fmt: skip


@dataclass(frozen=True)
class Person:
    """A member of a demo company; the first one of each is its admin."""

    external_id: str
    name: str
    name_kana: str
    email: str
    role: str
    joined: date


@dataclass(frozen=True)
class Company:
    """A demo customer, and the course it takes."""

    external_id: str
    name: str
    plan: str
    owner: str
    tier: str
    seats: int
    mrr: int
    goal: str
    started: date
    left: date | None
    course: Course
    people: tuple[Person, ...]


def companies(random: Random, *, today: date, opened: date) -> list[Company]:
    """The 60 companies. `opened` is the day Banso came to the vendor; those of course `before` started earlier."""
    courses = [course for course, count in COURSES for _ in range(count)]
    random.shuffle(courses)
    names = random.sample([f"{place}{trade}" for place in PLACES for trade in TRADES], len(courses))
    span = (today - opened).days
    made = []
    for number, (course, name) in enumerate(zip(courses, names, strict=True), start=1):
        if course == "before":
            started = opened - timedelta(days=random.randint(60, 400))
        elif course in ("quick", "steady") and number % 5 == 0:
            started = today - timedelta(days=random.randint(4, 24))
        else:
            started = opened + timedelta(days=random.randint(0, max(1, span - 40)))
        made.append(_company(random, number, name, course, started, today=today))
    return made


def _company(random: Random, number: int, name: str, course: Course, started: date, *, today: date) -> Company:
    plan = random.choices(("starter", "pro", "enterprise"), weights=(5, 4, 2))[0]
    seats = {"starter": 3, "pro": 8, "enterprise": 16}[plan] + random.randint(-1, 3)
    left = None
    if course == "left":
        left = min(started + timedelta(days=random.choice((18, 24, 55, 90))), today - timedelta(days=3))
    size = min(seats, {"starter": 3, "pro": 5, "enterprise": 8}[plan] + random.randint(0, 1))
    form = "株式会社{}" if random.random() < 0.6 else "{}株式会社" if random.random() < 0.5 else "合同会社{}"
    return Company(
        external_id=f"c{number:03}",
        name=form.format(name),
        plan=plan,
        owner=STAFF[number % len(STAFF)][0],
        tier={"starter": "tech", "pro": "low", "enterprise": "high"}[plan],
        seats=seats,
        mrr=PLANS[plan][4],
        goal=random.choice(GOALS),
        started=started,
        left=left,
        course=course,
        people=tuple(_person(random, number, place, started) for place in range(size)),
    )


def _person(random: Random, number: int, place: int, started: date) -> Person:
    family, given = FAMILY[(number * 5 + place) % len(FAMILY)], random.choice(GIVEN)
    return Person(
        external_id=f"u{number:03}-{place + 1}",
        name=f"{family[0]} {given[0]}",
        name_kana=f"{family[1]} {given[1]}",
        email=f"{family[2]}{place + 1}@c{number:03}.example",
        role="admin" if place == 0 else "member",
        joined=started + timedelta(days=0 if place == 0 else random.randint(0, 6)),
    )
