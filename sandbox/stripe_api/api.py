"""The reading side of the API: lists, objects and sub-lists as JSON-ready values."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sandbox.stripe_api.errors import missing, unknown_parameter
from sandbox.stripe_api.expand import Renderer, Tree, expansion
from sandbox.stripe_api.lists import Cursor, Query, Rows, page_of_rows
from sandbox.stripe_api.meters import KIND as METER_SUMMARY
from sandbox.stripe_api.meters import event_summaries
from sandbox.stripe_api.objects import Objects
from sandbox.stripe_api.params import Params, required, string, strings
from sandbox.stripe_api.resources import Resource

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class StripeApi:
    """Answers read requests from the billing engine's objects.

    Attributes:
        objects: The objects, or a way to them that stays valid while the clock advances.
        now: The sandbox's time (UTC).
    """

    objects: Objects
    now: Callable[[], datetime]

    def listing(self, resource: Resource, params: Params) -> Answer:
        """One page of a resource's list.

        Raises:
            ApiError: 400 for senseless parameters or cursors.
        """
        cursor, tree = Cursor.of(params), _tree(resource.kind, params, of_list=True)
        query = Query(self.objects, resource.kind)
        query.within(self._oldest(resource), None)
        resource.narrow(query, params)
        rows, has_more = query.page(cursor)
        return self._list(resource.kind, f"/v1/{resource.path}", rows, has_more, tree)

    def retrieve(self, resource: Resource, object_id: str, params: Params) -> Answer:
        """One object; a deleted one is a stub with ``deleted: true``.

        Raises:
            ApiError: 404 when it does not exist, 400 for parameters other than ``expand``.
        """
        for name in params:
            if name != "expand":
                raise unknown_parameter(name)
        tree = _tree(resource.kind, params)
        oldest = self._oldest(resource)
        found = self._renderer.found(resource.kind, object_id, tree)
        if found is None or (oldest is not None and found["created"] < oldest):
            raise missing(resource.kind, object_id)
        return found

    def sub_list(self, owner_kind: str, owner_id: str, name: str, row_kind: str, params: Params) -> Answer:
        """One page of a list that an object carries, such as ``/v1/invoices/{id}/lines``.

        Raises:
            ApiError: 404 when the object does not exist, 400 for senseless parameters or cursors.
        """
        owner = self._whole(owner_kind, owner_id)
        rows: Rows = owner[name]["data"]
        return self._rows(row_kind, f"/v1/{owner_kind}s/{owner_id}/{name}", rows, params)

    def subscription_items(self, params: Params) -> Answer:
        """One page of the items of the subscription in the required parameter ``subscription``.

        Raises:
            ApiError: 400 when it is missing or unknown, or for senseless parameters or cursors.
        """
        subscription = string("subscription", required(params, "subscription"))
        owner = self.objects.get("subscription", subscription)
        if owner is None:
            raise missing("subscription", subscription, param="subscription", status=400)
        url = f"/v1/subscription_items?subscription={subscription}"
        return self._rows("subscription_item", url, owner["items"]["data"], params)

    def of_customer(self, customer: str, resource: Resource, params: Params) -> Answer:
        """One page of a list below a customer, such as ``/v1/customers/{id}/payment_methods``.

        Raises:
            ApiError: 404 when the customer does not exist, 400 for senseless parameters or cursors.
        """
        self._whole("customer", customer)
        page = self.listing(resource, {**params, "customer": customer})
        return {**page, "url": f"/v1/customers/{customer}/{resource.path}"}

    def event_summaries(self, meter: str, params: Params) -> Answer:
        """One page of a meter's usage by one customer.

        Raises:
            ApiError: 404 for an unknown meter, 400 for missing or senseless parameters.
        """
        rows = event_summaries(self.objects, meter, params)
        return self._rows(METER_SUMMARY, f"/v1/billing/meters/{meter}/event_summaries", rows, params)

    def rows(self, kind: str, url: str, rows: Rows, params: Params) -> Answer:
        """One page of rows that are held elsewhere.

        Raises:
            ApiError: 400 for senseless parameters or cursors.
        """
        return self._rows(kind, url, rows, params)

    @property
    def _renderer(self) -> Renderer:
        return Renderer(self.objects)

    def _whole(self, kind: str, object_id: str) -> dict[str, Any]:
        whole = self.objects.get(kind, object_id)
        if whole is None:
            raise missing(kind, object_id)
        return whole

    def _oldest(self, resource: Resource) -> int | None:
        if resource.keep_days is None:
            return None
        return int((self.now() - timedelta(days=resource.keep_days)).timestamp())

    def _rows(self, kind: str, url: str, rows: Rows, params: Params) -> Answer:
        cursor, tree = Cursor.of(params), _tree(kind, params, of_list=True)
        page, has_more = page_of_rows(kind, rows, cursor)
        return self._list(kind, url, page, has_more, tree)

    def _list(self, kind: str, url: str, rows: Rows, has_more: bool, tree: Tree) -> Answer:
        view = self._renderer.view
        data = [view(kind, row, tree) for row in rows]
        return {"object": "list", "url": url, "has_more": has_more, "data": data}


def _tree(kind: str, params: Params, *, of_list: bool = False) -> Tree:
    paths = params.get("expand")
    return expansion(kind, strings("expand", paths), of_list=of_list) if paths is not None else {}
