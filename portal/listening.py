"""Who listens to whom: what one room does and another follows, put together apart from all pages.

A command that writes has everybody listening without importing what only a server shows.
"""

from portal.accounts import changes, invitations, merging, one_person, own_fields, personal, sessions, trail
from portal.checklists import listeners, news, touched
from portal.checklists import merging as checklists_merging
from portal.checklists import personal as checklists_personal
from portal.checklists.evaluation import completed_by_accounts
from portal.conditions.service import know_checklists
from portal.content import joining as content_joining
from portal.content import media_door as documents_door
from portal.content import personal as content_personal
from portal.desk import signed_in
from portal.events import ingest
from portal.events import merging as events_merging
from portal.events import personal as events_personal
from portal.mailing import alerts
from portal.mailing import personal as mailing_personal
from portal.media import uses
from portal.segments import membership
from portal.touch import contacts
from portal.touch import personal as touch_personal
from portal.tutorials import joining as tutorials_joining
from portal.tutorials import media_door as tutorials_door
from portal.tutorials import personal as tutorials_personal
from portal.webhooks import announce
from portal.webhooks import personal as webhooks_personal
from portal.widget import personal as widget_personal
from portal.widget import stamps
from portal.workshop import personal as workshop_personal


def subscribe() -> None:
    """From now on everybody listens who listens to the portal; subscribing twice counts once."""
    # Events that waited for a person are attached first, so that checklists see them.
    changes.subscribe(ingest.follow_accounts)
    know_checklists(completed_by_accounts)
    changes.subscribe(listeners.on_accounts_changed)
    changes.subscribe(membership.on_accounts_changed)
    changes.subscribe(own_fields.on_accounts_changed)
    changes.subscribe(stamps.on_accounts_changed)
    touched.on_runs_changed.subscribe(stamps.on_runs_changed)
    ingest.subscribe(listeners.on_events)
    ingest.subscribe(membership.on_events)
    touched.on_runs_changed.subscribe(membership.on_runs_changed)
    ingest.subscribe(announce.on_events)
    news.subscribe(announce.on_checklist_news)
    news.subscribe(alerts.on_checklist_news)
    merging.subscribe(checklists_merging.JOINER)
    merging.subscribe(events_merging.JOINER)
    merging.subscribe(content_joining.JOINER)
    merging.subscribe(tutorials_joining.JOINER)
    merging.subscribe(merging.Joiner("touch", settle=contacts.follow))
    one_person.joined.subscribe(events_merging.join_people)
    one_person.joined.subscribe(content_joining.join_people)
    one_person.joined.subscribe(tutorials_joining.join_people)
    sessions.on_signed_in.subscribe(signed_in.record_sign_in)
    sessions.on_signed_in.subscribe(invitations.note_joined)
    # Every room that holds something of people says what, and takes it away.
    personal.subscribe(eraser=personal.erase_own)
    rooms = (events_personal, checklists_personal, content_personal, tutorials_personal, webhooks_personal)
    personal.subscribe(holder=trail.held, eraser=trail.erase)
    for room in (*rooms, mailing_personal, widget_personal, touch_personal, workshop_personal):
        personal.subscribe(holder=room.held, eraser=room.erase)
    uses.open_door(documents_door.KIND, documents_door.DOOR)
    uses.open_door(tutorials_door.KIND, tutorials_door.DOOR)
