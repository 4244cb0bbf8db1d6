"""Holds somebody else's MRR per customer and month against ours.

Money is in integer minor units of the row's currency; a month is ``2026-10`` and its MRR is that of its end.
What explains a difference: :mod:`enrichment.causes`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from enrichment.causes import MATCHED, Ours, explain
from enrichment.customer_months import KEY, customer_months

DIFFERS, MISSING_IN_OURS, MISSING_IN_THEIRS = "differs", "missing_in_ours", "missing_in_theirs"
STATUSES: Final = (MATCHED, DIFFERS, MISSING_IN_OURS, MISSING_IN_THEIRS)


@dataclass(frozen=True)
class Reconciliation:
    """What came of it.

    Attributes:
        cells: one row per customer, month and currency with MRR on either side: ``customer_id, month,
            currency, theirs, ours, difference`` (theirs - ours)``, status, rule, detail``. ``rule`` is the
            policy key or data cause; None where they match or nothing was found.
        tried: policy keys and choices that were computed, in order.
    """

    cells: pd.DataFrame
    tried: tuple[str, ...]

    @property
    def differences(self) -> pd.DataFrame:
        """Return the rows that do not match, the largest difference first."""
        rows = self.cells[self.cells["status"] != MATCHED]
        order = rows["difference"].abs().sort_values(ascending=False, kind="stable").index
        return rows.loc[order].reset_index(drop=True)

    def unexplained(self) -> dict[str, int]:
        """Return the unexplained rest per currency: what no cause was found for, signs not cancelling out."""
        rest = self.cells["difference"].abs().where(self.cells["rule"].isna(), 0)
        return {str(code): int(total) for code, total in rest.groupby(self.cells["currency"]).sum().items()}

    def totals(self) -> list[dict[str, Any]]:
        """Return one row per month and currency: theirs, ours, difference, customers per status."""
        rows = []
        for (month, currency), group in self.cells.groupby(["month", "currency"], sort=True):
            counts = group["status"].value_counts()
            sums = {name: int(group[name].sum()) for name in ("theirs", "ours", "difference")}
            found = {name: int(counts.get(name, 0)) for name in STATUSES}
            rows.append({"month": month, "currency": currency, **sums, **found})
        return rows

    def causes(self) -> list[dict[str, Any]]:
        """Return one row per currency and rule: how many customer-months and how much, the most first."""
        explained = self.cells[self.cells["rule"].notna()]
        rows = []
        for (currency, rule, detail), group in explained.groupby(["currency", "rule", "detail"], sort=True):
            amount = int(group["difference"].abs().sum())
            rows.append(
                {"currency": currency, "rule": rule, "detail": detail, "count": len(group), "amount": amount}
            )
        return sorted(rows, key=lambda row: -row["amount"])


def reconcile(theirs: pd.DataFrame, ours: Ours) -> Reconciliation:
    """Compare their MRR with ours and explain each difference.

    Args:
        theirs: customer_id, month, currency, mrr; at most one row per the first three, of months in
            ``ours.months``.
        ours: what we know.

    The policy is tried only while differences are left, each candidate once over the whole portfolio.
    """
    mine = customer_months(ours.ledger, ours.months)
    cells = _compare(theirs, mine)
    tried = explain(cells, ours)
    return Reconciliation(cells, tuple(tried))


def _compare(theirs: pd.DataFrame, mine: pd.DataFrame) -> pd.DataFrame:
    """Return one row per customer, month and currency that has MRR on either side."""
    mine = mine[mine["month"].isin(set(theirs["month"]))]
    both = theirs.merge(mine, on=KEY, how="outer", suffixes=("_theirs", "_ours"), indicator="side")
    cells = both[KEY].copy()
    cells["theirs"] = both["mrr_theirs"].fillna(0).astype("int64")
    cells["ours"] = both["mrr_ours"].fillna(0).astype("int64")
    cells["difference"] = cells["theirs"] - cells["ours"]
    cells["status"] = DIFFERS
    cells.loc[both["side"] == "left_only", "status"] = MISSING_IN_OURS
    cells.loc[both["side"] == "right_only", "status"] = MISSING_IN_THEIRS
    cells.loc[cells["difference"] == 0, "status"] = MATCHED
    cells = cells[(cells["theirs"] != 0) | (cells["ours"] != 0)]
    return cells.sort_values(KEY, kind="stable").reset_index(drop=True)
