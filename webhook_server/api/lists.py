"""The routes that read: accounts, what explains one, movements, key figures, the run history."""

from __future__ import annotations

from typing import Final

from flask import Response

from crm_sync.options import BANDS, STATUSES
from enrichment.kpis.catalogue import MONTHLY
from saaskpi import explaining
from saaskpi.columns import ACCOUNTS, json_rows
from saaskpi.declared import own_flags
from saaskpi.listings import Listing, list_accounts, list_kpis, list_movements
from saaskpi.lists import KINDS, METRICS, Figures, View
from saaskpi.portfolio import Filter
from warehouse.history import History
from webhook_server.answers import failed
from webhook_server.api import schemas
from webhook_server.api.answering import LIST_PARAMETERS, document, of_run, page
from webhook_server.api.declared import TEXT, Asked, Parameter, Route

_MONTHS: Final = Parameter(
    "month", "A month, several, or the newest: 2026-10, 2026-01..2026-10, latest.", {**TEXT, "maxLength": 20}
)
_MONTH: Final = Parameter("month", "A month, or the newest: 2026-10, latest.", {**TEXT, "maxLength": 20})
_SEGMENT: Final = Parameter("segment", "Only this segment, for instance country=FR.")
_CURRENCY: Final = Parameter("currency", "Only this currency (ISO 4217).", {**TEXT, "maxLength": 10})
_NATIVE: Final = Parameter(
    "native", "Each currency by itself, not the reporting currency.", {"type": "boolean"}, default=False
)
_METRIC: Final = {"type": "string", "enum": list(METRICS)}
_FIGURES: Final = [kpi.id for kpi in MONTHLY]
_SEARCH: Final = Parameter("search", "Part of the name, or of a HubSpot or Stripe id.")
_ACCOUNT_ID: Final = (Parameter("account_id", "An account, a HubSpot company or a Stripe customer: its id."),)


def _view(asked: Asked) -> View:
    return View(asked["month"], asked["segment"], asked["currency"], asked["native"])


def _accounts(asked: Asked) -> Response:
    names = ("band", "risk", "opportunity", "status", "search")
    wanted, reading = Filter(**{name: asked[name] for name in names}), asked.reading

    def make() -> Listing:
        view, own = _view(asked), own_flags(asked.home.services.settings)
        return list_accounts(
            reading.read, lambda: reading.accounts, view, wanted, asked["metric"], asked["sort"], own
        )

    return page(asked, "accounts", make)


def _movements(asked: Asked) -> Response:
    def make() -> Listing:
        figures = Figures(asked.reading.read, _view(asked))
        return list_movements(figures, asked["kind"], asked["metric"], asked["search"], asked["sort"])

    return page(asked, "movements", make)


def _kpis(asked: Asked) -> Response:
    def make() -> Listing:
        figures = Figures(asked.reading.read, _view(asked))
        return list_kpis(figures, asked["metric"], asked["by"], asked["sort"])

    return page(asked, "kpis", make)


def _account(asked: Asked) -> Response:
    found = asked.reading.account(asked["account_id"])
    if found is None:
        return _no_account()
    return of_run(asked, {"account": json_rows([found], ACCOUNTS)[0]})


def _explain(asked: Asked) -> Response:
    found = asked.reading.account(asked["account_id"])
    if found is None:
        return _no_account()
    reader = asked.home.reader
    told = explaining.explain(asked.reading.read, reader.snapshots, found, asked["month"], reader.policy.zone)
    return of_run(asked, explaining.as_json(told))


def _runs(asked: Asked) -> Response:
    return document({"rows": History(asked.home.services.store.engine).recent(asked["limit"])})


def _no_account() -> Response:
    return failed(404, "There is no account with this id.", "See: GET /api/v1/accounts?search=TEXT")


ROUTES: Final = (
    Route(
        "GET",
        "/accounts",
        "read",
        "List accounts; with a month, metric or segment, those that make up a figure.",
        _accounts,
        schemas.of_list({"anyOf": [schemas.ACCOUNT, schemas.ACCOUNT_OF_FIGURE]}),
        (
            _MONTH,
            Parameter("metric", "The figure of the month to open (default mrr).", _METRIC),
            _SEGMENT,
            _CURRENCY,
            _NATIVE,
            Parameter("band", "Only this band.", {"type": "string", "enum": list(BANDS)}),
            Parameter("risk", "Only accounts with this risk flag."),
            Parameter("opportunity", "Only accounts with this opportunity flag."),
            Parameter("status", "Only this status.", {"type": "string", "enum": list(STATUSES)}),
            _SEARCH,
            Parameter("sort", "mrr, name, health_score or renewal_date; of a figure, any column."),
            *LIST_PARAMETERS,
        ),
        is_list=True,
        is_versioned=True,
    ),
    Route(
        "GET",
        "/accounts/{account_id}",
        "read",
        "Return one account.",
        _account,
        schemas.of_run({"account": schemas.ACCOUNT}),
        path_parameters=_ACCOUNT_ID,
        errors=(404,),
        is_versioned=True,
    ),
    Route(
        "GET",
        "/accounts/{account_id}/explain",
        "read",
        "Say what an account's MRR, score and flags are made of, and what moved its MRR.",
        _explain,
        schemas.of_run(schemas.EXPLANATION),
        (_MONTH,),
        _ACCOUNT_ID,
        errors=(404,),
        is_versioned=True,
    ),
    Route(
        "GET",
        "/movements",
        "read",
        "List what moved the MRR: new, reactivation, expansion, contraction, churn, exchange rates.",
        _movements,
        schemas.of_list(schemas.MOVEMENT),
        (
            _MONTHS,
            _SEGMENT,
            _CURRENCY,
            _NATIVE,
            Parameter("kind", "Only these movements.", {"type": "string", "enum": list(KINDS)}, many=True),
            Parameter("metric", "Only the movements that make up this figure.", _METRIC),
            _SEARCH,
            Parameter("sort", "A column; numbers highest first.", default="month"),
            *LIST_PARAMETERS,
        ),
        is_list=True,
        is_versioned=True,
    ),
    Route(
        "GET",
        "/kpis",
        "read",
        "Return the key figures of each month, newest first.",
        _kpis,
        schemas.of_list(schemas.KPI),
        (
            _MONTHS,
            _SEGMENT,
            _CURRENCY,
            _NATIVE,
            Parameter(
                "metric",
                "Only these figures.",
                {"type": "string", "enum": _FIGURES},
                many=True,
            ),
            Parameter("by", "One row for each value of this segment.", {**TEXT, "maxLength": 100}),
            Parameter("sort", "A column; numbers highest first.", default="month"),
            *LIST_PARAMETERS,
        ),
        is_list=True,
        is_versioned=True,
    ),
    Route(
        "GET",
        "/runs",
        "read",
        "Return the run history: each stage with its counts, newest first.",
        _runs,
        schemas.of_object({"rows": schemas.of_array(schemas.STAGE)}),
        (
            Parameter(
                "limit", "How many stages.", {"type": "integer", "minimum": 1, "maximum": 1000}, default=50
            ),
        ),
    ),
)
