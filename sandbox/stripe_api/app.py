"""The Flask application: routes, headers and errors of the Stripe look-alike."""

import hashlib
from itertools import count
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from flask import Flask, Response, g, request

from sandbox.stripe_api.access import API_VERSION, Access
from sandbox.stripe_api.account import ACCOUNT
from sandbox.stripe_api.api import Answer, StripeApi
from sandbox.stripe_api.errors import ApiError, unknown_parameter, unrecognized_url
from sandbox.stripe_api.params import Params, parse
from sandbox.stripe_api.resources import RESOURCES, Resource
from sandbox.stripe_api.webhook_endpoints import KIND as WEBHOOK_ENDPOINT
from sandbox.stripe_api.webhook_endpoints import WebhookEndpoints

BY_PATH = {resource.path: resource for resource in RESOURCES}
ITEMS = Resource("subscription_items", "subscription_item")


def create_app(api: StripeApi, access: Access, endpoints: WebhookEndpoints) -> Flask:
    """Build the application.

    Args:
        api: Answers the reads.
        access: Key, permissions, rate limit.
        endpoints: The registered webhook endpoints.
    """
    app = Flask("sandbox.stripe_api", static_folder=None)
    _add_frame(app, access)
    _add_resources(app, api)
    _add_sub_lists(app, api)
    _add_webhook_endpoints(app, api, endpoints)
    return app


def _add_frame(app: Flask, access: Access) -> None:
    numbers = count(1)

    @app.before_request
    def enter() -> None:
        g.request_id = "req_" + hashlib.sha256(str(next(numbers)).encode()).hexdigest()[:14]
        path = request.path.removeprefix("/v1/")
        access.check(request.headers, path.partition("/")[0])

    @app.after_request
    def leave(response: Response) -> Response:
        response.headers["Request-Id"] = g.get("request_id", "req_0")
        response.headers["Stripe-Version"] = request.headers.get("Stripe-Version", API_VERSION)
        if key := request.headers.get("Idempotency-Key"):
            response.headers["Idempotency-Key"] = key
        return response

    @app.errorhandler(ApiError)
    def refuse(error: ApiError) -> Response:
        response = _json(error.body, error.status)
        if error.status == 429:
            response.headers["Stripe-Should-Retry"] = "true"
        return response

    @app.errorhandler(404)
    @app.errorhandler(405)
    def no_such_url(_: Exception) -> Response:
        return refuse(unrecognized_url(request.method, request.path))


def _add_resources(app: Flask, api: StripeApi) -> None:
    def list_view(resource: Resource) -> Any:
        return lambda: _json(api.listing(resource, _query()))

    def object_view(resource: Resource) -> Any:
        return lambda object_id: _json(api.retrieve(resource, object_id, _query()))

    for resource in (*RESOURCES, ITEMS):
        path = f"/v1/{resource.path}"
        app.add_url_rule(f"{path}/<object_id>", f"{path}/id", object_view(resource), methods=["GET"])
        if resource is not ITEMS:
            app.add_url_rule(path, path, list_view(resource), methods=["GET"])

    @app.get("/v1/subscription_items")
    def subscription_items() -> Response:
        return _json(api.subscription_items(_query()))

    @app.get("/v1/account")
    @app.get(f"/v1/accounts/{ACCOUNT['id']}")
    def account() -> Response:
        return _json(ACCOUNT)


def _add_sub_lists(app: Flask, api: StripeApi) -> None:
    @app.get("/v1/invoices/<invoice>/lines")
    def invoice_lines(invoice: str) -> Response:
        return _json(api.sub_list("invoice", invoice, "lines", "line_item", _query()))

    @app.get("/v1/credit_notes/<credit_note>/lines")
    def credit_note_lines(credit_note: str) -> Response:
        return _json(api.sub_list("credit_note", credit_note, "lines", "credit_note_line_item", _query()))

    @app.get("/v1/customers/<customer>/payment_methods")
    def customer_payment_methods(customer: str) -> Response:
        return _json(api.of_customer(customer, BY_PATH["payment_methods"], _query()))

    @app.get("/v1/customers/<customer>/subscriptions")
    def customer_subscriptions(customer: str) -> Response:
        return _json(api.of_customer(customer, BY_PATH["subscriptions"], _query()))

    @app.get("/v1/charges/<charge>/refunds")
    def charge_refunds(charge: str) -> Response:
        page = api.listing(BY_PATH["refunds"], {**_query(), "charge": charge})
        return _json({**page, "url": f"/v1/charges/{charge}/refunds"})

    @app.get("/v1/billing/meters/<meter>/event_summaries")
    def meter_event_summaries(meter: str) -> Response:
        return _json(api.event_summaries(meter, _query()))


def _add_webhook_endpoints(app: Flask, api: StripeApi, endpoints: WebhookEndpoints) -> None:
    url = "/v1/webhook_endpoints"

    @app.get(url)
    def list_endpoints() -> Response:
        return _json(api.rows(WEBHOOK_ENDPOINT, url, endpoints.rows(), _query()))

    @app.post(url)
    def create_endpoint() -> Response:
        return _json(endpoints.create(_form()))

    @app.get(f"{url}/<endpoint_id>")
    def get_endpoint(endpoint_id: str) -> Response:
        for name in _query():
            if name != "expand":
                raise unknown_parameter(name)
        return _json(endpoints.get(endpoint_id))

    @app.post(f"{url}/<endpoint_id>")
    def update_endpoint(endpoint_id: str) -> Response:
        return _json(endpoints.update(endpoint_id, _form()))

    @app.delete(f"{url}/<endpoint_id>")
    def delete_endpoint(endpoint_id: str) -> Response:
        return _json(endpoints.delete(endpoint_id))


def _query() -> Params:
    return parse(request.args.items(multi=True))


def _form() -> Params:
    body = request.get_data(as_text=True)
    return parse(parse_qsl(body, keep_blank_values=True))


def _json(value: Answer, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, mimetype="application/json")
