"""From staged invoice lines to account months and movements, in four ways.

``ours`` is the product: the ledger with its proofs, differences and lives, valued, and every mart. ``floor``
is the least that change rows can do, with none of the product's rules: a line counts at its amount from its
start to its end. ``cross_join`` does it as dbt Labs' MRR playbook: customers x months, then the lines that
cover each. ``pandas`` does what the floor does.

``python -m benchmarks.contenders NAME FOLDER TOTALS`` runs one of them.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow.parquet as pq

from benchmarks.portfolio import AS_OF, COUPONS, MONTHLY, WHOLE, text
from enrichment.computing import set_clock
from enrichment.discounts import DiscountBook
from enrichment.frames import records
from enrichment.fx import value_ledger
from enrichment.health.config import HealthConfig
from enrichment.ledger.building import build_ledger
from enrichment.marts import build_marts
from enrichment.money import CURRENCIES
from enrichment.policy import Policy
from enrichment.prices import price_or_error
from enrichment.sql import run_models
from enrichment.tables import leave
from warehouse.engine import Engine

_NOW: Final = int(AS_OF.timestamp())
_LAST: Final = AS_OF.year * 12 + AS_OF.month - 1
_POLICY: Final = Policy()
_FLOOR: Final = ("account_changes", "account_running", "mrr_movements", "account_month")
_CROSS_JOIN: Final = ("customer_months", "compared", "mrr_movements", "account_month")
_READ: Final = [
    "subscription_id",
    "price_id",
    "currency",
    "is_proration",
    "amount",
    "period_start",
    "period_end",
]
_TOTALS: Final = """
    SELECT month, currency, CAST(SUM(mrr) AS BIGINT) AS mrr, COUNT(*) AS accounts
    FROM account_month
    WHERE mrr <> 0 AND account_id IN (SELECT account_id FROM clean_accounts)
    GROUP BY month, currency
"""


def prepare(engine: Engine, folder: Path) -> None:
    """Make the portfolio's files readable as they lie, and leave what the rating leaves behind."""
    for name in WHOLE:
        engine.register_files(name, [folder / f"{name}.parquet"])
    for name in MONTHLY:
        engine.register_files(name, sorted((folder / name).glob("*.parquet")))
    set_clock(engine, AS_OF, _POLICY, HealthConfig())
    leave(engine, "known_currencies", pd.DataFrame({"currency": CURRENCIES}), {"currency": "VARCHAR"})
    run_models(engine, ("unpaid_invoices", "rejected_lines"))


def ours(engine: Engine, folder: Path) -> None:
    """Build the ledger, value it and build the marts."""
    prices = {row["price_id"]: price_or_error(row) for row in records(engine.frame("stg_prices"))}
    discounts = {
        row["discount_id"]: {
            "id": row["discount_id"],
            "source": json.loads(row["coupon_source"]),
            "start": row["start_epoch"],
            "end": row["end_epoch"],
        }
        for row in records(engine.frame("stg_discounts"))
    }
    book = DiscountBook({body["id"]: body for body in COUPONS}, discounts)
    build_ledger(engine, prices, book, _POLICY, AS_OF)
    value_ledger(engine, _POLICY, None)
    build_marts(engine, _POLICY, AS_OF)


def floor(engine: Engine, folder: Path) -> None:
    """Run the plain change rows."""
    _run(engine, "floor", _FLOOR)


def cross_join(engine: Engine, folder: Path) -> None:
    """Run customers x months."""
    _run(engine, "cross_join", _CROSS_JOIN)


def _run(engine: Engine, kind: str, names: tuple[str, ...]) -> None:
    words = {"rates": text("rates", {}), "now": str(_NOW), "last": str(_LAST), "first": str(_LAST - 24)}
    for name in names:
        engine.run(name, text(f"{kind}/{name}", words))


def in_pandas(engine: Engine, folder: Path) -> None:
    """Do in pandas what the floor does; the engine only takes the outcome."""
    lines = pq.read_table(folder / "stg_invoice_lines", columns=_READ).to_pandas()
    prices = pd.read_parquet(folder / "stg_prices.parquet")
    licensed = prices[prices["usage_type"] == "licensed"].set_index("price_id")["price_interval"]
    accounts = pd.read_parquet(folder / "account_customers.parquet").set_index("customer_id")["account_id"]
    subscriptions = pd.read_parquet(folder / "stg_subscriptions.parquet").set_index("subscription_id")
    interval = lines["price_id"].map(licensed)
    lines, interval = lines[interval.notna()], interval[interval.notna()]
    months = interval.map({"month": 1, "year": 12}).astype("int64")
    account = lines["subscription_id"].map(subscriptions["customer_id"].map(accounts))
    whole = months * 30.4375 * 86400 / (lines["period_end"] - lines["period_start"])
    rate = (lines["amount"] * whole.where(lines["is_proration"], 1) / months).round().astype("int64")
    keys = {"account_id": account, "currency": lines["currency"]}
    starts = pd.DataFrame({**keys, "at": lines["period_start"], "mrr_change": rate})
    ends = pd.DataFrame({**keys, "at": lines["period_end"], "mrr_change": -rate})
    rows = pd.concat([starts, ends])
    changes = _changes(rows[rows["at"] <= _NOW])
    engine.register_frame("account_month", _quiet_months(changes))


def _changes(rows: pd.DataFrame) -> pd.DataFrame:
    """Return movements: one row per account, currency and month that changed."""
    at = pd.to_datetime(rows["at"], unit="s")
    rows = rows.assign(month_no=at.dt.year * 12 + at.dt.month - 1)
    keys = ["account_id", "currency", "month_no"]
    changes = rows.groupby(keys)["mrr_change"].sum().reset_index()
    changes = changes[changes["mrr_change"] != 0].sort_values(keys)
    unit = changes.groupby(["account_id", "currency"])
    changes["mrr"] = unit["mrr_change"].cumsum()
    changes["next_no"] = unit["month_no"].shift(-1).fillna(_LAST + 1).astype("int64")
    rises, stood = changes["mrr_change"] > 0, changes["mrr"] - changes["mrr_change"]
    kind = pd.Series("contraction", index=changes.index)
    kind[changes["mrr"] == 0] = "churn"
    kind[rises] = "expansion"
    kind[rises & (stood == 0)] = "reactivation"
    kind[rises & (unit.cumcount() == 0)] = "new"
    return changes.assign(kind=kind)


def _quiet_months(changes: pd.DataFrame) -> pd.DataFrame:
    """Return every month of every account, the quiet ones too."""
    times = (changes["next_no"] - changes["month_no"]).where(changes["mrr"] != 0, 1)
    months = changes.loc[
        changes.index.repeat(times), ["account_id", "currency", "month_no", "mrr_change", "mrr"]
    ]
    number = months["month_no"] + months.groupby(level=0).cumcount()
    return months.assign(month=(number // 12).astype(str) + "-" + (number % 12 + 1).astype(str).str.zfill(2))


CONTENDERS: Final[dict[str, Callable[[Engine, Path], None]]] = {
    "ours": ours,
    "floor": floor,
    "cross_join": cross_join,
    "pandas": in_pandas,
}


def main() -> None:
    """Run one contender; print its seconds and write the totals of the clean accounts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=CONTENDERS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("totals", type=Path)
    parser.add_argument("--memory-limit", default="1GB")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    spill = options.folder / "spill"
    with Engine(options.memory_limit, threads=options.threads, temp_dir=spill) as engine:
        prepare(engine, options.folder)
        started = time.monotonic()
        CONTENDERS[options.name](engine, options.folder)
        print(json.dumps({"seconds": time.monotonic() - started}))
        engine.frame(_TOTALS).to_parquet(options.totals)


if __name__ == "__main__":
    main()
