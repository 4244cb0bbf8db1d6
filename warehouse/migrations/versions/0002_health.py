"""Health: what people decided about bands, and which were announced; episodes are named by a day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "health_overrides",
        sa.Column("account_id", sa.Text, primary_key=True),
        sa.Column("created_at", sa.DateTime, primary_key=True),
        sa.Column("band", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("expires_at", sa.DateTime, nullable=False),
    )
    op.create_table(
        "band_alerts",
        sa.Column("account_id", sa.Text, primary_key=True),
        sa.Column("band", sa.Text, nullable=False),
        sa.Column("score", sa.Integer),
        sa.Column("since", sa.DateTime, nullable=False),
    )
    with op.batch_alter_table("flag_episodes") as table:
        table.alter_column("episode", type_=sa.Text, existing_type=sa.Integer, existing_nullable=False)
