"""Stripe's streams: each a short declaration over one base.

Records are Stripe's own objects in the pinned version (amounts in minor units, times in Unix seconds,
UTC). What a stream leaves out is a stream of its own.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator, Mapping
from importlib import resources
from typing import Any, ClassVar

from singer_sdk import Stream, Tap
from typing_extensions import override

from connectors.http import Json, JsonRows
from connectors.streams import ApiStream, ChildStream, only
from connectors.stripe.client import StripeClient
from connectors.stripe.coupons import ON_REQUEST
from connectors.stripe.usage_reader import UsageReader
from saaskpi.errors import MissingPermissionError


class StripeStream(ApiStream[StripeClient]):
    """A list of Stripe's, read to its end.

    Attributes:
        path: of the list.
        api_object: name of the object in Stripe's OpenAPI document, from which the schema is made.
        filters: fixed query parameters.
        expand: what Stripe should put in place of ids.
        left_out: fields that are streams of their own, and no part of the records.
        added: fields that the records have and Stripe's object has not.
    """

    path: ClassVar[str]
    api_object: ClassVar[str]
    filters: ClassVar[Mapping[str, str]] = {}
    expand: ClassVar[tuple[str, ...]] = ()
    left_out: ClassVar[tuple[str, ...]] = ()
    added: ClassVar[tuple[str, ...]] = ()
    replicated_by: ClassVar[str | None] = "created"

    @override
    def make_schema(self) -> dict[str, Any]:
        """Load the schema made from Stripe's OpenAPI document."""
        return load_schema(self.name)

    @override
    def pages(self) -> Iterator[JsonRows]:
        """Read the list; lists inside its objects are completed."""
        spared = () if self.has_selected_descendents else self.left_out
        for page in self.client.list(self.path, {**self.filters, "expand[]": list(self.expand)}):
            for row in page:
                self.make_whole(self.client, row, spared)
            yield page

    @classmethod
    def make_whole(cls, client: StripeClient, row: Json, spared: Container[str] = ()) -> None:
        """Complete in place what Stripe cut short or shows on request only.

        Args:
            client: of the account.
            row: read with ``expand``, from the list or by its id.
            spared: fields to leave as they are.
        """
        client.complete(row, spared)

    @override
    @classmethod
    def record(cls, row: Json) -> Json:
        """Leave out what is a stream of its own."""
        return only(row, cls.left_out) if cls.left_out else row


class StripeChild(ChildStream[StripeClient], StripeStream):
    """Objects that come inside others, or are listed per parent."""


def load_schema(stream: str) -> dict[str, Any]:
    """Read the committed JSON schema of a stream."""
    text = resources.files("connectors.stripe").joinpath("schemas", f"{stream}.json").read_text()
    schema: dict[str, Any] = json.loads(text)
    return schema


class Discounted(StripeStream):
    """Objects with discounts, whose coupons are completed.

    Attributes:
        discounts_in: the field with the discount or the discounts.
    """

    discounts_in: ClassVar[str]

    @override
    @classmethod
    def make_whole(cls, client: StripeClient, row: Json, spared: Container[str] = ()) -> None:
        """Complete the coupons too."""
        super().make_whole(client, row, spared)
        client.coupons.complete(cls.path, row, cls.discounts_in)


class Customers(Discounted):
    """Customers, with their own discount and its coupon; deleted ones are not listed by Stripe."""

    name = "stripe_customers"
    path = "/v1/customers"
    api_object = "customer"
    expand = ("data.discount.source.coupon",)
    discounts_in = "discount"


class Subscriptions(Discounted):
    """Subscriptions in every status, with their discounts and coupons."""

    name = "stripe_subscriptions"
    path = "/v1/subscriptions"
    api_object = "subscription"
    filters: ClassVar[Mapping[str, str]] = {"status": "all"}
    expand = ("data.discounts.source.coupon",)
    discounts_in = "discounts"
    left_out = ("items",)


class SubscriptionItems(StripeChild):
    """All items of every subscription, each with its price (without tiers: see stripe_prices)."""

    name = "stripe_subscription_items"
    api_object = "subscription_item"
    parent_stream_type = Subscriptions

    @override
    def children(self, parent: ApiStream[StripeClient]) -> Iterable[Json]:
        """Take the items out of each subscription."""
        for subscription in parent.page:
            yield from self.parts(subscription)

    @staticmethod
    def parts(subscription: Json) -> JsonRows:
        """Give the items of a subscription."""
        items: JsonRows = subscription["items"]["data"]
        return items


class Discounts(StripeChild):
    """Discounts on customers, subscriptions, items and past invoices, each with its coupon."""

    name = "stripe_discounts"
    api_object = "discount"
    parent_stream_type = Subscriptions
    replicated_by = "start"

    def __init__(self, tap: Tap, client: StripeClient) -> None:
        super().__init__(tap, client)
        self._told: set[str] = set()

    @override
    def children(self, parent: ApiStream[StripeClient]) -> Iterable[Json]:
        """Take the discounts out of a page of customers, invoices or subscriptions, each once."""
        for row in parent.page:
            for discount in discounts_of(self.client, parent.name, row):
                if discount["id"] in self._told:
                    continue
                if isinstance(discount["source"]["coupon"], dict):
                    # With a coupon that was deleted it may be told again, whole, by what it is on.
                    self._told.add(discount["id"])
                yield discount


class Products(StripeStream):
    """Products, active or not."""

    name = "stripe_products"
    path = "/v1/products"
    api_object = "product"


class Prices(StripeStream):
    """Prices, active or not, with their tiers and amounts in other currencies."""

    name = "stripe_prices"
    path = "/v1/prices"
    api_object = "price"
    expand = ("data.tiers", "data.currency_options")

    @override
    def pages(self) -> Iterator[JsonRows]:
        """Read the active prices, then the archived ones: Stripe's document lists those only when asked."""
        for active in ("true", "false"):
            params = {"active": active, "expand[]": list(self.expand)}
            for page in self.client.list(self.path, params):
                for price in page:
                    self.make_whole(self.client, price)
                yield page

    @override
    @classmethod
    def make_whole(cls, client: StripeClient, row: Json, spared: Container[str] = ()) -> None:
        """Read the tiers in other currencies: they are there only when each is asked for by name."""
        options = row.get("currency_options") or {}
        lacking = [code for code, option in options.items() if not option.get("tiers")]
        if row["billing_scheme"] == "tiered" and set(lacking) - {row["currency"]}:
            expand = ["currency_options", *(f"currency_options.{code}.tiers" for code in lacking)]
            found = client.http.get(f"{cls.path}/{row['id']}", {"expand[]": expand})
            row["currency_options"] = found["currency_options"]


class Coupons(StripeStream):
    """Coupons, with the products they apply to and amounts in other currencies."""

    name = "stripe_coupons"
    path = "/v1/coupons"
    api_object = "coupon"
    expand = tuple(f"data.{name}" for name in ON_REQUEST)


class Invoices(Discounted):
    """Invoices in every status, with the payments made on them."""

    name = "stripe_invoices"
    path = "/v1/invoices"
    api_object = "invoice"
    expand = ("data.discounts.source.coupon", "data.lines.data.discounts", "data.payments")
    discounts_in = "discounts"
    left_out = ("lines",)

    @override
    @classmethod
    def record(cls, row: Json) -> Json:
        """Name the discounts by their ids: each is told once, in stripe_discounts."""
        return super().record({**row, "discounts": _ids(row["discounts"])})


class InvoiceLines(StripeChild):
    """All lines of every invoice."""

    name = "stripe_invoice_lines"
    api_object = "line_item"
    parent_stream_type = Invoices
    replicated_by = None

    @override
    def children(self, parent: ApiStream[StripeClient]) -> Iterable[Json]:
        """Take the lines out of each invoice."""
        for invoice in parent.page:
            yield from self.parts(invoice)

    @staticmethod
    def parts(invoice: Json) -> JsonRows:
        """Give the lines of an invoice."""
        lines = invoice["lines"]["data"]
        return [{**line, "invoice": invoice["id"], "discounts": _ids(line["discounts"])} for line in lines]


class Charges(StripeStream):
    """Charges, failed ones too."""

    name = "stripe_charges"
    path = "/v1/charges"
    api_object = "charge"


class Refunds(StripeStream):
    """Refunds."""

    name = "stripe_refunds"
    path = "/v1/refunds"
    api_object = "refund"


class CreditNotes(StripeStream):
    """Credit notes with all their lines."""

    name = "stripe_credit_notes"
    path = "/v1/credit_notes"
    api_object = "credit_note"


class PaymentMethods(StripeChild):
    """Payment methods of each customer (one request per customer)."""

    name = "stripe_payment_methods"
    api_object = "payment_method"
    parent_stream_type = Customers

    def __init__(self, tap: Tap, client: StripeClient) -> None:
        super().__init__(tap, client)
        self._is_refused = False

    @override
    def children(self, parent: ApiStream[StripeClient]) -> Iterable[Json]:
        """List the payment methods of each customer; none, with a warning, when the key may not read them."""
        for customer in parent.page:
            if self._is_refused:
                return
            try:
                for page in self.client.of_customer(f"/v1/customers/{customer['id']}/payment_methods"):
                    yield from page
            except MissingPermissionError as error:
                # Keys made before cards were looked at lack it; all else is worth reading without.
                self.logger.warning("%s is left out: %s", self.name, error.message)
                self._is_refused = True


class Events(StripeStream):
    """What happened in the last 30 days, with the object as it was then."""

    name = "stripe_events"
    path = "/v1/events"
    api_object = "event"


class Meters(StripeStream):
    """Meters of usage-based prices."""

    name = "stripe_meters"
    path = "/v1/billing/meters"
    api_object = "billing.meter"

    @override
    def pages(self) -> Iterator[JsonRows]:
        """Read the list; nothing, with a warning, when the key may not read it."""
        try:
            yield from super().pages()
        except MissingPermissionError as error:
            # Most accounts have no meters, and their keys no need to read any.
            self.logger.warning("%s is left out: %s", self.name, error.message)


class MeterEventSummaries(StripeChild):
    """Usage per meter, customer and day, of subscriptions, also ended ones, with a price on that meter."""

    name = "stripe_meter_event_summaries"
    api_object = "billing.meter_event_summary"
    added = ("customer",)
    keys = ("meter", "customer", "start_time")
    parent_stream_type = Subscriptions
    replicated_by = None

    def __init__(self, tap: Tap, client: StripeClient) -> None:
        super().__init__(tap, client)
        self._usage = UsageReader(client)
        self._is_refused = False

    @override
    def children(self, parent: ApiStream[StripeClient]) -> Iterable[Json]:
        """Read the days that each metered subscription adds to what was read of its customer and meter.

        None, with a warning, when the key may not read them.
        """
        try:
            if not self._is_refused:
                yield from self._usage.added_days(parent.page)
        except MissingPermissionError as error:
            self.logger.warning("%s is left out: %s", self.name, error.message)
            self._is_refused = True


def discounts_of(client: StripeClient, parent: str, row: Json) -> Iterator[Json]:
    """Read the discounts that a whole customer, invoice or subscription tells of.

    Args:
        client: of the account.
        parent: name of the stream of ``row``.
        row: the object, before what is a stream of its own is left out.
    """
    if parent == Customers.name:
        yield from [row["discount"]] if row.get("discount") else []
    elif parent == Invoices.name:
        lines = row["lines"]["data"]
        yield from _told(row["discounts"])
        # The coupons of line discounts lie deeper than Stripe expands.
        for discount in _told(discount for line in lines for discount in line["discounts"]):
            client.coupons.spell_out(discount)
            yield discount
    else:
        yield from row["discounts"]
        yield from _discounts_of_items(client, row)


def _discounts_of_items(client: StripeClient, subscription: Json) -> Iterator[Json]:
    """Read item discounts apart: their coupons lie deeper than Stripe expands in one request."""
    if any(item["discounts"] for item in subscription["items"]["data"]):
        path = "/v1/subscription_items"
        params = {"subscription": subscription["id"], "expand[]": ["data.discounts.source.coupon"]}
        for page in client.list(path, params):
            for item in page:
                client.coupons.complete(path, item, "discounts")
                yield from item["discounts"]


def _told(discounts: Iterable[str | Json]) -> Iterator[Json]:
    """Leave out the discounts that Stripe names but no longer tells about."""
    return (discount for discount in discounts if isinstance(discount, dict))


def _ids(discounts: Iterable[str | Json]) -> list[str]:
    return [discount["id"] if isinstance(discount, dict) else discount for discount in discounts]


STREAMS: tuple[type[StripeStream], ...] = (
    Charges, Coupons, CreditNotes, Customers, Discounts, Events, InvoiceLines, Invoices,
    MeterEventSummaries, Meters, PaymentMethods, Prices, Products, Refunds, SubscriptionItems, Subscriptions,
)  # fmt: skip


def stripe_streams(tap: Tap, client: StripeClient) -> list[Stream]:
    """Make every Stripe stream for a tap."""
    streams = {stream: stream(tap, client) for stream in STREAMS}
    # The SDK knows one parent per child; discounts have two more.
    for parent in (Customers, Invoices):
        streams[parent].child_streams.append(streams[Discounts])
    return list(streams.values())
