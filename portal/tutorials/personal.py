"""What tutorials hold of one person: given out, or taken away with the person."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlmodel import Session, col

from portal.accounts.personal import Person
from portal.tutorials.models import TutorialRun, TutorialStepDone


def held(session: Session, person: Person) -> dict[str, Any]:
    """Every tutorial the person began, and the steps they have done."""
    runs = select(TutorialRun).where(col(TutorialRun.member_id) == person.member_id).order_by(col(TutorialRun.id))
    return {
        "tutorials": [
            {
                "tutorial": run.tutorial_key,
                "started_at": run.started_at,
                "completed_at": run.completed_at,
                "steps": [{"step": done.step_key, "at": done.at} for done in _done(session, run)],
            }
            for run in session.execute(runs).scalars().all()
        ]
    }


def erase(session: Session, person: Person, _now: datetime) -> None:
    """Their ways through tutorials go; that they finished one is an event of the customer's."""
    session.execute(delete(TutorialRun).where(col(TutorialRun.member_id) == person.member_id))


def _done(session: Session, run: TutorialRun) -> list[TutorialStepDone]:
    asked = select(TutorialStepDone).where(col(TutorialStepDone.run_id) == run.id).order_by(col(TutorialStepDone.at))
    return list(session.execute(asked).scalars())
