"""Every table, for Alembic: importing this module makes the metadata whole."""

from portal.accounts import models as accounts
from portal.checklists import models as checklists
from portal.content import models as content
from portal.events import models as events
from portal.kit import jobs
from portal.kit.rows import Row
from portal.mailing import models as mailing
from portal.media import models as media
from portal.search import models as search
from portal.studio import models as studio
from portal.tutorials import models as tutorials
from portal.webhooks import models as webhooks
from portal.widget import models as widget
from portal.workdays import models as workdays

metadata = Row.metadata
rooms = (
    accounts,
    workdays,
    events,
    search,
    media,
    content,
    tutorials,
    checklists,
    mailing,
    studio,
    webhooks,
    jobs,
    widget,
)
