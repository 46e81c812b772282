"""the vendor's calendar"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = '0018'
down_revision = '0016'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('work_week',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('weekdays', sqlmodel.sql.sqltypes.AutoString(length=7), nullable=False),
    sa.Column('holidays', sa.Boolean(), nullable=False),
    sa.Column('new_year', sa.Boolean(), nullable=False),
    sa.Column('obon', sa.Boolean(), nullable=False),
    sa.Column('changed_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('changed_by', sqlmodel.sql.sqltypes.AutoString(length=254), nullable=False),
    sa.CheckConstraint('id = 1', name=op.f('ck_work_week_one')),
    sa.CheckConstraint("weekdays <> ''", name=op.f('ck_work_week_weekdays')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_work_week'))
    )
    op.create_table('own_day',
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('is_open', sa.Boolean(), nullable=False),
    sa.Column('name', sqlmodel.sql.sqltypes.AutoString(length=100), nullable=False),
    sa.Column('added_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('added_by', sqlmodel.sql.sqltypes.AutoString(length=254), nullable=False),
    sa.PrimaryKeyConstraint('day', name=op.f('pk_own_day'))
    )


def downgrade() -> None:
    op.drop_table('own_day')
    op.drop_table('work_week')
