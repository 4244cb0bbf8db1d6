"""A made-up portfolio of any size, as Parquet files of the staging tables.

The staging tables and not the landing: unpacking Stripe's JSON costs every contender the same, and what is
measured starts where it ends. One file per month and table, in the order in which Stripe made the records, so
that the lines of a subscription lie as far apart as in a landing. Ids are as long as Stripe's, and as random.

Of 100 subscriptions about 15 are yearly, 20 have a second item, 20 are canceled, 10 began with a trial, 8
changed their quantity within a period (a credit and a debit), 5 have a per cent off for good, 1 an amount off
for good, 1 a per cent off for a while; a few are paused, unpaid, past due, tiered, metered, or had an invoice
voided. 680 days, three currencies, 11.3 lines each. The same size is always the same portfolio.

``python -m benchmarks.portfolio SIZE FOLDER`` writes one and prints how many lines it has.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from string import Template
from typing import Any, Final

import duckdb
import pandas as pd

from enrichment.discounts import Coupon, parse_coupon
from enrichment.frames import records
from enrichment.policy import Policy
from enrichment.prices import price_or_error
from enrichment.rating import ItemTerms, Rater, Rating, SubscriptionTerms

AS_OF: Final = datetime(2026, 7, 15, tzinfo=UTC)
SQL: Final = Path(__file__).parent / "sql"
WHOLE: Final = (
    "stg_prices",
    "stg_discounts",
    "stg_subscriptions",
    "stg_subscription_items",
    "stg_events",
    "item_rates",
    "account_customers",
    "clean_accounts",
)
MONTHLY: Final = ("stg_invoices", "stg_invoice_lines", "stg_charges")
COUPONS: Final[tuple[dict[str, Any], ...]] = (
    {"id": "LOYAL20", "percent_off": 20, "duration": "forever"},
    {"id": "START50", "percent_off": 50, "duration": "repeating"},
    {
        "id": "FIVE",
        "amount_off": 500,
        "currency": "usd",
        "currency_options": {"eur": {"amount_off": 500}, "gbp": {"amount_off": 400}},
        "duration": "forever",
    },
)
_PLANS: Final = {"basic": 2900, "team": 4900, "business": 9900, "scale": 19900, "extra": 1000}
_TIERS: Final = [
    {"up_to": 5, "unit_amount_decimal": "1500", "flat_amount": 1000},
    {"up_to": None, "unit_amount_decimal": "1200", "flat_amount": None},
]
_CHANCE: Final = "CREATE MACRO h(i, salt) AS CAST(hash(i * 7919 + salt) % 1000 AS INTEGER)"


def write(size: int, folder: Path) -> int:
    """Write the portfolio of ``size`` subscriptions; return how many invoice lines it has."""
    folder.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(config={"memory_limit": "4GB", "temp_directory": str(folder / "spill")})
    prices = pd.DataFrame(_prices())
    for name, frame in (("stg_prices", prices), ("rates", pd.DataFrame(_rates(prices)))):
        connection.register("_incoming", frame)
        connection.execute(f"CREATE TABLE {name} AS SELECT * FROM _incoming; DROP VIEW _incoming")
    connection.execute(_CHANCE)
    words = {"size": str(size), "as_of": AS_OF.strftime("%Y-%m-%d")}
    for name in ("subs", "items", *(name for name in WHOLE if name != "stg_prices")):
        connection.execute(f"CREATE TABLE {name} AS {text(f'portfolio/{name}', words)}")
    for name in WHOLE:
        _copy(connection, f"SELECT * FROM {name}", folder / f"{name}.parquet")
    for month in pd.date_range("2024-08-01", AS_OF.date(), freq="MS").strftime("%Y-%m-%d"):
        for name in ("periods", "sold", "changed"):
            query = text(f"portfolio/{name}", words | {"month": month})
            connection.execute(f"CREATE OR REPLACE TABLE {name} AS {query}")
        for name in MONTHLY:
            _copy(connection, text(f"portfolio/{name}", words), folder / name / f"{month[:7]}.parquet")
    lines = f"SELECT COUNT(*) FROM '{folder}/stg_invoice_lines/*.parquet'"
    [(count,)] = connection.execute(lines).fetchall()
    connection.close()
    return int(count)


def text(name: str, words: dict[str, str]) -> str:
    """Return the SQL of a file below ``sql`` with its ``$words`` filled in."""
    return Template((SQL / f"{name}.sql").read_text(encoding="utf-8")).substitute(words)


def _copy(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")


def _prices() -> Iterator[dict[str, str]]:
    """Yield the rows of ``stg_prices``: in each currency five plans a month and a year, tiers and usage."""
    for currency in ("usd", "eur", "gbp"):
        for name, amount in _PLANS.items():
            yield _price(currency, name, unit_amount=str(amount))
            yield _price(currency, f"{name}_year", unit_amount=str(10 * amount), price_interval="year")
        tiers = {"billing_scheme": "tiered", "tiers_mode": "volume", "tiers": json.dumps(_TIERS)}
        yield _price(currency, "tiered", **tiers)
        yield _price(currency, "metered", unit_amount="7", usage_type="metered")


def _price(currency: str, name: str, **more: str) -> dict[str, str]:
    return {
        "price_id": f"price_{currency}_{name}",
        "product_id": f"prod_{name.removesuffix('_year')}",
        "currency": currency,
        "billing_scheme": "per_unit",
        "unit_amount_decimal": "",
        "unit_amount": "",
        "tiers_mode": "",
        "tiers": "",
        "currency_options": "",
        "price_interval": "month",
        "interval_count": "1",
        "usage_type": "licensed",
        "package_size": "",
        "package_round": "",
        **more,
    }


def _rates(prices: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield what each price makes in each quantity under each coupon (``''``: none)."""
    rows = {row["price_id"]: row for row in records(prices)}
    rater = Rater({name: price_or_error(row) for name, row in rows.items()}, Policy())
    coupons = {body["id"]: parse_coupon(body) for body in COUPONS}
    # A coupon for a while is not subtracted under the default policy.
    counted: dict[str, tuple[Coupon, ...]] = {"": (), "START50": ()}
    counted |= {name: (coupons[name],) for name in ("LOYAL20", "FIVE")}
    for price_id, row in rows.items():
        for quantity in range(1, 17):
            for coupon_id, taken in counted.items():
                item = ItemTerms(price_id, str(quantity))
                [rating] = rater.rate(SubscriptionTerms(row["currency"], (item,), taken))
                assert isinstance(rating, Rating)
                yield {
                    "price_id": price_id,
                    "quantity": quantity,
                    "coupon_id": coupon_id,
                    "units": int(row["unit_amount"] or 0),
                    "cycle_amount": int(rating.cycle_amount),
                    "contract_mrr": rating.contract_mrr,
                    "mrr": rating.mrr,
                }


if __name__ == "__main__":
    print(write(int(sys.argv[1]), Path(sys.argv[2])))
