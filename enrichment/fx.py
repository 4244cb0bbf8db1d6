"""Values the ledger in the reporting currency; see docs/currencies.md.

Native amounts are never touched. What the rates did is ``fx_change``, apart from what customers did
(``reporting_change``); per item the two add up to ``reporting_after`` at any row, to the minor unit.
"""

from __future__ import annotations

from typing import Final

import pandas as pd

from enrichment.engine import EngineProtocol
from enrichment.exchange import RateHistory
from enrichment.money import exponent
from enrichment.policy import Policy
from enrichment.sql import models
from enrichment.tables import REJECTED_ROWS, leave
from saaskpi.errors import DataError, UsageError

REJECTED_STREAM: Final = "fx_rates"
LOCKED: Final = "locked_at_period_start"
NATIVE: Final = "native_only"
_TARGET: Final = {"reporting_currency": "VARCHAR", "fx_mode": "VARCHAR"}
FX_CONVERSIONS: Final = {
    "currency": "VARCHAR",
    "rate_day": "DATE",
    "numerator": "BIGINT",
    "denominator": "BIGINT",
    "rate": "VARCHAR",
    "published_on": "DATE",
    "source": "VARCHAR",
}
"""Every conversion into the reporting currency that the ledger used, one row per currency and day.

``rate`` is exact text, units of the reporting currency for one unit of ``currency``; numerator / denominator
is the same between their minor units. ``published_on`` is the day of the rate that held on ``rate_day``.
"""
_MISSING: Final = {"currency": "VARCHAR", "rate_day": "DATE", "reason": "VARCHAR"}


def value_ledger(engine: EngineProtocol, policy: Policy, reporting_currency: str | None) -> None:
    """Turn ``native_ledger`` into ``mrr_ledger``; also leaves ``fx_rejected`` and ``fx_conversions``.

    Args:
        engine: holds ``native_ledger`` (the columns of MRR_LEDGER without ``reporting_*`` and ``fx_change``;
            rows with reason ``renewed`` mark the start of a billing period). With a reporting currency also
            ``fx_rates`` (FX_RATES), and, unless fx.mode is locked_at_period_start, ``months`` and
            ``run_clock``.
        policy: its ``fx_mode`` decides which day's rate holds.
        reporting_currency: ISO 4217 code, any case; None values nothing.

    An account that lacks a rate keeps its native amounts, has nulls in the columns ``reporting_*`` and in
    ``fx_change``, and one row with the reason in ``fx_rejected``.

    Raises:
        UsageError: the reporting currency is not an ISO 4217 code.
    """
    if reporting_currency is None or policy.fx_mode == NATIVE:
        _run(engine, "mrr_ledger", "mrr_ledger_native")
        _leave_conversions(engine, pd.DataFrame(columns=list(FX_CONVERSIONS)))
        engine.fill("fx_rejected", REJECTED_ROWS, [])
        return
    target = _checked(reporting_currency)
    settings = pd.DataFrame({"reporting_currency": [target], "fx_mode": [policy.fx_mode]})
    leave(engine, "fx_target", settings, _TARGET)
    _run(engine, "fx_rows", "fx_rows")
    if policy.fx_mode == LOCKED:
        _run(engine, "fx_points", "fx_points_locked")
    else:
        _run(engine, "fx_months", "fx_months")
        _run(engine, "fx_points", "fx_points_month_end")
    _convert(engine, target)
    _run(engine, "fx_unvalued", "fx_unvalued")
    _run(engine, "fx_values", "fx_values")
    _run(engine, "mrr_ledger", "mrr_ledger_valued")
    engine.run(
        "fx_rejected", f"SELECT '{REJECTED_STREAM}' AS stream, account_id AS id, reason FROM fx_unvalued"
    )


def _checked(currency: str) -> str:
    try:
        exponent(currency)
    except DataError as error:
        raise UsageError(
            f"The reporting currency {currency!r} is not known.",
            hint="Set reporting.currency to an ISO 4217 code such as EUR.",
        ) from error
    return currency.lower()


def _convert(engine: EngineProtocol, target: str) -> None:
    """Look up each needed (currency, day) once; leaves ``fx_conversions`` and ``fx_missing``."""
    needed = engine.frame(
        "SELECT DISTINCT currency, CAST(rate_day AS VARCHAR) AS rate_day FROM fx_points WHERE item_mrr <> 0"
    )
    rates = engine.frame(
        "SELECT currency, CAST(day AS VARCHAR) AS day, rate, CAST(holds_until AS VARCHAR) AS holds_until, "
        "source FROM fx_rates WHERE currency IN "
        "(SELECT currency FROM fx_points UNION SELECT reporting_currency FROM fx_target)"
    )
    history = RateHistory(rates.itertuples(index=False, name=None))
    found, missing = [], []
    for currency, day in needed.itertuples(index=False, name=None):
        try:
            found.append((currency, day, *history.conversion(currency, target, day)))
        except DataError as error:
            missing.append((currency, day, error.message))
    _leave_conversions(engine, pd.DataFrame(found, columns=list(FX_CONVERSIONS)))
    leave(engine, "fx_missing", pd.DataFrame(missing, columns=list(_MISSING)), _MISSING)


def _leave_conversions(engine: EngineProtocol, frame: pd.DataFrame) -> None:
    leave(engine, "fx_conversions", frame, FX_CONVERSIONS)


def _run(engine: EngineProtocol, table: str, model: str) -> None:
    [(_, sql)] = models((model,))
    engine.run(table, sql)
