"""Every table, for Alembic: importing this module makes the metadata whole."""

from portal.accounts import models as accounts
from portal.accounts import records
from portal.accounts import trail_models as trail
from portal.checklists import models as checklists
from portal.conditions import models as conditions
from portal.content import models as content
from portal.events import models as events
from portal.insights import models as insights
from portal.kit import jobs
from portal.kit.rows import Row
from portal.mailing import models as mailing
from portal.media import models as media
from portal.search import models as search
from portal.studio import models as studio
from portal.touch import models as touch
from portal.tutorials import models as tutorials
from portal.webhooks import models as webhooks
from portal.widget import models as widget
from portal.workdays import models as workdays
from portal.workshop import models as workshop

metadata = Row.metadata
rooms = (
    accounts,
    records,
    trail,
    workdays,
    events,
    conditions,
    touch,
    search,
    media,
    content,
    tutorials,
    checklists,
    mailing,
    studio,
    insights,
    webhooks,
    jobs,
    widget,
    workshop,
)
