"""Where a customer stands in a checklist, and the acts of other systems on it: complete a step, undo it, make an
exception. All of it is idempotent, and every answer is the checklist as it is afterwards."""

from datetime import datetime, timedelta
from typing import Any, Literal, cast

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from api.auth import Reads, Writes
from api.problems import described
from api.v1.accounts import account_called, member_called
from api.v1.bodies import body_of, body_schema, flag, known_id, read, wrong
from api.v1.shapes import SAID, AccountId, Instant, Key, MomentIn, line
from portal.accounts.fields import Reader, identifier, moment, text
from portal.accounts.models import ApiKey
from portal.accounts.service import id_of
from portal.checklists.actors import Actor
from portal.checklists.definition import SCOPES, Members, Role, Scope, Share
from portal.checklists.exceptions import UNSET, Change, make_exception
from portal.checklists.state import Done, RunState, StepState, state_of, states_of
from portal.checklists.steps import complete_step, undo_step
from portal.kit.i18n import Message
from portal.kit.web import Site, SiteDep

router = APIRouter(tags=["checklists"])

SKEW = timedelta(minutes=1)
"""Two clocks never agree: what is said to be done this little ahead was done just now."""

EXCEPTION_READERS: dict[str, Reader] = {
    "started_at": moment,
    "due_at": moment,
    "paused": flag,
    "excluded": flag,
    "reason": text(1000, lines=True),
}
COMPLETION_READERS: dict[str, Reader] = {"member": identifier, "at": moment}


class Title(BaseModel):
    """In both languages; the same text twice where it was written in one."""

    ja: str = Field(examples=["メンバーを3名招待する"])
    en: str = Field(examples=["Invite three members"])


class Progress(BaseModel):
    """Steps done, of all steps."""

    done: int = Field(examples=[1])
    total: int = Field(examples=[5])


class CompletionOut(BaseModel):
    """Who or what completed a step, when, how, and what shows it."""

    at: Instant
    by: str = Field(
        description="A member's external id, a staff person's address, or the name of an API key.", examples=["u-1024"]
    )
    how: Literal["event", "tutorial", "webinar", "document", "webhook", "api", "member", "staff"]
    evidence: dict[str, Any] = Field(examples=[{"event": "member.invited", "count": 3, "needed": 3}])


class StepOut(BaseModel):
    """A step; `scope` in the words of the checklist's file."""

    key: str = Field(examples=["invite"])
    title: Title
    scope: str | dict[str, int | str] = Field(examples=["account", {"members": 3}, {"share": "80%"}])
    required: bool
    due_at: Instant | None
    done: bool
    completion: CompletionOut | None


class ChecklistOut(BaseModel):
    """A customer's run through a checklist, as it stands."""

    account: str = Field(examples=["acme-inc"])
    checklist: str = Field(examples=["first-30-days"])
    version: int = Field(examples=[1])
    started_at: Instant = Field(examples=["2026-06-01T00:00:00Z"])
    due_at: Instant | None = Field(examples=["2026-07-01T14:59:59Z"])
    completed_at: Instant | None = Field(examples=[None])
    status: Literal["in_progress", "completed", "overdue", "paused", "excluded"]
    progress: Progress
    steps: list[StepOut]


class ChecklistsOut(BaseModel):
    """Every checklist a customer is enrolled in."""

    checklists: list[ChecklistOut]


class CompletionIn(BaseModel):
    """Whose part it is, and when it was done; without a member the step is done for the customer as a whole."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"member": "u-1024"}})

    member: str | None = line(200, description="External id of a member of this customer.")
    at: MomentIn | None = Field(default=None, description="When it was done; not in the future. Default: now.")


class ExceptionIn(BaseModel):
    """What is different for this customer, and why. Only what is given changes."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"due_at": "2026-08-31", "reason": "担当者の休職のため延長"}},
    )

    reason: str = Field(min_length=1, max_length=1000, pattern=SAID, description="Kept on record.")
    started_at: MomentIn = Field(default_factory=str, description="The run counts from then on.")
    due_at: MomentIn | None = Field(default=None, description="`null`: by the checklist's rule again.")
    paused: bool = Field(default_factory=bool, description="While paused the deadline does not run.")
    excluded: bool = Field(default_factory=bool, description="Excluded customers are in no rate.")


# --- reading ----------------------------------------------------------------------------------------------------------


@router.get("/accounts/{account}/checklists", responses=described(401, 404))
async def list_checklists(site: SiteDep, _key: Reads, account: AccountId) -> ChecklistsOut:
    """Every checklist a customer is enrolled in, as it stands."""
    wanted, now = known_id(account, site.zone), site.clock()

    def work(session: Session) -> ChecklistsOut:
        account_id = id_of(account_called(session, wanted))
        states = states_of(session, account_id=account_id, now=now, zone=site.zone)
        return ChecklistsOut(checklists=[_checklist(state) for state in states])

    return await site.database.read(work)


@router.get("/accounts/{account}/checklists/{key}", responses=described(401, 404))
async def show_checklist(site: SiteDep, _key: Reads, account: AccountId, key: Key) -> ChecklistOut:
    """One of them; 404 where the customer is not enrolled in it."""
    wanted, now = known_id(account, site.zone), site.clock()

    def work(session: Session) -> ChecklistOut:
        return _now(session, id_of(account_called(session, wanted)), key, site, now)

    return await site.database.read(work)


# --- acting -----------------------------------------------------------------------------------------------------------


@router.put(
    "/accounts/{account}/checklists/{key}/steps/{step}/completion",
    responses=described(400, 401, 403, 404, 413, 422),
    openapi_extra=body_schema(CompletionIn, required=False),
)
async def complete(
    request: Request, site: SiteDep, api_key: Writes, account: AccountId, key: Key, step: Key
) -> ChecklistOut:
    """A step is done. Said again it changes nothing."""
    wanted, now = known_id(account, site.zone), site.clock()
    told = read(await body_of(request, optional=True), COMPLETION_READERS, told_as=CompletionIn, zone=site.zone)
    at = cast("datetime | None", told.get("at"))
    if at is not None and at > now + SKEW:
        raise wrong("at", "in_the_future", Message("A step cannot be completed in the future."))

    def work(session: Session) -> ChecklistOut:
        owner = account_called(session, wanted)
        complete_step(
            session,
            account_id=id_of(owner),
            key=key,
            step_key=step,
            actor=_actor(session, api_key),
            now=now,
            zone=site.zone,
            member_id=member_called(session, owner, str(told["member"])).id if told.get("member") else None,
            at=min(at, now) if at else None,
        )
        return _now(session, id_of(owner), key, site, now)

    return await site.database.write(work)


@router.delete(
    "/accounts/{account}/checklists/{key}/steps/{step}/completion",
    responses=described(400, 401, 403, 404, 413, 422),
    openapi_extra=body_schema(CompletionIn, required=False),
)
async def undo(
    request: Request,
    site: SiteDep,
    api_key: Writes,
    account: AccountId,
    key: Key,
    step: Key,
    member: str | None = Query(default=None, description="For clients whose DELETE cannot carry a body."),
) -> ChecklistOut:
    """A step is not done after all: it is on record, and only what happens later can complete it again."""
    wanted, now = known_id(account, site.zone), site.clock()
    told = read(await body_of(request, optional=True), COMPLETION_READERS, told_as=CompletionIn, zone=site.zone)
    person = told.get("member") or member

    def work(session: Session) -> ChecklistOut:
        owner = account_called(session, wanted)
        undo_step(
            session,
            account_id=id_of(owner),
            key=key,
            step_key=step,
            actor=_actor(session, api_key),
            now=now,
            zone=site.zone,
            member_id=member_called(session, owner, known_id(str(person), site.zone)).id if person else None,
        )
        return _now(session, id_of(owner), key, site, now)

    return await site.database.write(work)


@router.patch(
    "/accounts/{account}/checklists/{key}",
    responses=described(400, 401, 403, 404, 413, 422),
    openapi_extra=body_schema(ExceptionIn),
)
async def make_an_exception(
    request: Request, site: SiteDep, api_key: Writes, account: AccountId, key: Key
) -> ChecklistOut:
    """A moved start, an extension, a pause, an exclusion: on record, with its reason."""
    wanted, now = known_id(account, site.zone), site.clock()
    body = await body_of(request)
    # Only a deadline can be "none in particular": null in any other field says nothing.
    never_null = [name for name in ("started_at", "paused", "excluded") if name in body]
    told = read(body, EXCEPTION_READERS, told_as=ExceptionIn, zone=site.zone, needed=["reason", *never_null])
    change = Change(
        reason=str(told["reason"]),
        started_at=told.get("started_at", UNSET),
        due_at=told.get("due_at", UNSET),
        paused=told.get("paused", UNSET),
        excluded=told.get("excluded", UNSET),
    )

    def work(session: Session) -> ChecklistOut:
        account_id = id_of(account_called(session, wanted))
        actor = _actor(session, api_key)
        make_exception(session, account_id=account_id, key=key, change=change, actor=actor, now=now, zone=site.zone)
        return _now(session, account_id, key, site, now)

    return await site.database.write(work)


# --- showing ----------------------------------------------------------------------------------------------------------


def _actor(session: Session, api_key: int) -> Actor:
    key = session.get_one(ApiKey, api_key)
    return Actor(kind="api", key=key.name, name=key.name)


def _now(session: Session, account_id: int, key: str, site: Site, now: datetime) -> ChecklistOut:
    return _checklist(state_of(session, account_id=account_id, key=key, now=now, zone=site.zone))


def _checklist(state: RunState) -> ChecklistOut:
    return ChecklistOut(
        account=state.account,
        checklist=state.key,
        version=state.version,
        started_at=state.started_at,
        due_at=state.due_at,
        completed_at=state.completed_at,
        status=state.status,
        progress=Progress(done=state.progress.done, total=state.progress.total),
        steps=[_step(step) for step in state.steps],
    )


def _step(state: StepState) -> StepOut:
    step = state.step
    either = next(iter(step.title.values()))
    return StepOut(
        key=step.key,
        title=Title(ja=step.title.get("ja", either), en=step.title.get("en", either)),
        scope=_scope(step.scope),
        required=step.required,
        due_at=state.due_at,
        done=state.done is not None,
        completion=_completion(state.done) if state.done else None,
    )


def _scope(scope: Scope) -> str | dict[str, int | str]:
    match scope:
        case Members(n):
            return {"members": n}
        case Share(percent):
            return {"share": f"{percent}%"}
        case Role(name):
            return {"role": name}
    return next(name for name, known in SCOPES.items() if known == scope)


def _completion(done: Done) -> CompletionOut:
    return CompletionOut(at=done.at, by=done.by, how=cast("Any", done.how), evidence=dict(done.evidence))
