"""What each line of the audit log says happened, in words; an act nobody has words for is shown as it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from portal.accounts.trail import TrailKind
from portal.kit.i18n import Message

KIND_WORDS: Mapping[TrailKind, Message] = {
    "changed": Message("Changed"),
    "seen": Message("Looked at"),
    "exported": Message("Took as a file"),
    "access": Message("Access and rights"),
}
KIND_MEANINGS: Mapping[TrailKind, Message] = {
    "changed": Message("A form of the desk or a command that did something."),
    "seen": Message("A page of a customer was opened; once an hour for each person and page."),
    "exported": Message("A file with data was downloaded."),
    "access": Message("Sign-ins of staff, looking as a member, staff, roles, keys and sources."),
}
CUSTOMER = "/staff/accounts/{external_id}"
ACTS: Mapping[str, Message] = {
    "staff.signed_in": Message("Signing in"),
    "member.looked_as": Message("Looking at the portal as this person"),
    "member.looking_ended": Message("End of looking as this person"),
    CUSTOMER: Message("The customer's page"),
    f"{CUSTOMER}/edit": Message("The customer's data"),
    f"{CUSTOMER}/leave": Message("The customer leaves"),
    f"{CUSTOMER}/return": Message("The customer stays"),
    f"{CUSTOMER}/people/new": Message("Adding a person"),
    f"{CUSTOMER}/people/{{member_id}}": Message("The person's data"),
    f"{CUSTOMER}/people/{{member_id}}/leave": Message("The person leaves"),
    f"{CUSTOMER}/people/{{member_id}}/return": Message("The person stays"),
    f"{CUSTOMER}/people/{{member_id}}/invitation": Message("Inviting the person"),
    f"{CUSTOMER}/people/{{member_id}}/invitation/revoke": Message("Taking the invitation back"),
    f"{CUSTOMER}/people/{{member_id}}/code": Message("Reading out a sign-in code"),
    f"{CUSTOMER}/invitations": Message("Inviting everybody who was never here"),
    f"{CUSTOMER}/checklists/{{key}}/exception": Message("An exception in a checklist"),
    f"{CUSTOMER}/checklists/{{key}}/steps/{{step}}/{{act}}": Message("A step of a checklist"),
    "/staff/new-customer": Message("Adding a customer"),
    "/staff/plans/new": Message("Adding a plan"),
    "/staff/plans/{key}": Message("What a plan holds"),
    "/staff/members/{member_id}": Message("The person's page"),
    "/staff/members/{member_id}/export.json": Message("Everything held of a person"),
    "/staff/members/{member_id}/erase": Message("Erasing a person"),
    "/staff/people": Message("Adding a colleague"),
    "/staff/people/{staff_id}/role": Message("Giving a colleague another role"),
    "/staff/people/{staff_id}/remove": Message("Removing a colleague"),
    "/staff/people/{staff_id}/return": Message("Bringing a colleague back"),
    "/staff/keys": Message("Making an API key"),
    "/staff/keys/{key_id}/revoke": Message("Revoking an API key"),
    "/staff/sources": Message("Adding a source"),
    "/staff/sources/{source_id}/revoke": Message("Revoking a source"),
    "/staff/sources/{source_id}/settings": Message("Settings of a source"),
    "/staff/sources/{source_id}/events.jsonl": Message("Events of a source"),
    "/staff/onboarding/rate.csv": Message("The completion rate"),
    "/staff/audit.csv": Message("The audit log"),
    "/staff/audit.jsonl": Message("The audit log"),
    "/staff/report.csv": Message("The monthly report"),
    "/staff/report/target": Message("Setting a target"),
    "/staff/report/fiscal-year": Message("Setting the fiscal year"),
    "/staff/report/{month}/close": Message("Closing a month"),
    "banso staff add": Message("Adding or changing a colleague, by command"),
    "banso link": Message("Making a sign-in link, by command"),
    "banso key add": Message("Making an API key, by command"),
    "banso source add": Message("Adding a source, by command"),
    "banso mail bounce": Message("A notice of non-delivery, by command"),
    "banso publish": Message("Publishing, by command"),
    "banso import accounts": Message("Importing customers, by command"),
    "banso import members": Message("Importing people, by command"),
    "banso": Message("A command on the server"),
}
ROOMS: Mapping[str, Message] = {
    f"{CUSTOMER}/usage": Message("Usage report"),
    "/staff/import": Message("Import from a file"),
    "/staff/exceptions": Message("Exceptions for several customers"),
    "/staff/invitations": Message("Invite the people of several customers"),
    "/staff/touch": Message("Contacts and tasks"),
    "/staff/contacts": Message("Contacts and tasks"),
    "/staff/tasks": Message("Tasks"),
    "/staff/mails": Message("Mails"),
    "/staff/mails/new": Message("Write a mail"),
    "/staff/mails/rules": Message("Rules for mails"),
    "/staff/mails/templates": Message("Templates"),
    "/staff/mails/addresses": Message("Addresses without mails"),
    "/staff/mails/alerts": Message("Alerts"),
    "/staff/onboarding/stuck": Message("Stuck customers"),
    "/staff/duplicates": Message("Duplicates"),
    "/staff/segments": Message("Segments"),
    "/staff/fields": Message("Own fields"),
    "/staff/calendar": Message("Business days"),
    "/staff/checklists": Message("Checklists"),
    "/staff/content": Message("Content"),
    "/staff/collections": Message("Collections"),
    "/staff/releases": Message("Releases"),
    "/staff/media": Message("Pictures and files"),
    "/staff/search": Message("Search"),
    "/staff/widget": Message("Widget"),
    "/staff/webhooks": Message("Webhooks"),
}
"""Where an act happened, for those without words of their own."""


def act_words(act: str) -> Message | str:
    """What was done, in words where there are any; else where, by the nearest room above it."""
    if act in ACTS:
        return ACTS[act]
    rooms = [one for one in ROOMS if act == one or act.startswith(f"{one}/")]
    return ROOMS[max(rooms, key=len)] if rooms else act


def change_lines(detail: Mapping[str, Any]) -> Sequence[tuple[str, str, str, str]]:
    """What became of fields: (what, field, before, after), "–" for nothing."""
    lines = []
    for what, fields in detail.get("changes", {}).items():
        for name, pair in fields.items():
            before, after = (_said(value) for value in pair)
            lines.append((what, name, before, after))
    return lines


def _said(value: Any) -> str:
    return "–" if value in (None, "", [], {}) else str(value)
