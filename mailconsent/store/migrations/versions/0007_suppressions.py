"""
Suppressions: of a whole domain too, and listed

Revision: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

SUPPRESSED = sa.text("kind = 'suppressed'")


def upgrade():
    op.add_column("installation", sa.Column("domains", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_index(
        "ix_events_suppressed",
        "events",
        ["recipient_id", "seq"],
        sqlite_where=SUPPRESSED,
        postgresql_where=SUPPRESSED,
    )


def downgrade():
    op.drop_index("ix_events_suppressed", table_name="events")
    op.drop_column("installation", "domains")
