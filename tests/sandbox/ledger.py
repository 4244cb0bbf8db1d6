"""A ledger written from Stripe's objects alone, with arithmetic of its own: what an importer has to achieve.

Nothing here knows the sandbox's records or its contract log; the input is what ``StripeObjects.get`` renders.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from sandbox.billing.objects import StripeObjects

Json = dict[str, Any]
FOREVER = 1 << 40
CYCLES = {"day": Fraction(12, 365), "week": Fraction(12, 52), "month": Fraction(1), "year": Fraction(12)}


def all_of(stripe: StripeObjects, kind: str) -> Iterator[Json]:
    for object_id in stripe.ids(kind):
        found = stripe.get(kind, object_id)
        assert found is not None
        yield found


def gross(price: Json, quantity: int) -> Fraction:
    """Exact minor units for one cycle of a rendered price (with tiers)."""
    if package := price["transform_quantity"]:
        exact = Decimal(quantity) / package["divide_by"]
        quantity = int(
            exact.to_integral_value("ROUND_CEILING" if package["round"] == "up" else "ROUND_FLOOR")
        )
    if price["billing_scheme"] == "per_unit":
        return Fraction(price["unit_amount_decimal"]) * quantity
    steps, below = [], 0
    for tier in price["tiers"]:
        top = FOREVER if tier["up_to"] is None else tier["up_to"]
        steps.append(
            (
                below,
                top,
                Fraction(tier["unit_amount_decimal"] or 0),
                Fraction(tier["flat_amount_decimal"] or 0),
            )
        )
        below = top
    if price["tiers_mode"] == "volume":
        _, _, unit, flat = next(step for step in steps if quantity <= step[1])
        return unit * quantity + flat
    reached = [step for step in steps if quantity > step[0]]
    return sum(((min(quantity, top) - low) * unit + flat for low, top, unit, flat in reached), Fraction(0))


def forever(coupons: Iterable[Json]) -> list[Json]:
    return [coupon for coupon in coupons if coupon["duration"] == "forever"]


def take_off(nets: list[Fraction], products: list[str], coupons: list[Json]) -> list[Fraction]:
    """Apply forever coupons to several amounts: percentages first, then money in proportion."""
    nets = list(nets)
    for coupon in sorted(forever(coupons), key=lambda found: found["percent_off"] is None):
        limited = coupon.get("applies_to", {}).get("products")
        touched = [place for place, product in enumerate(products) if not limited or product in limited]
        pool = sum((nets[place] for place in touched), Fraction(0))
        if not pool:
            continue
        if coupon["percent_off"] is not None:
            part = Fraction(str(coupon["percent_off"])) / 100
        else:
            part = min(Fraction(1), Fraction(coupon["amount_off"]) / pool)
        for place in touched:
            nets[place] *= 1 - part
    return nets


def monthly(amount: Fraction, price: Json) -> int:
    recurring = price["recurring"]
    months: Fraction = CYCLES[recurring["interval"]] * recurring["interval_count"]
    return round(amount / months)


class Rate(NamedTuple):
    """MRR of an item from ``start`` until another rate of it starts, or ``end``."""

    start: int
    end: int
    mrr: int


class Ledger:
    """The MRR of every customer at any instant, from invoice lines; and that of now, from subscriptions."""

    def __init__(self, stripe: StripeObjects) -> None:
        self.prices = {found["id"]: found for found in all_of(stripe, "price")}
        self.coupons = {found["id"]: found for found in all_of(stripe, "coupon")}
        self.discounts = {found["id"]: found for found in all_of(stripe, "discount")}
        self.customers = {found["id"]: found for found in all_of(stripe, "customer")}
        self.subscriptions = {found["id"]: found for found in all_of(stripe, "subscription")}
        self.charges = defaultdict(list)
        for charge in all_of(stripe, "charge"):
            self.charges[charge["payment_intent"]].append(charge)
        self.rates: dict[str, dict[str, list[Rate]]] = defaultdict(lambda: defaultdict(list))
        self.ends: dict[str, int] = {}
        for subscription in self.subscriptions.values():
            self.ends[subscription["id"]] = subscription["ended_at"] or FOREVER
        for invoice in all_of(stripe, "invoice"):
            self._read(invoice)
        for items in self.rates.values():
            for rates in items.values():
                rates.sort(key=lambda rate: rate.start)  # stable: a debit stays behind the credit before it

    def _coupons(self, discount_ids: Iterable[str]) -> list[Json]:
        return [self.coupons[self.discounts[found]["source"]["coupon"]] for found in discount_ids]

    def _read(self, invoice: Json) -> None:
        subscription_id = invoice["parent"]["subscription_details"]["subscription"]
        subscription = self.subscriptions[subscription_id]
        if invoice["status"] == "open":
            self._gave_up(subscription, invoice)
        aside = invoice["status"] in ("void", "uncollectible") or (
            invoice["status"] == "draft" and not invoice["auto_advance"]
        )
        counted = [line for line in invoice["lines"]["data"] if self._counts(line, subscription)]
        nets = self._nets(counted, invoice)
        start = self._start(invoice)
        for line, net in zip(counted, nets, strict=True):
            price = self.prices[line["pricing"]["price_details"]["price"]]
            details = line["parent"]["subscription_item_details"]
            credit = details["proration"] and line["description"].startswith("Unused")
            mrr = 0 if credit or aside else monthly(net, price)
            rate = Rate(max(start, line["period"]["start"]), line["period"]["end"], mrr)
            self.rates[subscription_id][details["subscription_item"]].append(rate)

    def _counts(self, line: Json, subscription: Json) -> bool:
        price = self.prices[line["pricing"]["price_details"]["price"]]
        trial = subscription["trial_end"] and line["period"]["end"] <= subscription["trial_end"]
        return price["recurring"]["usage_type"] == "licensed" and not trial

    def _nets(self, lines: list[Json], invoice: Json) -> list[Fraction]:
        """Whole cycles after forever discounts: prorations one by one, the lines of a cycle together."""
        shared = self._coupons(invoice["discounts"])
        nets: dict[int, Fraction] = {}
        together = [place for place, line in enumerate(lines) if not _proration(line)]
        for group in [together, *([place] for place, line in enumerate(lines) if _proration(line))]:
            amounts, products = [], []
            for place in group:
                price = self.prices[lines[place]["pricing"]["price_details"]["price"]]
                own = self._coupons(lines[place]["discounts"])
                amounts += take_off([gross(price, lines[place]["quantity"])], [price["product"]], own)
                products.append(price["product"])
            nets.update(zip(group, take_off(amounts, products, shared), strict=True))
        return [nets[place] for place in range(len(lines))]

    def _start(self, invoice: Json) -> int:
        """A first invoice counts from its payment: before, the subscription was incomplete."""
        first = invoice["billing_reason"] == "subscription_create"
        if first and invoice["collection_method"] == "charge_automatically":
            return int(invoice["status_transitions"]["paid_at"] or FOREVER)
        return 0

    def _gave_up(self, subscription: Json, invoice: Json) -> None:
        """An unpaid subscription stopped counting with its last failed attempt."""
        failed = self.charges[f"pi_{invoice['id'][3:]}"]
        if failed and invoice["attempt_count"] == 4:
            last = max(charge["created"] for charge in failed)
            self.ends[subscription["id"]] = min(self.ends[subscription["id"]], last)

    def at(self, instant: int) -> dict[str, int]:
        """MRR per customer at an instant, minor units."""
        totals: dict[str, int] = defaultdict(int)
        for subscription_id, items in self.rates.items():
            if instant < self.ends[subscription_id]:
                customer = self.subscriptions[subscription_id]["customer"]
                totals[customer] += sum(_running(rates, instant) for rates in items.values())
        return totals

    def now(self) -> dict[str, int]:
        """MRR per customer as its subscriptions stand."""
        totals: dict[str, int] = defaultdict(int)
        for subscription in self.subscriptions.values():
            totals[subscription["customer"]] += self.current(subscription)
        return totals

    def current(self, subscription: Json) -> int:
        """MRR of a subscription as it stands."""
        if subscription["status"] not in ("active", "past_due") or subscription["pause_collection"]:
            return 0
        shared = subscription["discounts"]
        customer = self.customers.get(subscription["customer"])
        if not shared and customer and customer["discount"]:
            shared = [customer["discount"]["id"]]
        items = [
            row
            for row in subscription["items"]["data"]
            if row["price"]["recurring"]["usage_type"] == "licensed"
        ]
        prices = [self.prices[row["price"]["id"]] for row in items]
        products = [price["product"] for price in prices]
        nets = [
            take_off([gross(price, row["quantity"])], [price["product"]], self._coupons(row["discounts"]))[0]
            for row, price in zip(items, prices, strict=True)
        ]
        nets = take_off(nets, products, self._coupons(shared))
        return sum(monthly(net, price) for net, price in zip(nets, prices, strict=True))


def _proration(line: Json) -> bool:
    return bool(line["parent"]["subscription_item_details"]["proration"])


def _running(rates: list[Rate], instant: int) -> int:
    """The rate that started last; of those that start together the one written last."""
    place = bisect_right(rates, instant, key=lambda rate: rate.start) - 1
    return rates[place].mrr if place >= 0 and instant < rates[place].end else 0
