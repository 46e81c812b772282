"""How fast the search is, and how well it finds among thousands of other texts.

The other texts are sections of the starter library and sentences of it put together anew: real words of help pages, in
both languages. They go in as bare rows with their index, since rendering is not what is measured. Besides the time as a
reader has it, with eight connections in a closed loop, the server's own computing is said: with one process, and other
work on the machine, the former is about eight times the latter.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from itertools import islice
from random import Random
from statistics import median
from typing import Any
from unittest.mock import patch
from urllib.parse import urlencode

import numpy as np
from sqlalchemy import insert
from sqlmodel import Session

from portal.accounts.models import Account, Member
from portal.accounts.sessions import open_visit
from portal.content import indexing
from portal.content.library import changed
from portal.content.models import Collection, Document, DocumentVariant
from portal.kit.clock import utcnow
from portal.kit.db import chunks, run
from portal.kit.i18n import Locale, as_locale
from portal.kit.paths import bundled
from portal.search import service
from portal.search.analysis import analyse
from portal.search.catalogue import current
from portal.search.index import Text, stamp
from portal.search.thesaurus import thesaurus
from tests.bench.figures import Figure
from tests.bench.load import Load, Plan, Seen, get
from tests.indexing import gold_queries, gold_texts
from tests.server import Server

SIZES = {5_000: 30.0, 20_000: 60.0}
"""Documents, and the p95 in ms that a search among them may take."""
SUGGESTION_MS = 15.0
REINDEX_MS = 20.0
CONNECTIONS = 8
PER_SECOND = 2_000


def search_figures(load: Load, server: Server, *, rounds: int, seconds: float, sizes: Sequence[int]) -> list[Figure]:
    """The figures at each size, in a library that grows."""
    server.banso("migrate")
    url = server.database_url
    cookie = run(url, _furnish)
    figures: list[Figure] = []
    there = 0
    texts = _texts(max(sizes))
    for size in sizes:
        run(url, partial(_publish, texts=list(islice(texts, size - there)), first=there))
        there = size
        server.start()
        headers = (("Cookie", f"banso={cookie}"),)
        load_now = partial(_measure, load, server, rounds=rounds, seconds=seconds, headers=headers)
        aim = SIZES.get(size, 60.0)
        figures.append(_time(f"search among {size:,} documents, page", load_now(_search), aim))
        figures.append(_time(f"suggestions among {size:,} documents", load_now(_suggest), SUGGESTION_MS))
        server.stop()
        figures.append(_reindexing(url, size))
    return [*figures, *_quality(url, there)]


# --- time -------------------------------------------------------------------------------------------------------------


def _measure(
    load: Load,
    server: Server,
    make: Any,
    *,
    rounds: int,
    seconds: float,
    headers: tuple[tuple[str, str], ...],
) -> tuple[list[Seen], float]:
    """What was seen, and the milliseconds of computing an answer took; the first round warms up."""
    at_most = int(PER_SECOND * seconds)
    plan = Plan(server.port, partial(make, headers=headers), CONNECTIONS, seconds, at_most)
    seen, spent = [], []
    for number in range(rounds + 1):
        before = server.cpu_seconds()
        seen.append(load.run(replace(plan, first=number * at_most)))
        spent.append(1000 * (server.cpu_seconds() - before) / seen[-1].answers)
    return seen[1:], median(spent[1:])


def _time(name: str, measured: tuple[list[Seen], float], aim: float) -> Figure:
    seen, cpu = measured
    p50, p95 = median(one.p50_ms for one in seen), median(one.p95_ms for one in seen)
    rate = median(one.per_second for one in seen)
    return Figure(
        name=name,
        measured=f"{rate:,.0f} req/s; p50 {p50:.1f} ms, p95 {p95:.1f} ms; CPU {cpu:.2f} ms",
        aim=f"p95 ≤ {aim:.0f} ms",
        ok=p95 <= aim,
    )


def _questions() -> list[str]:
    """The judged ones, and pairs of words from titles of the starter library: hot words and rare ones."""
    random = Random(2)
    titles = [title for _, title, _ in _sections()]
    pairs = [f"{random.choice(titles)[:6]} {random.choice(titles)[:4]}" for _ in range(400)]
    return [one.query for one in gold_queries()] + pairs


QUESTIONS: list[str] = []


def _question(number: int) -> str:
    if not QUESTIONS:
        QUESTIONS.extend(_questions())
    return QUESTIONS[number * 7919 % len(QUESTIONS)]


def _search(number: int, *, headers: tuple[tuple[str, str], ...]) -> bytes:
    return get(number, path="/search?" + urlencode({"q": _question(number)}), headers=headers)


def _suggest(number: int, *, headers: tuple[tuple[str, str], ...]) -> bytes:
    typed = _question(number)[: 1 + number % 5]
    return get(number, path="/search/suggest?" + urlencode({"q": typed}), headers=headers)


def _reindexing(url: str, size: int) -> Figure:
    """Changing one document at a time: its words made anew, and written."""
    words = list(islice(_texts(size), 0, 2000, 40))

    def once(session: Session, number: int) -> None:
        locale, title, body = words[number]
        text = f"{body} 版{number}が変わりました。"
        digest = stamp(sha256(text.encode()).hexdigest())
        indexing.put(session, [Text(f"bench-{number * 40}", locale, title, text, digest, analyse(title, text))])

    def timed(session: Session) -> list[float]:
        spent = []
        for number in range(len(words)):
            started = time.process_time()
            once(session, number)
            spent.append(1000 * (time.process_time() - started))
        return spent

    spent = sorted(run(url, timed)[5:])
    p95 = spent[len(spent) * 95 // 100]
    return Figure(
        name=f"reindexing one of {size:,} documents",
        measured=f"median {median(spent):.1f} ms, p95 {p95:.1f} ms (CPU)",
        aim=f"≤ {REINDEX_MS:.0f} ms",
        ok=median(spent) <= REINDEX_MS,
    )


# --- quality ----------------------------------------------------------------------------------------------------------


def _quality(url: str, size: int) -> list[Figure]:
    """The judged questions among everything else, with all ingredients and without some."""
    run(url, lambda session: indexing.put(session, [replace(one, key=f"gold-{one.key}") for one in gold_texts()]))
    figures = [_judged(url, f"judged questions among {size:,} others")]
    with patch.object(service, "in_force", lambda _session: thesaurus([])):
        figures.append(_judged(url, "… without synonyms"))
    without = [
        replace(one, key=f"gold-{one.key}", digest="no readings", words=replace(one.words, reading=""))
        for one in gold_texts()
    ]
    with patch("portal.search.readings.reading", lambda _text: ""):
        bare = [
            replace(one, words=analyse(one.title, text.text)) for one, text in zip(without, gold_texts(), strict=True)
        ]
    run(url, lambda session: indexing.put(session, bare))
    figures.append(_judged(url, "… without readings"))
    return figures


def _judged(url: str, name: str) -> Figure:
    def work(session: Session) -> tuple[float, float]:
        catalogue = current(session)
        seen = np.ones(len(catalogue), np.bool_)
        ranks, missed = 0.0, 0
        for one in gold_queries():
            ranking = service.rank(session, catalogue, one.query, locale=one.locale, visible=seen)
            keys = [catalogue.keys[number] for number in ranking.entries[:10]]
            wanted = f"gold-{one.best}"
            ranks += 1 / (keys.index(wanted) + 1) if wanted in keys else 0
            missed += not ranking.total
        return ranks / len(gold_queries()), missed / len(gold_queries())

    rank, missed = run(url, work, write=False)
    return Figure(name=name, measured=f"MRR {rank:.3f}; without result {100 * missed:.1f} %")


# --- the library ------------------------------------------------------------------------------------------------------


def _sections() -> list[tuple[Locale, str, str]]:
    """Every section of the starter library: language, heading, text."""
    found = []
    for path in sorted((bundled("content") / "manuals").glob("*.md")):
        locale = as_locale(path.name.split(".")[-2])
        for section in path.read_text(encoding="utf-8").split("\n## ")[1:]:
            heading, _, body = section.partition("\n")
            if body.strip():
                found.append((locale, heading.strip()[:80], body.strip()))
    return found


def _texts(count: int) -> Iterator[tuple[Locale, str, str]]:
    """The sections as they are, then as many put together from their sentences as are needed."""
    sections = _sections()
    yield from sections[:count]
    random = Random(1)
    sentences = {
        locale: [
            sentence
            for language, _, body in sections
            if language == locale
            for sentence in body.replace("。", "。\n").replace(". ", ".\n").split("\n")
            if 8 < len(sentence) < 200
        ]
        for locale in ("ja", "en")
    }
    headings = [(locale, heading) for locale, heading, _ in sections]
    for _ in range(len(sections), count):
        locale, heading = random.choice(headings)
        yield locale, f"{heading} {random.randrange(1000)}", "\n".join(random.sample(sentences[locale], 12))


def _furnish(session: Session) -> str:
    """A customer with one person: the cookie of their browser."""
    now = utcnow()
    session.connection().execute(
        insert(Account),
        {
            "id": 1,
            "external_id": "a",
            "name": "A",
            "created_at": now,
            "started_at": now,
            "recorded_at": now,
            "mail_domains": [],
            "traits": {},
        },
    )
    session.connection().execute(insert(Collection), {"key": "bench", "title": {}, "position": 1})
    member = Member(account_id=1, external_id="m", name="M", joined_at=now, recorded_at=now)
    session.add(member)
    session.flush()
    return open_visit(session, member_id=member.id, now=now, days=30)


def _publish(session: Session, texts: Sequence[tuple[Locale, str, str]], first: int) -> None:
    now = utcnow()
    documents, variants, entries = [], [], []
    for number, (locale, title, body) in enumerate(texts, start=first):
        key, digest = f"bench-{number}", sha256(body.encode()).hexdigest()
        documents.append({"id": key, "kind": "manual", "collection_key": "bench", "origin": "file", "created_at": now})
        variants.append(
            {
                **{"document_id": key, "locale": locale, "slug": key, "title": title, "source": body, "html": ""},
                **{"text": body, "toc": [], "links": {}, "aliases": [], "digest": digest, "rendering": 1},
                **{"revision": 1, "updated_at": now, "published_at": now},
            }
        )
        entries.append(Text(key, locale, title, body, stamp(digest), analyse(title, body)))
    for model, rows in ((Document, documents), (DocumentVariant, variants)):
        for some in chunks(rows, 5000):
            session.connection().execute(insert(model), list(some))
    indexing.put(session, entries)
    changed(session, now=now)
