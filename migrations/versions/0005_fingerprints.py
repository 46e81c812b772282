"""what makes an event unique, as a hash; completions by enrollment; indexes that cover the rates

Revision ID: 0005
Revises: 0004

"""

from collections.abc import Sequence
from hashlib import blake2b

import sqlalchemy as sa
from alembic import op

revision: str = '0005'
down_revision: str | Sequence[str] | None = '0004'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

AT_ONCE = 10_000
ENROLLMENT = [
    'checklist_key',
    'account_id',
    'started_at',
    'due_at',
    'completed_at',
    'version',
    'furthest',
    'last_progress_at',
]
COMPLETION = ['checklist_key', 'step_key', 'days', 'at', 'enrollment_id']
EVENT = sa.table(
    'event',
    *(sa.column(name) for name in ('id', 'source_id', 'message_id', 'from_browser')),
    sa.column('fingerprint', sa.LargeBinary()),
)


def upgrade() -> None:
    op.add_column('event', sa.Column('fingerprint', sa.LargeBinary(12), nullable=True))
    _fill(op.get_bind())
    with op.batch_alter_table('event', schema=None) as batch_op:
        batch_op.alter_column('fingerprint', existing_type=sa.LargeBinary(12), nullable=False)
        batch_op.drop_constraint('uq_event_source_id_message_id_from_browser', type_='unique')
        batch_op.create_unique_constraint('uq_event_fingerprint', ['fingerprint'])
    op.create_index('ix_completion_enrollment_id', 'completion', ['enrollment_id'])
    _index_for_rates(ENROLLMENT + ['excluded_at', 'withdrawn_at'], COMPLETION + ['member_id', 'undone_at'])


def downgrade() -> None:
    _index_for_rates(ENROLLMENT, COMPLETION)
    op.drop_index('ix_completion_enrollment_id', 'completion')
    with op.batch_alter_table('event', schema=None) as batch_op:
        batch_op.drop_constraint('uq_event_fingerprint', type_='unique')
        batch_op.create_unique_constraint(
            'uq_event_source_id_message_id_from_browser', ['source_id', 'message_id', 'from_browser']
        )
        batch_op.drop_column('fingerprint')


def _index_for_rates(enrollment: list[str], completion: list[str]) -> None:
    for name, table, columns, where in (
        ('ix_enrollment_counted', 'enrollment', enrollment, 'excluded_at IS NULL AND withdrawn_at IS NULL'),
        ('ix_completion_funnel', 'completion', completion, 'member_id IS NULL AND undone_at IS NULL'),
    ):
        op.drop_index(name, table)
        op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _fill(connection: sa.Connection) -> None:
    """As `portal.events.log.fingerprint` made it when this version was written."""
    last = 0
    setting = EVENT.update().where(EVENT.c.id == sa.bindparam('event')).values(fingerprint=sa.bindparam('made'))
    asked = sa.select(EVENT.c['id', 'source_id', 'message_id', 'from_browser']).order_by(EVENT.c.id).limit(AT_ONCE)
    while rows := connection.execute(asked.where(EVENT.c.id > last)).all():
        made = [
            {
                'event': event_id,
                'made': blake2b(f'{source_id}/{from_browser:d}/{message_id}'.encode(), digest_size=12).digest(),
            }
            for event_id, source_id, message_id, from_browser in rows
        ]
        connection.execute(setting, made)
        last = rows[-1].id
