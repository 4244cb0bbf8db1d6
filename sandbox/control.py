"""The control endpoints below ``/_sandbox/``: the same on both ports, without a key and without a log.

=========  ==================  =============================================================================
method     path                does
=========  ==================  =============================================================================
GET        (none)              URLs, keys and the date
GET        truth               what each customer is worth by its contracts
GET        counts              number of objects per vendor and stream of the tap
GET        usage.jsonl         the product's usage events; ``since`` and ``until`` are days
GET        requests            the log; filters ``vendor``, ``method``, ``write=true``
DELETE     requests            forgets the log
POST       clock               ``{"advance_days": 7}``: billing happens, webhooks are delivered
GET        faults              what is switched on
POST       faults              ``{"kind": "429", "vendor": "stripe", "path": "/v1/invoices", "times": 2}``
DELETE     faults              switches all off and lets go of hanging requests
GET        webhooks            what was delivered, and how it was answered
POST       webhooks            ``{"vendor": "hubspot", "url": ..., "events": [...]}``: signs and sends
POST       happen              ``{"what": "payment_failed", "customer": "cus_..."}``: at once, with webhooks
POST       edit                ``{"type": "companies", "id": ..., "properties": {...}}``: by a person
POST       hubspot_webhooks    ``{"url": ...}``: where changes of the CRM are told; null for nowhere
POST       manner              ``{"duplicates": 0.3, "shuffle": true, "retries": 3}``: of deliveries
=========  ==================  =============================================================================
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from flask import Flask, Response, request

from sandbox.faults import Fault, Faults
from sandbox.hubspot_webhooks import HubSpotWebhooks
from sandbox.request_log import RequestLog
from sandbox.webhooks import Delivery, Manner, Webhooks

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PREFIX = "/_sandbox"


class Controlled(Protocol):
    """What the control endpoints steer."""

    log: RequestLog
    faults: Faults
    webhooks: Webhooks
    hubspot_webhooks: HubSpotWebhooks

    def describe(self) -> dict[str, Any]:
        """URLs, keys and the date."""
        ...

    def truth(self) -> dict[str, Any]:
        """What the company's contracts are worth."""
        ...

    def counts(self) -> dict[str, dict[str, int]]:
        """Number of objects per vendor and stream of the tap."""
        ...

    def usage(self, since: date | None, until: date | None) -> Iterable[dict[str, Any]]:
        """The product's usage events of some days."""
        ...

    def advance(self, days: int) -> dict[str, Any]:
        """Let days pass."""
        ...

    def send_webhooks(self, vendor: str, url: str, events: list[dict[str, Any]]) -> list[Delivery]:
        """Deliver made-up events."""
        ...

    def happen(self, what: str, customer: str) -> dict[str, Any]:
        """Let something happen to a Stripe customer."""
        ...

    def edit(self, type_name: str, object_id: str, properties: dict[str, str], source: str) -> None:
        """Let somebody else change a record of the CRM."""
        ...


def with_control(app: "WSGIApplication", control: "WSGIApplication") -> "WSGIApplication":
    """Send paths below ``/_sandbox`` to the control application and all others to the vendor's."""

    def dispatch(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        chosen = control if path == PREFIX or path.startswith(f"{PREFIX}/") else app
        return chosen(environ, start_response)

    return dispatch


def create_app(sandbox: Controlled) -> Flask:
    """Build the control application."""
    app = Flask("sandbox.control", static_folder=None)
    _add_views(app, sandbox)
    _add_log(app, sandbox)
    _add_faults(app, sandbox)
    _add_clock(app, sandbox)
    _add_happenings(app, sandbox)

    @app.errorhandler(ValueError)
    def refuse(error: ValueError) -> Response:
        return _json({"error": str(error)}, 400)

    return app


def _add_views(app: Flask, sandbox: Controlled) -> None:
    views: dict[str, Callable[[], Any]] = {
        "": sandbox.describe,
        "/truth": sandbox.truth,
        "/counts": sandbox.counts,
        "/webhooks": lambda: {"webhooks": sandbox.webhooks.log()},
    }
    for path, view in views.items():
        app.add_url_rule(f"{PREFIX}{path}", f"view{path}", lambda view=view: _json(view()), methods=["GET"])

    @app.get(f"{PREFIX}/usage.jsonl")
    def usage() -> Response:
        since, until = (_day(request.args.get(name)) for name in ("since", "until"))
        return Response(_lines(sandbox.usage(since, until)), mimetype="application/x-ndjson")


def _add_log(app: Flask, sandbox: Controlled) -> None:
    url = f"{PREFIX}/requests"

    @app.get(url)
    def requests() -> Response:
        args = request.args
        write = {"true": True, "false": False}.get(args.get("write", ""))
        return _json({"requests": sandbox.log.entries(args.get("vendor"), args.get("method"), write)})

    @app.delete(url)
    def forget() -> Response:
        sandbox.log.clear()
        return _json({})


def _add_faults(app: Flask, sandbox: Controlled) -> None:
    url = f"{PREFIX}/faults"

    @app.get(url)
    def faults() -> Response:
        return _json({"faults": sandbox.faults.rules()})

    @app.post(url)
    def add_fault() -> Response:
        sandbox.faults.add(Fault.from_json(_body()))
        return faults()

    @app.delete(url)
    def clear_faults() -> Response:
        sandbox.faults.clear()
        return faults()


def _add_clock(app: Flask, sandbox: Controlled) -> None:
    @app.post(f"{PREFIX}/clock")
    def advance() -> Response:
        days = _body().get("advance_days")
        if not isinstance(days, int) or days < 1:
            raise ValueError("advance_days must be a whole number of days, at least 1")
        return _json(sandbox.advance(days))

    @app.post(f"{PREFIX}/webhooks")
    def send() -> Response:
        body = _body()
        vendor, url, events = body.get("vendor"), body.get("url"), body.get("events")
        if vendor not in ("stripe", "hubspot") or not isinstance(url, str) or not isinstance(events, list):
            raise ValueError("Send vendor (stripe or hubspot), url and events (a list)")
        return _json({"webhooks": sandbox.send_webhooks(vendor, url, events)})


def _add_happenings(app: Flask, sandbox: Controlled) -> None:
    @app.post(f"{PREFIX}/happen")
    def happen() -> Response:
        body = _body()
        return _json(sandbox.happen(str(body.get("what")), str(body.get("customer"))))

    @app.post(f"{PREFIX}/edit")
    def edit() -> Response:
        body = _body()
        values = body.get("properties")
        if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
            raise ValueError("Send type, id and properties (an object of texts)")
        source = str(body.get("source", "CRM_UI"))
        sandbox.edit(str(body.get("type")), str(body.get("id")), values, source)
        return _json({})

    @app.post(f"{PREFIX}/hubspot_webhooks")
    def aim() -> Response:
        url = _body().get("url")
        if url is not None and not isinstance(url, str):
            raise ValueError("url must be a text or null")
        sandbox.hubspot_webhooks.aim(url)
        return _json({"url": url})

    @app.post(f"{PREFIX}/manner")
    def behave() -> Response:
        try:
            sandbox.webhooks.manner = Manner(**_body())
        except TypeError:
            raise ValueError("Known are duplicates, shuffle and retries") from None
        return _json({})


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _lines(rows: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """One JSON object per line, a thousand at a time: there may be millions."""
    encoder, rest = msgspec.json.Encoder(), iter(rows)
    while batch := list(islice(rest, 1000)):
        yield encoder.encode_lines(batch)


def _body() -> dict[str, Any]:
    body = request.get_json(force=True, silent=True)
    if not isinstance(body, dict):
        raise ValueError("Send a JSON object")  # noqa: TRY004 - answered as 400
    return body


def _json(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, mimetype="application/json")
