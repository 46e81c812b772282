"""Search for other systems: what one member may find, or what everybody may."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from sqlmodel import Session

from api.auth import Reads
from api.problems import described
from api.v1.accounts import account_called, member_called
from api.v1.bodies import known_id
from api.v1.shapes import Limit
from portal.accounts.models import Member
from portal.accounts.people import memberships_by_external_id
from portal.content.readers import ANONYMOUS, Reader
from portal.finding.asking import ask
from portal.finding.service import Answers, Piece, find
from portal.finding.sight import sight_of
from portal.kit.errors import FieldProblem, Invalid, NotFound
from portal.kit.i18n import Locale, Message, as_locale
from portal.kit.web import Site, SiteDep
from portal.search.question import LONGEST

router = APIRouter(tags=["search"])
Id = Annotated[str, Query(min_length=1, max_length=200)]


class ResultOut(BaseModel):
    """A document or a tutorial that answers. `excerpt` is the piece of its text that shows why, as plain text."""

    kind: Literal["manual", "faq", "case_study", "release_note", "tutorial"]
    key: str = Field(examples=["inviting"], description="The document's front-matter `id`, or the tutorial's key.")
    title: str = Field(examples=["メンバーを招待する"])
    url: str = Field(examples=["https://portal.example.com/manuals/inviting/inviting"])
    excerpt: str = Field(examples=["設定の「メンバー」から招待を押します。"])


class SearchOut(BaseModel):
    """What answers, the best first. `meant` is what a misspelt question was corrected to, null where it was not."""

    query: str = Field(examples=["招待"])
    total: int = Field(examples=[1])
    meant: str | None = Field(examples=[None])
    results: list[ResultOut]


@router.get("/search", responses=described(401, 403, 404, 422, 503), operation_id="search")
async def search(
    site: SiteDep,
    _key: Reads,
    q: Annotated[str, Query(max_length=LONGEST, description="What is looked for, in Japanese or English.")],
    locale: Annotated[
        Literal["ja", "en"] | None, Query(description="Preferred language. Default: the member's, else the portal's.")
    ] = None,
    limit: Limit = 10,
    account: Annotated[Id | None, Query(description="The customer's external id.")] = None,
    member: Annotated[
        Id | None, Query(description="The member's external id; without one only what is public.")
    ] = None,
) -> SearchOut:
    """What `member` may find, or without one, what everybody may. An account or member that does not exist is a 404."""
    now = site.clock()

    def work(session: Session) -> Answers:
        found = _member(session, site, account, member)
        reader = Reader("member", found.account_id, found.id or 0) if found else ANONYMOUS
        shown: Locale = locale or as_locale(found.locale if found else None, site.locale)
        sight = sight_of(session, reader, now=now, zone=site.zone)
        return find(session, sight, asked=q, locale=shown, part=Piece(limit=limit))

    answers = await ask(site.database, work)
    return SearchOut(
        query=q,
        total=answers.total,
        meant=answers.meant or None,
        results=[
            ResultOut(
                kind=one.kind,
                key=one.key,
                title=one.called,
                url=site.base_url + one.path,
                excerpt="".join(part for part, _ in one.excerpt),
            )
            for one in answers.results
        ],
    )


def _member(session: Session, site: Site, account: str | None, member: str | None) -> Member | None:
    """Whom it is asked for; who has left finds nothing, as they can no longer sign in."""
    owner = account_called(session, known_id(account, site.zone)) if account is not None else None
    if member is None:
        return None
    wanted, now = known_id(member, site.zone), site.clock()
    found = [member_called(session, owner, wanted)] if owner else list(memberships_by_external_id(session, wanted))
    here = [one for one in found if one.left_at is None or one.left_at > now]
    if not here:
        raise NotFound
    if len({one.account_id for one in here}) > 1:
        said = Message("This person is a member of several customers: say which, as “account”.")
        raise Invalid(said, problems=[FieldProblem("query.account", "missing", said)])
    return here[0]
