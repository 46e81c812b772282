"""job lanes, webhooks out, overdue notices"""

import sqlalchemy as sa
import sqlmodel
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None

WAITING = sa.text("state = 'waiting'")
DEAD = sa.text("state = 'dead'")
OF_SOMEBODY = sa.text("member IS NOT NULL")


def upgrade() -> None:
    op.add_column('job', sa.Column('lane', sqlmodel.sql.sqltypes.AutoString(length=128), nullable=True))
    op.execute("UPDATE job SET lane = kind")
    # Whoever holds a job is known from now on by when it may next be taken.
    op.execute("UPDATE job SET run_at = leased_until WHERE state = 'waiting' AND leased_until > run_at")
    with op.batch_alter_table('job', schema=None) as batch_op:
        batch_op.drop_index('ix_job_waiting')
        batch_op.alter_column('lane', existing_type=sa.String(length=128), nullable=False)
        batch_op.create_index('ix_job_lane', ['lane', 'run_at'], unique=False, sqlite_where=WAITING, postgresql_where=WAITING)
        batch_op.create_index('ix_job_dead', ['finished_at'], unique=False, sqlite_where=DEAD, postgresql_where=DEAD)

    op.create_table('overdue_notice',
    sa.Column('enrollment_id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('due_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('told_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['enrollment_id'], ['enrollment.id'], name=op.f('fk_overdue_notice_enrollment_id_enrollment'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('enrollment_id', 'due_at', name=op.f('pk_overdue_notice'))
    )
    op.create_table('webhook_endpoint',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('key', sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column('url', sqlmodel.sql.sqltypes.AutoString(length=2000), nullable=False),
    sa.Column('description', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('event_types', sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
    sa.Column('secret', sa.Text(), nullable=False),
    sa.Column('previous_secret', sa.Text(), nullable=True),
    sa.Column('previous_until', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('headers', sa.Text(), nullable=False),
    sa.Column('created_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('created_by', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('failing_since', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('disabled_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('disabled_because', sqlmodel.sql.sqltypes.AutoString(length=8), nullable=True),
    sa.CheckConstraint("disabled_because IN ('person', 'failing', 'gone')", name=op.f('ck_webhook_endpoint_disabled_because')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_webhook_endpoint')),
    sa.UniqueConstraint('key', name=op.f('uq_webhook_endpoint_key'))
    )
    op.create_table('webhook_message',
    sa.Column('key', sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column('type', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.Column('at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.Column('account', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=True),
    sa.Column('member', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=True),
    sa.PrimaryKeyConstraint('key', name=op.f('pk_webhook_message'))
    )
    with op.batch_alter_table('webhook_message', schema=None) as batch_op:
        batch_op.create_index('ix_webhook_message_at', ['at'], unique=False)
        batch_op.create_index('ix_webhook_message_member', ['account', 'member'], unique=False, sqlite_where=OF_SOMEBODY, postgresql_where=OF_SOMEBODY)

    op.create_table('webhook_attempt',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('endpoint_id', sa.Integer(), nullable=False),
    sa.Column('message_key', sa.String(length=40), nullable=False),
    sa.Column('at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('ok', sa.Boolean(), nullable=False),
    sa.Column('status', sa.Integer(), nullable=True),
    sa.Column('milliseconds', sa.Integer(), nullable=False),
    sa.Column('error', sqlmodel.sql.sqltypes.AutoString(length=500), nullable=True),
    sa.Column('answer', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['endpoint_id'], ['webhook_endpoint.id'], name=op.f('fk_webhook_attempt_endpoint_id_webhook_endpoint'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['message_key'], ['webhook_message.key'], name=op.f('fk_webhook_attempt_message_key_webhook_message'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_webhook_attempt'))
    )
    with op.batch_alter_table('webhook_attempt', schema=None) as batch_op:
        batch_op.create_index('ix_webhook_attempt_endpoint_id', ['endpoint_id', 'id'], unique=False)
        batch_op.create_index('ix_webhook_attempt_message_key', ['message_key', 'endpoint_id'], unique=False)


def downgrade() -> None:
    op.drop_table('webhook_attempt')
    op.drop_table('webhook_message')
    op.drop_table('webhook_endpoint')
    op.drop_table('overdue_notice')
    with op.batch_alter_table('job', schema=None) as batch_op:
        batch_op.drop_index('ix_job_dead', sqlite_where=DEAD, postgresql_where=DEAD)
        batch_op.drop_index('ix_job_lane', sqlite_where=WAITING, postgresql_where=WAITING)
        batch_op.create_index('ix_job_waiting', ['state', 'run_at'], unique=False)
        batch_op.drop_column('lane')
