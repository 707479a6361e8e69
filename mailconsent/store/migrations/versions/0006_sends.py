"""
Sends: what was really sent, and until when a consent is alive

Revision: 0006
"""

# ruff: noqa: S608 - made of constants

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ADDED = (
    ("standings", "consent_at", sa.BigInteger()),
    ("standings", "newer", sa.Integer()),
    ("standings", "newer_at", sa.BigInteger()),
    ("standings", "country", sa.String(length=2)),
    ("standings", "used_on", sa.Integer()),
    ("sales", "last_sent_on", sa.Integer()),
)


def upgrade():
    op.create_table(
        "sends",
        sa.Column("recipient_id", sa.BigInteger(), nullable=False),
        sa.Column("send_id", sa.String(length=64), nullable=False),
        sa.Column("topic", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("basis", sa.String(length=16), nullable=True),
        sa.Column("seq", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["recipient_id"], ["recipients.id"], name=op.f("fk_sends_recipients")),
        sa.PrimaryKeyConstraint("recipient_id", "send_id", name=op.f("pk_sends")),
        sqlite_with_rowid=False,
    )
    for table, name, kind in ADDED:
        op.add_column(table, sa.Column(name, kind, nullable=True))
    # Until now no event said of a country, and none could be taken back: of consents that are as good, the youngest.
    postgresql = op.get_bind().dialect.name == "postgresql"
    given = (
        "floor(extract(epoch from least(e.occurred_at, e.received_at)))::bigint"
        if postgresql
        # Cut, since SQLite rounds to the nearest millisecond, which may be of the next second.
        else "cast(strftime('%s', substr(min(e.occurred_at, e.received_at), 1, 19)) as integer)"
    )
    alive = """
        from events e where e.recipient_id = standings.recipient_id and e.topic = standings.topic
        and e.kind = 'consent_given' and e.seq > (
            select coalesce(max(n.seq), 0) from events n where n.recipient_id = e.recipient_id
            and n.topic in (0, e.topic)
            and n.kind in ('complaint', 'objected', 'withdrawn', 'refused', 'owner_changed')
        )
        """
    op.execute(
        f"update standings set consent_at = (select max({given}) {alive} and e.grade = standings.grade)"
        " where consent is not null"
    )
    op.execute(
        f"update standings set newer = (select max(e.seq) {alive} and e.grade = 'B' and e.seq > consent)"
        " where grade = 'A'"
    )
    op.execute(
        f"update standings set newer_at = (select max({given}) {alive} and e.grade = 'B') where newer is not null"
    )


def downgrade():
    for table, name, _ in reversed(ADDED):
        op.drop_column(table, name)
    op.drop_table("sends")
