"""The vendor's own synonyms, for staff: added, taken away, brought back; each holds from the next search on."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Form, Query, Request
from sqlmodel import Session, col, select
from starlette.responses import Response

from portal.accounts.visits import SignedInStaff, WritesContent
from portal.kit.errors import Invalid, by_field
from portal.kit.i18n import Message
from portal.kit.web import SiteDep, flash, page_router, redirect, render
from portal.search.models import Synonym
from portal.search.synonyms import add_synonym, own_synonyms, remove_synonym, restore_synonym
from portal.search.thesaurus import Rule, shipped

router = page_router(prefix="/staff/search/synonyms")
HERE = "/staff/search/synonyms"
LARGEST = 500
_BETWEEN = re.compile(r"[,、，\n;；]+")
Words = Annotated[str, Form(max_length=2_000)]


@dataclass(frozen=True)
class SynonymsPage:
    """For `finding/synonyms.html`. `words`, `means` and `both_ways` are what the form says, `errors` what is wrong with
    it; `removed` is the one just taken away, to be brought back."""

    own: Sequence[Synonym]
    shipped: Sequence[Rule]
    words: str = ""
    means: str = ""
    both_ways: bool = True
    errors: Mapping[str, Sequence[Message]] = field(default_factory=dict)
    removed: Synonym | None = None


@router.get("")
async def synonyms(
    request: Request,
    site: SiteDep,
    viewer: SignedInStaff,
    words: Annotated[str, Query(max_length=LARGEST)] = "",
    removed: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
) -> Response:
    """All of them, and the form for one more, with the question it is about filled in."""

    def work(session: Session) -> SynonymsPage:
        asked = select(Synonym).where(col(Synonym.id) == removed, col(Synonym.removed_at).is_not(None))
        gone = session.exec(asked).first()
        return SynonymsPage(own_synonyms(session), shipped(), words=words, removed=gone)

    page = await site.database.report(work)
    return render(request, "finding/synonyms.html", page, viewer=viewer, nav="search")


@router.post("")
async def add(
    request: Request,
    site: SiteDep,
    viewer: WritesContent,
    words: Words = "",
    means: Words = "",
    direction: Annotated[str, Form(max_length=4)] = "both",
) -> Response:
    """Add one; what is wrong with it comes back with the form as it was filled in."""
    both_ways, now = direction != "one", site.clock()

    def work(session: Session) -> None:
        add_synonym(session, words=_words(words), means=_words(means), both_ways=both_ways, by=viewer.name, now=now)

    try:
        await site.database.write(work)
    except Invalid as error:
        errors = by_field(error.problems)
        own = await site.database.report(own_synonyms)
        page = SynonymsPage(own, shipped(), words, means, both_ways, errors)
        return render(request, "finding/synonyms.html", page, viewer=viewer, nav="search", status=error.status)
    response = redirect(HERE)
    flash(request, response, Message("Added. It holds from the next search on."))
    return response


@router.post("/{synonym_id}/removal")
async def remove(site: SiteDep, viewer: WritesContent, synonym_id: int) -> Response:
    """Take one away; the page that follows can bring it back."""
    now = site.clock()
    await site.database.write(lambda session: remove_synonym(session, synonym_id=synonym_id, by=viewer.name, now=now))
    return redirect(f"{HERE}?removed={synonym_id}")


@router.post("/{synonym_id}/restoration")
async def restore(request: Request, site: SiteDep, viewer: WritesContent, synonym_id: int) -> Response:
    """Bring one back."""
    del viewer
    await site.database.write(lambda session: restore_synonym(session, synonym_id=synonym_id))
    response = redirect(HERE)
    flash(request, response, Message("It is back."))
    return response


def _words(typed: str) -> list[str]:
    return list(dict.fromkeys(word for part in _BETWEEN.split(typed) if (word := " ".join(part.split()))))
