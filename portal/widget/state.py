"""What a widget shows its member: everything its panel needs in one answer, and in the member's words.

The sentences come from the very view that the portal's own pages have, so a step never says one thing here and another
there. Only words of the panel itself (buttons, headings) are in its script.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session

from portal.accounts.viewers import MemberViewer
from portal.checklists.shown import ChecklistView, StepView, view_of
from portal.checklists.state import RunState, states_of
from portal.kit.dates import iso
from portal.kit.i18n import Locale, Message
from portal.widget.dismissals import Aside, asides
from portal.widget.rules import ink_on
from portal.widget.theme import Theme, current_theme

Shown = dict[str, Any]


def shown_to(
    session: Session,
    viewer: MemberViewer,
    *,
    locale: Locale,
    now: datetime,
    zone: ZoneInfo,
    base_url: str,
    vendor_name: str,
) -> Shown:
    """The state answer, as JSON values."""
    states = states_of(session, account_id=viewer.account_id, now=now, zone=zone, member_id=viewer.member_id)
    aside = asides(session, viewer, now=now)
    shown = [
        _checklist(
            state,
            view_of(session, state, viewer, locale=locale, now=now, zone=zone),
            aside.get(state.key),
            locale=locale,
            base_url=base_url,
        )
        for state in states
        if state.status != "excluded"
    ]
    return {
        "locale": locale,
        "member": {"id": viewer.external_id, "name": viewer.name, "is_admin": viewer.is_admin},
        "account": {"id": viewer.account_external_id, "name": viewer.account_name},
        "checklists": shown,
        "prompts": [],
        "help": {"search": True},
        "theme": _theme(current_theme(session), locale),
        "portal": {"name": vendor_name, "url": base_url, "help_url": f"{base_url}/manuals"},
    }


def _checklist(state: RunState, view: ChecklistView, aside: Aside | None, *, locale: Locale, base_url: str) -> Shown:
    following = next((one.key for one in view.steps if one.look == "next"), None)
    return {
        "key": view.key,
        "title": view.title,
        "status": state.status,
        "done": view.done,
        "total": view.total,
        "progress": view.ring.into(locale),
        "due": _said(view.due, locale),
        "due_at": iso(view.due_at) or None,
        "is_overdue": view.is_overdue,
        "completed_at": iso(view.completed_at) or None,
        "next": following,
        "url": f"{base_url}{view.href}",
        "dismissed": None
        if aside is None
        else {
            "for": aside.whom,
            "until": iso(aside.until) or None,
            "by": aside.by_name,
            "can_undo": aside.can_undo,
        },
        "steps": [
            _step(one, bool(known.done), required=known.step.required, locale=locale, base_url=base_url)
            for one, known in zip(view.steps, state.steps, strict=True)
        ],
    }


def _step(step: StepView, done: bool, *, required: bool, locale: Locale, base_url: str) -> Shown:
    guide = step.guide
    return {
        "key": step.key,
        "number": step.number,
        "title": step.title,
        "text": step.description,
        "look": step.look,
        "word": step.look_word.into(locale),
        "tag": _said(step.tag, locale),
        "tone": step.tag_tone,
        "note": _said(step.note, locale),
        "why": _said(step.why, locale),
        "remarks": [one.into(locale) for one in step.remarks],
        "counts": [{"text": one.text.into(locale), "done": one.done, "total": one.total} for one in step.counts],
        "guide": guide and {"kind": guide.kind, "key": guide.key, "title": guide.title, "url": base_url + guide.href},
        "url": step.url,
        "done": done,
        "required": required,
        "own": step.is_own_part,
        "can_tick": step.tick_url is not None,
        "can_undo": step.undo_url is not None,
    }


def _theme(theme: Theme, locale: Locale) -> Mapping[str, object]:
    return {
        "accent": theme.accent,
        "accent_dark": theme.accent_dark,
        "ink": ink_on(theme.accent),
        "ink_dark": ink_on(theme.accent_dark),
        "radius": theme.radius,
        "position": theme.position,
        "scheme": theme.scheme,
        "launcher": theme.launcher_ja if locale == "ja" else theme.launcher_en,
    }


def _said(message: Message | None, locale: Locale) -> str | None:
    return None if message is None else message.into(locale)
