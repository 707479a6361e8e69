"""
Marks: which messages had an effect and lack their mark in the mailbox

Revision: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

LACKING = sa.text("unmarked")


def upgrade():
    op.add_column("inbound_messages", sa.Column("unmarked", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index(
        "ix_inbound_messages_unmarked",
        "inbound_messages",
        ["mailbox_id", "uidvalidity", "uid"],
        sqlite_where=LACKING,
        postgresql_where=LACKING,
    )


def downgrade():
    op.drop_index("ix_inbound_messages_unmarked", "inbound_messages")
    op.drop_column("inbound_messages", "unmarked")
