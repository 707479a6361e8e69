"""
The outbox, and under which UIDVALIDITY a mailbox was read to its end

Revision: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

WAITING = sa.text("state = 'waiting'")


def upgrade():
    op.create_table(
        "outbox",
        sa.Column("recipient_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("holder", sa.String(length=32), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("raw", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["recipient_id"], ["recipients.id"], name=op.f("fk_outbox_recipients")),
        sa.PrimaryKeyConstraint("recipient_id", "id", name=op.f("pk_outbox")),
    )
    op.create_index("ix_outbox_created_at", "outbox", ["created_at"])
    op.create_index("ix_outbox_due_at", "outbox", ["due_at"], sqlite_where=WAITING, postgresql_where=WAITING)
    op.add_column("mailboxes", sa.Column("swept_uidvalidity", sa.BigInteger(), nullable=True))
    op.execute("update mailboxes set swept_uidvalidity = uidvalidity where checked_at is not null")


def downgrade():
    op.drop_column("mailboxes", "swept_uidvalidity")
    op.drop_index("ix_outbox_due_at", "outbox")
    op.drop_index("ix_outbox_created_at", "outbox")
    op.drop_table("outbox")
