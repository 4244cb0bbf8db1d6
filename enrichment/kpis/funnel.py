"""The funnel (AARRR): from contacts in HubSpot to customers who recommend.

Each step is a count of its own and no step is forced into the one before: contacts and leads are people,
trials and what follows are accounts, and a customer may pay without a trial. A rate above 1 says just that.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Final

import pandas as pd

from enrichment.kpis.formulas import ratio

STEPS: Final = ("contacts", "leads", "trials", "paying", "retained", "referrals")
"""In order; ``funnel_counts.sql`` says what each counts."""
FUNNEL: Final = {
    "step_no": "BIGINT",
    "step": "VARCHAR",
    "step_count": "BIGINT",
    "rate_from_previous": "DOUBLE PRECISION",
}
"""One row per step; the rate is null at the first step and after an empty one."""


def funnel(counts: Mapping[str, int]) -> pd.DataFrame:
    """Return the rows of the funnel.

    Args:
        counts: how many stand at each of ``STEPS``.

    Returns:
        The columns of ``FUNNEL``; ``rate_from_previous`` is a share with six decimals.
    """
    numbers = [int(counts[step]) for step in STEPS]
    rates = [None, *(ratio(now, before) for before, now in pairwise(numbers))]
    return pd.DataFrame(
        {
            "step_no": range(1, len(STEPS) + 1),
            "step": pd.Series(STEPS, dtype="str"),
            "step_count": pd.Series(numbers, dtype="int64"),
            "rate_from_previous": pd.Series(
                [None if rate is None else float(round(rate, 6)) for rate in rates], dtype="Float64"
            ),
        }
    )
