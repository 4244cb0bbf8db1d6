"""The account table: one row per customer company, ready for the CRM, the command line and the pages."""

from __future__ import annotations

import json
from collections import defaultdict

import numpy as np
import pandas as pd

from enrichment.health.flags import OPPORTUNITY, RISK
from enrichment.health.signals import numbers

_HEALTH_COLUMNS = (
    "account_id",
    "health_score",
    "health_band",
    "health_coverage",
    "health_reasons",
    "health_reasons_fr",
    "top_reason",
    "top_reason_fr",
    "health_config_hash",
)


def account_rows(
    facts: pd.DataFrame,
    money: pd.DataFrame,
    cltv: pd.Series[int],
    health: pd.DataFrame,
    flags: pd.DataFrame,
    policy_hash: str,
) -> pd.DataFrame:
    """Return the rows of ``accounts``, by account id, as in ``tables.ACCOUNTS``.

    Args:
        facts: ``account_facts``, one row per account.
        money: account_id, currency, mrr: every currency in which an account has MRR.
        cltv: what each row of ``facts`` is worth, minor units.
        health: account_id and the score's columns.
        flags: account_id, flag, kind.
        policy_hash: of the policy under which MRR was computed.
    """
    rows = facts.assign(cltv=cltv)
    rows = rows.merge(health[list(_HEALTH_COLUMNS)], on="account_id", how="left", validate="one_to_one")
    rows["arr"] = 12 * rows["mrr"]
    rows["mrr_change_12m"] = _change(rows)
    rows["mrr_by_currency"] = _by_currency(rows["account_id"], money)
    for kind in (RISK, OPPORTUNITY):
        rows[f"{kind}_flags"] = _flag_lists(rows["account_id"], flags[flags["kind"] == kind])
    rows["policy_hash"] = policy_hash
    return rows


def _change(rows: pd.DataFrame) -> pd.Series[float]:
    """MRR now / MRR 12 months ago - 1, to four decimals; null where there was none."""
    before = numbers(rows, "mrr_365")
    ratio = numbers(rows, "mrr") / np.where(before > 0, before, np.nan)
    return pd.Series(np.round(ratio - 1, 4), index=rows.index)


def _by_currency(accounts: pd.Series[str], money: pd.DataFrame) -> list[str]:
    sums: dict[str, dict[str, int]] = defaultdict(dict)
    ordered = money.sort_values(["account_id", "currency"])
    for account, currency, mrr in zip(
        ordered["account_id"], ordered["currency"], ordered["mrr"], strict=True
    ):
        sums[account][currency] = int(mrr)
    return [json.dumps(sums.get(account, {})) for account in accounts]


def _flag_lists(accounts: pd.Series[str], flags: pd.DataFrame) -> list[list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for account, flag in zip(flags["account_id"], flags["flag"], strict=True):
        found[account].append(flag)
    return [found.get(account, []) for account in accounts]
