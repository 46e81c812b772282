"""Every table, for Alembic: importing this module makes the metadata whole."""

from portal.accounts import models as accounts
from portal.checklists import models as checklists
from portal.content import models as content
from portal.events import models as events
from portal.kit import jobs
from portal.kit.rows import Row
from portal.tutorials import models as tutorials
from portal.widget import models as widget

metadata = Row.metadata
rooms = (accounts, events, content, tutorials, checklists, jobs, widget)
