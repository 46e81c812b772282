"""job lanes"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None

WAITING = sa.text("state = 'waiting'")
DEAD = sa.text("state = 'dead'")


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


def downgrade() -> None:
    with op.batch_alter_table('job', schema=None) as batch_op:
        batch_op.drop_index('ix_job_dead', sqlite_where=DEAD, postgresql_where=DEAD)
        batch_op.drop_index('ix_job_lane', sqlite_where=WAITING, postgresql_where=WAITING)
        batch_op.create_index('ix_job_waiting', ['state', 'run_at'], unique=False)
        batch_op.drop_column('lane')
