"""MRR per Stripe customer and month, from the ledger."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

KEY: Final = ["customer_id", "month", "currency"]


def customer_months(ledger: pd.DataFrame, months: pd.DataFrame) -> pd.DataFrame:
    """Return MRR per customer, month and currency at the months' ends; rows without MRR are left out.

    Args:
        ledger: ``mrr_ledger``; any order.
        months: as :data:`enrichment.tables.MONTHS`, in order, without gaps.

    Returns:
        customer_id, month, currency, mrr (minor units of the native currency).
    """
    ends = pd.to_datetime(months["ends_at"]).to_numpy("datetime64[us]")
    at = pd.to_datetime(ledger["effective_at"]).to_numpy("datetime64[us]")
    changes = ledger[["customer_id", "currency", "mrr_change"]].assign(
        # A month's end is excluded from it: what happens then is the next month's.
        place=np.searchsorted(ends, at, side="right")
    )
    changes = changes[changes["place"] < len(ends)]
    by = ["customer_id", "currency"]
    steps = changes.groupby([*by, "place"], sort=True, as_index=False).agg({"mrr_change": "sum"})
    steps["mrr"] = steps.groupby(by)["mrr_change"].cumsum()
    until = steps.groupby(by)["place"].shift(-1).fillna(len(ends)).astype("int64")
    length = (until - steps["place"]).where(steps["mrr"] != 0, 0).to_numpy("int64")
    long = steps.take(np.repeat(np.arange(len(steps)), length).tolist()).reset_index(drop=True)
    offset = np.arange(len(long)) - np.repeat(np.cumsum(length) - length, length)
    names = months["month"].to_numpy(object)
    long["month"] = names[long["place"].to_numpy("int64") + offset]
    return long[[*KEY, "mrr"]]
