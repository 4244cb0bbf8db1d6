"""Reads the usage of customers on billing meters, a row per day that has any."""

from __future__ import annotations

from collections.abc import Iterator

from connectors.http import Json, JsonRows
from connectors.stripe.client import StripeClient
from connectors.stripe.usage import Pair, Window, last_end, uncovered, whole_days


class UsageReader:
    """Reads the usage of metered subscriptions, each day of a customer and meter once.

    Args:
        client: of the account.
        until: Unix seconds up to which all usage is read, also that of subscriptions which ended before.
    """

    def __init__(self, client: StripeClient, until: int = 0) -> None:
        self._client = client
        self._read: dict[Pair, list[Window]] = {}
        self._until = until

    def added_days(self, subscriptions: JsonRows) -> Iterator[Json]:
        """Read what some subscriptions add, the newest first."""
        for meter, customer, window in self.added(subscriptions):
            for page in usage_pages(self._client, meter, customer, window):
                yield from page

    def added(self, subscriptions: JsonRows) -> Iterator[tuple[str, str, Window]]:
        """Give what there is to read: meter, customer and days; each day once."""
        # No clock is asked: the latest period of the newest subscriptions ends after all usage so far.
        self._until = max(self._until, last_end(subscriptions))
        for subscription in subscriptions:
            window = whole_days(subscription["start_date"], self._until)
            customer = subscription["customer"]
            for item in subscription["items"]["data"]:
                meter = (item["price"].get("recurring") or {}).get("meter")
                if meter:
                    read = self._read.setdefault((meter, customer), [])
                    for part in uncovered(window, read):
                        read.append(part)
                        yield meter, customer, part


def usage_pages(client: StripeClient, meter: str, customer: str, window: Window) -> Iterator[JsonRows]:
    """Read the days of a customer on a meter that have usage, the newest first."""
    start, end = window
    span = {"start_time": start, "end_time": end, "value_grouping_window": "day"}
    path = f"/v1/billing/meters/{meter}/event_summaries"
    for page in client.of_customer(path, {"customer": customer, **span}):
        yield [{**summary, "customer": customer} for summary in page]
