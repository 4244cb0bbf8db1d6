"""What could not be processed: events of the inbox that were given up, rows that HubSpot refused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from crm_sync.inputs import newest_rows
from warehouse import tables
from warehouse.inbox import DEAD, Inbox
from warehouse.ledger import CrmLedger

if TYPE_CHECKING:
    from warehouse.landing import Landing

_EVENT: Final = "event:"
_MOST: Final = 1_000
_COMPANIES: Final = "companies"


class DeadLetters:
    """Both kinds, behind one list.

    Args:
        engine: of the store.
        landing: tells which companies exist.
    """

    def __init__(self, engine: sa.Engine, landing: Landing) -> None:
        self._inbox = Inbox(engine)
        self._pushed = CrmLedger(engine)
        self._landing = landing

    def all(self) -> list[dict[str, Any]]:
        """Return them, newest first: id, what, attempts, since (UTC), reason.

        Refused rows of companies that no longer exist are forgotten on the way.
        """
        self._forget_gone()
        events = [
            {
                "id": f"{_EVENT}{row['id']}",
                "what": f"{row['source']} {row['event_type']}",
                "attempts": row["attempts"],
                "since": row["received_at"],
                "reason": row["error"],
            }
            for row in self._inbox.dead(_MOST)
        ]
        refused = [
            {
                "id": f"{row['object_type']}:{row['object_id']}",
                "what": f"HubSpot {row['object_type']}",
                "attempts": row["attempts"],
                "since": row["failed_at"].to_pydatetime(),
                "reason": row["reason"],
            }
            for row in self._pushed.push_failures().to_dict("records")
        ]
        return sorted([*events, *refused], key=lambda row: row["since"], reverse=True)

    def retry(self, ids: Sequence[str], now: datetime) -> int:
        """Put them back; return how many. An event whose payload is forgotten stays."""
        return self._inbox.revive(_events(ids), now) + self._forget(ids)

    def drop(self, ids: Sequence[str]) -> int:
        """Forget them; return how many."""
        table = tables.inbox
        chosen = (table.c.status == DEAD) & table.c.id.in_(_events(ids))
        with self._inbox.engine.execution_options(writes=True).begin() as connection:
            # The row stays, so that the same event sent once more is not processed after all.
            values = {"status": "done", "payload": None}
            events = connection.execute(sa.update(table).where(chosen).values(**values)).rowcount
        return events + self._forget(ids)

    def _forget(self, ids: Sequence[str]) -> int:
        pairs = [one.split(":", 1) for one in ids if not one.startswith(_EVENT)]
        for kind in {kind for kind, _ in pairs}:
            self._pushed.clear_failures(kind, [one for other, one in pairs if other == kind])
        return len(pairs)

    def _forget_gone(self) -> None:
        """Forget refused rows of companies that a later reading no longer found."""
        if not self._landing.rows("hubspot_companies"):
            return
        known = set(newest_rows(self._landing, "hubspot_companies", ("id",))["id"].map(str))
        read_at = self._landing.pulled_at("hubspot_companies")
        failures = self._pushed.push_failures()
        is_gone = (
            (failures["object_type"] == _COMPANIES)
            & ~failures["object_id"].isin(list(known))
            & (failures["failed_at"] < read_at)
        )
        self._pushed.clear_failures(_COMPANIES, list(failures.loc[is_gone, "object_id"]))


def _events(ids: Sequence[str]) -> list[int]:
    numbers = [one.removeprefix(_EVENT) for one in ids if one.startswith(_EVENT)]
    return [int(one) for one in numbers if one.isdecimal()]
