"""Owners, pipelines, the account's details and the token's scopes."""

from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from flask import Flask, Response, request

from sandbox.crm.directory import PIPELINES, CrmOwner, Pipeline, Stage
from sandbox.crm.object_types import OBJECT_TYPES
from sandbox.crm.times import iso
from sandbox.hubspot_api.api import Api, Json, after, answer, body, flag, limit, paging, text
from sandbox.hubspot_api.errors import bad_request, not_found

_TIME_ZONE = "Europe/Paris"
_MOST_OWNERS = 500


def register(app: Flask, api: Api) -> None:
    """Add the routes."""
    _register_owners(app, api)
    _register_pipelines(app, api)

    @app.get("/account-info/<version:_version>/details")
    def account_details(_version: str) -> Response:
        return answer(_details(api))

    @app.post("/oauth/v2/private-apps/get/access-token-info")
    def token_info() -> Response:
        if text(body(), "tokenKey") != api.settings.access_token:
            raise bad_request("The access token is not known")
        scopes = sorted(_all_scopes() if api.settings.scopes is None else api.settings.scopes)
        return answer({"userId": 1, "hubId": api.crm.portal_id, "appId": 1, "scopes": scopes})


def _register_owners(app: Flask, api: Api) -> None:
    base = "/crm/owners/<version:_version>"

    @app.get(base, strict_slashes=False)
    def list_owners(_version: str) -> Response:
        api.gate.require("crm.objects.owners.read")
        archived, email = flag("archived"), request.args.get("email")
        size, cursor = limit(100, _MOST_OWNERS), after()
        found = [
            owner
            for owner in api.crm.owners
            if owner.archived is archived and owner.id > cursor and email in (None, owner.email)
        ]
        page: Json = {"results": [_owner_shown(owner) for owner in found[:size]]}
        if len(found) > size:
            page["paging"] = paging(str(found[size - 1].id))
        return answer(page)

    @app.get(f"{base}/<int:owner_id>")
    def get_owner(_version: str, owner_id: int) -> Response:
        api.gate.require("crm.objects.owners.read")
        by_user = request.args.get("idProperty", "id") == "userId"
        archived = flag("archived")
        for owner in api.crm.owners:
            if owner_id == (owner.user_id if by_user else owner.id) and owner.archived is archived:
                return answer(_owner_shown(owner))
        raise not_found()


def _owner_shown(owner: CrmOwner) -> Json:
    return {
        "id": str(owner.id),
        "email": owner.email,
        "firstName": owner.first_name,
        "lastName": owner.last_name,
        "type": "PERSON",
        # A deactivated user keeps its number only here.
        "userId": None if owner.archived else owner.user_id,
        "userIdIncludingInactive": owner.user_id,
        "createdAt": iso(owner.created_at),
        "updatedAt": iso(owner.updated_at),
        "archived": owner.archived,
    }


def _register_pipelines(app: Flask, api: Api) -> None:
    base = "/crm/pipelines/<version:_version>/<type_name>"

    def pipelines(type_name: str) -> Sequence[Pipeline]:
        kind = api.kind(type_name, "read")
        return PIPELINES.get(kind.name, ())

    def pipeline(type_name: str, pipeline_id: str) -> Pipeline:
        for found in pipelines(type_name):
            if found.id == pipeline_id:
                return found
        raise not_found()

    @app.get(base)
    def list_pipelines(_version: str, type_name: str) -> Response:
        shown = [_pipeline_shown(found, order) for order, found in enumerate(pipelines(type_name))]
        return answer({"results": shown})

    @app.get(f"{base}/<pipeline_id>")
    def get_pipeline(_version: str, type_name: str, pipeline_id: str) -> Response:
        return answer(_pipeline_shown(pipeline(type_name, pipeline_id), 0))

    @app.get(f"{base}/<pipeline_id>/stages")
    def list_stages(_version: str, type_name: str, pipeline_id: str) -> Response:
        return answer({"results": _pipeline_shown(pipeline(type_name, pipeline_id), 0)["stages"]})


def _pipeline_shown(pipeline: Pipeline, order: int) -> Json:
    return {
        "id": pipeline.id,
        "label": pipeline.label,
        "displayOrder": order,
        "stages": [_stage_shown(stage, place) for place, stage in enumerate(pipeline.stages)],
        "createdAt": iso(0),
        "updatedAt": iso(0),
        "archived": False,
    }


def _stage_shown(stage: Stage, order: int) -> Json:
    closed = str(stage.closed).lower()
    if stage.probability is None:
        metadata = {"isClosed": closed, "ticketState": "CLOSED" if stage.closed else "OPEN"}
    else:
        metadata = {"isClosed": closed, "probability": stage.probability}
    return {
        "id": stage.id,
        "label": stage.label,
        "displayOrder": order,
        "metadata": metadata,
        "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
        "createdAt": iso(0),
        "updatedAt": iso(0),
        "archived": False,
    }


def _details(api: Api) -> Json:
    at = datetime.fromtimestamp(api.crm.now() / 1000, UTC).astimezone(ZoneInfo(_TIME_ZONE))
    offset = at.utcoffset()
    minutes = int(offset.total_seconds()) // 60 if offset else 0
    return {
        "portalId": api.crm.portal_id,
        "accountType": "DEVELOPER_TEST",
        "timeZone": _TIME_ZONE,
        "companyCurrency": "EUR",
        "additionalCurrencies": ["JPY", "USD"],
        "utcOffset": f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}",
        "utcOffsetMilliseconds": minutes * 60_000,
        "uiDomain": "app-eu1.hubspot.com",
        "dataHostingLocation": "eu1",
    }


def _all_scopes() -> set[str]:
    prefixes = {kind.scope for kind in OBJECT_TYPES.values()} | {
        kind.schema_scope for kind in OBJECT_TYPES.values()
    }
    scopes = {f"{prefix}.{access}" for prefix in prefixes - {"tickets"} for access in ("read", "write")}
    return scopes | {"crm.objects.owners.read", "oauth", "tickets"}
