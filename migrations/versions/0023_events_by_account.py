"""events by account: one index over a customer's events instead of two"""

from alembic import op

revision = '0023'
down_revision = '0022'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index('ix_event_account_id_at_name', 'event', ['account_id', 'at', 'name'], unique=False)
    op.drop_index('ix_event_account_id_at', 'event')
    op.drop_index('ix_event_account_id_name_at', 'event')


def downgrade() -> None:
    op.create_index('ix_event_account_id_name_at', 'event', ['account_id', 'name', 'at'], unique=False)
    op.create_index('ix_event_account_id_at', 'event', ['account_id', 'at'], unique=False)
    op.drop_index('ix_event_account_id_at_name', 'event')
