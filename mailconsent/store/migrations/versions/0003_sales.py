"""
Sales: what soft opt-in asks of a recipient's events

Revision: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("standings", sa.Column("given_anew", sa.Integer(), nullable=True))


def downgrade():
    op.drop_column("standings", "given_anew")
