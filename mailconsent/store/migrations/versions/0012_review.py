"""
Review: until when a mail is to be decided, and the questions that hang on it

Revision: 0012
"""

from datetime import timedelta

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

OPEN = "state <> 'done'"
#: What it is for mail that waits already.
DEADLINE = timedelta(days=2)
QUESTIONED = sa.text("kind = 'questioned'")
BY_MAIL = sa.text("channel = 'inbox'")


def upgrade():
    op.create_table(
        "questions",
        sa.Column("recipient_id", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("mailbox_id", sa.Integer(), nullable=False),
        sa.Column("uidvalidity", sa.BigInteger(), nullable=False),
        sa.Column("uid", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("recipient_id", "seq", "mailbox_id", "uidvalidity", "uid", name=op.f("pk_questions")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_questions_mailbox_id", "questions", ["mailbox_id", "uidvalidity", "uid"])
    for name, columns, which in (
        ("ix_events_questioned", ["recipient_id", "seq"], QUESTIONED),
        ("ix_events_mailed", ["source"], BY_MAIL),
    ):
        op.create_index(name, "events", columns, sqlite_where=which, postgresql_where=which)
    op.add_column("inbound_messages", sa.Column("review_until", sa.DateTime(timezone=True), nullable=True))
    messages = sa.table(
        "inbound_messages",
        sa.column("stored_at", sa.DateTime(timezone=True)),
        sa.column("review_until", sa.DateTime(timezone=True)),
    )
    waiting = sa.select(messages.c.stored_at).where(sa.text(OPEN)).distinct()
    for (stored_at,) in op.get_bind().execute(waiting).all():
        op.execute(
            sa.update(messages)
            .where(messages.c.stored_at == stored_at, sa.text(OPEN))
            .values(review_until=stored_at + DEADLINE)
        )


def downgrade():
    op.drop_column("inbound_messages", "review_until")
    op.drop_index("ix_events_mailed", table_name="events")
    op.drop_index("ix_events_questioned", table_name="events")
    op.drop_table("questions")
