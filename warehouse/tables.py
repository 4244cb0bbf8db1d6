"""The tables of the operational store, as SQLAlchemy Core sees them.

The migrations make them (a test holds both against each other). Every DDL runs on SQLite and PostgreSQL.
Money never lives here; times are UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """An aware moment, kept as UTC without zone: SQLite has no zones."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Turn an aware moment into UTC without zone."""
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without zone cannot be stored")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any | None, dialect: sa.Dialect) -> datetime | None:
        """Give the zone back."""
        del dialect
        return None if value is None else value.replace(tzinfo=UTC)


metadata = sa.MetaData()
_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

meta = sa.Table(
    "meta",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("run_id", sa.Text, primary_key=True),
    sa.Column("status", sa.Text, nullable=False),  # running, done, failed
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("finished_at", UtcDateTime),
    sa.Column("as_of", UtcDateTime, nullable=False),
    sa.Column("pull", sa.Integer, nullable=False),  # the landing's pull that it was made from
    sa.Column("counts", sa.JSON, nullable=False),
    sa.Column("error", sa.Text),
)

run_pointer = sa.Table(
    "run_pointer",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),  # "current"
    sa.Column("run_id", sa.Text, sa.ForeignKey("runs.run_id"), nullable=False),
)

flag_episodes = sa.Table(
    "flag_episodes",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("flag", sa.Text, primary_key=True),
    sa.Column("episode", sa.Text, primary_key=True),  # the day on which it opened
    sa.Column("opened_at", UtcDateTime, nullable=False),
    sa.Column("last_seen_at", UtcDateTime, nullable=False),
    sa.Column("closed_at", UtcDateTime),
    sa.Column("severity", sa.Text),
)

health_overrides = sa.Table(
    "health_overrides",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("created_at", UtcDateTime, primary_key=True),
    sa.Column("band", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
)

band_alerts = sa.Table(
    "band_alerts",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("band", sa.Text, nullable=False),
    sa.Column("score", sa.Integer),
    sa.Column("since", UtcDateTime, nullable=False),
)

push_ledger = sa.Table(
    "push_ledger",
    metadata,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("object_type", sa.Text, nullable=False),
    sa.Column("object_id", sa.Text, nullable=False),
    sa.Column("property", sa.Text, nullable=False),
    sa.Column("old_value", sa.Text, nullable=False),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("written_at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("object_type", "object_id", "property", "run_id", name="uq_push_ledger"),
)

push_failures = sa.Table(
    "push_failures",
    metadata,
    sa.Column("object_type", sa.Text, primary_key=True),
    sa.Column("object_id", sa.Text, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("failed_at", UtcDateTime, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="1"),
)

task_ledger = sa.Table(
    "task_ledger",
    metadata,
    sa.Column("task_key", sa.Text, primary_key=True),
    sa.Column("task_id", sa.Text, nullable=False, index=True),
    sa.Column("company_id", sa.Text, nullable=False),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("opened_at", UtcDateTime, nullable=False),
    sa.Column("linked_at", UtcDateTime),
)

set_up = sa.Table(
    "crm_properties",
    metadata,
    sa.Column("object_type", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("seen_at", UtcDateTime, nullable=False),
)

applied_plans = sa.Table(
    "applied_plans",
    metadata,
    sa.Column("plan_hash", sa.Text, primary_key=True),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("applied_at", UtcDateTime, nullable=False),
)

links = sa.Table(
    "links",
    metadata,
    sa.Column("stripe_customer_id", sa.Text, primary_key=True),
    sa.Column("company_id", sa.Text, nullable=False),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
)
