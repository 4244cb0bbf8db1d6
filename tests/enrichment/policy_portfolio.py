"""A portfolio made to show each key of the policy: the customers of ``policy_cases.py``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Final

import pandas as pd

from enrichment.calendar import months
from enrichment.computing import _match, rate, rate_items, read_books
from enrichment.exchange import FX_RATES
from enrichment.fx import value_ledger
from enrichment.health.config import HealthConfig
from enrichment.items import ItemRater
from enrichment.kpis.building import build_kpis
from enrichment.kpis.catalogue import MARKETING_SPEND
from enrichment.ledger.building import build_ledger
from enrichment.marts import build_marts
from enrichment.policy import Policy
from enrichment.sql import ACCOUNTS, run_models
from enrichment.tables import MONTHS, leave
from tests.enrichment.billed_books import SET_ASIDE, BilledBooks, monthly, paid_late, unpaid
from tests.enrichment.books import AS_OF, Record, epoch, matcher
from tests.enrichment.policy_cases import CASES, Case, Outcome
from tests.enrichment.tiny_engine import TinyEngine

_GROSS_MARGIN: Final = 80
_RATES: Final = {  # USD for one EUR
    "2026-07-15": "1.25",
    "2026-07-31": "1.6",
    "2026-08-15": "1",
    "2026-08-31": "1.25",
    "2026-09-15": "2",
    "2026-09-30": "1.6",
    "2026-10-15": "1.25",
    "2026-10-31": "1",
}


@contextmanager
def staged() -> Iterator[TinyEngine]:
    """Open an engine with the portfolio in it, ready for :func:`outcomes` of any number of policies."""
    with portfolio().engine() as engine:
        rate_items(engine, AS_OF, Policy(), HealthConfig())
        _match(engine, matcher({}))
        build_ledger(engine, *read_books(engine), Policy(), AS_OF)
        engine.run("mrr_ledger", "SELECT * FROM native_ledger")
        run_models(engine, ACCOUNTS)
        leave(engine, "fx_rates", _rates(), FX_RATES)
        yield engine


def outcomes(engine: TinyEngine, policy: Policy) -> dict[str, Outcome]:
    """Compute the ledger, the marts and the KPIs under a policy and return each case's outcome by key.

    Args:
        engine: from :func:`staged`.
        policy: the MRR policy.
    """
    reporting = None if policy.fx_mode == "native_only" else "eur"
    prices, book = read_books(engine)
    rate(engine, ItemRater(prices, book, policy, AS_OF))
    build_ledger(engine, prices, book, policy, AS_OF, reporting)
    leave(engine, "months", months(datetime(2026, 4, 1, tzinfo=UTC), AS_OF, policy.zone), MONTHS)
    value_ledger(engine, policy, reporting)
    build_marts(engine, policy, AS_OF, {"case": "stripe.metadata.case"})
    nothing = pd.DataFrame(columns=list(MARKETING_SPEND))
    build_kpis(engine, policy, spend=nothing, gross_margin=_GROSS_MARGIN)
    valuation = "reporting" if reporting else "native"
    moved = engine.frame(f"SELECT * FROM mrr_movements WHERE valuation = '{valuation}'")
    figures = engine.frame(f"SELECT * FROM kpi_month WHERE valuation = '{valuation}' AND segment = 'case'")
    return {case.key: _outcome(case, moved, figures) for case in CASES}


def disagreeing(engine: TinyEngine) -> set[str]:
    """Return the customers whose items, rated as they stand, make another MRR than the ledger's newest.

    Args:
        engine: after :func:`outcomes`.
    """
    found = engine.frame(
        """
        SELECT customer_id FROM (
            SELECT i.customer_id, r.mrr FROM item_rates r INNER JOIN item_inputs i ON i.item_id = r.item_id
            UNION ALL
            SELECT customer_id, -mrr_change FROM mrr_ledger
        ) both_sides
        GROUP BY customer_id HAVING SUM(mrr) <> 0
        """
    )
    return {name.removeprefix("cus_") for name in found["customer_id"]}


def _outcome(case: Case, moved: pd.DataFrame, figures: pd.DataFrame) -> Outcome:
    if case.figure:
        kpi, month = case.figure
        of_case = (figures["segment_value"] == case.key) & (figures["month"] == month)
        return tuple(f"{value:g}" for value in figures.loc[of_case, kpi])
    own = moved[moved["customer_id"].isin([f"cus_{name}" for name in case.customers])]
    sums = own.groupby(["month", "kind"], as_index=False)["amount"].sum()
    rows = [(month[5:], kind, int(amount)) for month, kind, amount in sums.itertuples(index=False, name=None)]
    return tuple(f"{month} {kind} {amount}" for month, kind, amount in sorted(rows, key=_in_order))


def _in_order(row: tuple[str, str, int]) -> tuple[str, bool, str]:
    return row[0], row[1] == "fx", row[1]


def _rates() -> pd.DataFrame:
    rows = [("usd", day, rate, "2026-12-31", "test") for day, rate in _RATES.items()]
    return pd.DataFrame([*rows, ("eur", "2026-01-01", "1", "2026-12-31", "")], columns=list(FX_RATES))


@cache
def portfolio() -> BilledBooks:
    """Return the Stripe account with every case in it."""
    made = _Portfolio()
    for case in CASES:
        for name in case.customers:
            made.customer(f"cus_{name}", metadata={"case": case.key})
    made.write()
    return made


class _Portfolio(BilledBooks):
    """Every case's customers."""

    def write(self) -> None:
        for price, amount in (("100", "10000"), ("50", "5000"), ("30", "3000"), ("20", "2000"), ("0", "0")):
            self.price(f"p{price}", amount)
        self.price("p_usd", "10000", currency="usd")
        self.price("p_week", "1000", interval="week")
        self.price("p_days", "10000", interval="day", interval_count=10)
        self.price("p_use", "100", usage_type="metered")
        self._discounted()
        self._by_status()
        self._changed()
        self._plain()

    def _discounted(self) -> None:
        self.contract("basis", item={"quantity": 2})
        self.event("sub_basis", "2026-10-20", {"items": {}, "quantity": 1})
        days = monthly("2026-06-15", 5)
        self._reduced("forever", "forever", {day: {"a": 20} for day in days}, now=("a",))
        self._reduced("stack", "forever", {day: {"a": 20, "b": 10} for day in days}, now=("a", "b"))
        self._reduced("repeating", "repeating", {day: {"a": 50} for day in days[2:4]})
        self._reduced("once", "once", {days[2]: {"a": 30}})

    def _reduced(
        self, name: str, duration: str, off: Mapping[str, Mapping[str, int]], now: Sequence[str] = ()
    ) -> None:
        """Bill 100.00 a month less the per cents of ``off``, by day and coupon."""
        given: dict[str, Record] = {}
        for day in off:
            for code, percent in off[day].items():
                coupon = f"{name}_{code}"
                if coupon not in given:
                    made = self.coupon(coupon, duration, percent_off=percent)
                    given[coupon] = self.discount(f"di_{coupon}", made, start=day)
        lines, invoices = {}, {}
        for day, per_cents in off.items():
            left, amounts = 10000, []
            for code, percent in per_cents.items():
                taken = left * percent // 100
                left -= taken
                amounts.append({"amount": taken, "discount": f"di_{name}_{code}"})
            lines[day] = {"discount_amounts": amounts}
            invoices[day] = {"discounts": [f"di_{name}_{code}" for code in per_cents], "total": left}
        current = [given[f"{name}_{code}"] for code in now]
        self.contract(name, lines=lines, invoices=invoices, discounts=current)

    def _by_status(self) -> None:
        late = paid_late("2026-08-15", "2026-09-05", attempts=3)
        self.contract(
            "late",
            status="past_due",
            invoices={"2026-08-15": late, "2026-10-15": unpaid("2026-10-15", 2, True)},
        )
        self.contract(
            "unpaid",
            status="unpaid",
            invoices={
                "2026-09-15": unpaid("2026-09-15", 4, False),
                "2026-10-15": SET_ASIDE | {"status": "draft"},
            },
        )
        self.charge("unpaid", "2026-09-29", 10000, status="failed")
        self.contract(
            "incomplete",
            days=["2026-08-15"],
            status="incomplete_expired",
            ended_at=epoch("2026-08-16"),
            invoices={"2026-08-15": {**unpaid("2026-08-15", 1, False), "status": "void"}},
        )
        self.contract(
            "trial",
            days=["2026-10-20"],
            amounts=[0],
            status="trialing",
            trial_start=epoch("2026-10-20"),
            trial_end=epoch("2026-11-20"),
        )
        self.contract(
            "converted",
            days=["2026-08-01", *monthly("2026-08-15", 3)],
            amounts=[0, 10000, 10000, 10000],
            invoices={"2026-08-15": paid_late("2026-08-15", "2026-09-03", attempts=1)},
            trial_start=epoch("2026-08-01"),
            trial_end=epoch("2026-08-15"),
        )
        paused = {day: SET_ASIDE | {"status": "void"} for day in ("2026-08-15", "2026-09-15")}
        self.contract("paused", invoices=paused)
        self.event("sub_paused", "2026-10-10", {"pause_collection": {"behavior": "void"}})
        self.contract(
            "leaving",
            days=monthly("2026-06-15", 4),
            status="canceled",
            cancel_at_period_end=True,
            canceled_at=epoch("2026-09-20"),
            ended_at=epoch("2026-10-15"),
        )

    def _changed(self) -> None:
        used = [3000, 6000, 9000, 12000]
        self.contract("metered", price="p_use", days=monthly("2026-07-15", 4), amounts=used, arrears=True)
        self.contract("refunded", name="sub_refunded_a")
        refunds = {"2026-08-15": 5000, "2026-09-15": 2000}
        self.contract(
            "refunded",
            name="sub_refunded_b",
            price="p50",
            amounts=[5000] * 5,
            invoices={day: {"post_payment_credit_notes_amount": amount} for day, amount in refunds.items()},
        )
        for day, amount in refunds.items():
            self.charge(
                "refunded", day, 5000, amount_refunded=amount, payment_intent=f"pi_sub_refunded_b_{day}"
            )
        free: dict[str, Record] = {day: {"price": "p0"} for day in ("2026-08-15", "2026-09-15")}
        self.contract("free", amounts=[10000, 10000, 0, 0, 10000], lines=free)
        self.contract("grain", name="sub_grain_a")
        added = self.added_item("sub_grain_a", "p30", "2026-08-15")
        for day in monthly("2026-08-15", 3):
            line = self.line("sub_grain_a", day, 3000, price="p30", item=added)
            self.add("stripe_invoice_lines", **line, id=f"il_{day}_grain", invoice=f"in_sub_grain_a_{day}")
        self.contract(
            "grain", name="sub_grain_b", price="p50", days=["2026-09-15"], amounts=[5000], ends="2026-10-15"
        )
        self.contract("returning", name="sub_returning_a", days=["2026-06-15"], ends="2026-07-15")
        self.contract("returning", name="sub_returning_b", days=monthly("2026-09-15", 2))
        self.contract("visitor", days=["2026-08-05"], ends="2026-08-20")

    def _plain(self) -> None:
        self.contract("dollar", price="p_usd", days=monthly("2026-07-15", 4), currency="usd")
        weeks = ["2026-10-05", "2026-10-12", "2026-10-19", "2026-10-26"]
        self.contract("weekly", price="p_week", days=weeks, amounts=[1000] * 4, last="2026-11-02")
        self.contract("daily", price="p_days", days=["2026-10-12", "2026-10-22"], last="2026-11-01")
        self.contract("lost", days=monthly("2026-06-15", 4), ends="2026-09-20")
        self.contract("stayed", days=monthly("2026-07-15", 4))
        self.contract("won", days=monthly("2026-09-05", 2))
        self.contract("steady", days=monthly("2026-05-15", 6))
        more: Record = {"price": "p50"}
        self.contract(
            "comeback",
            name="sub_comeback_a",
            days=monthly("2026-05-15", 4),
            amounts=[5000] * 4,
            ends="2026-08-20",
            **more,
        )
        self.contract(
            "comeback", name="sub_comeback_b", days=monthly("2026-09-05", 2), amounts=[5000] * 2, **more
        )
        self.contract(
            "small", price="p20", days=monthly("2026-05-15", 5), amounts=[2000] * 5, ends="2026-09-20"
        )
        for number, ends in (("1", None), ("2", None), ("3", "2026-10-20"), ("4", "2026-09-20")):
            days = [day for day in monthly("2026-04-15", 7) if ends is None or day < ends]
            self.contract(f"life_{number}", days=days, ends=ends)
        nights = [f"{day}T23:30" for day in ("2026-07-31", "2026-08-31", "2026-09-30", "2026-10-31")]
        self.contract("midnight", days=nights, last="2026-11-30T23:30")
