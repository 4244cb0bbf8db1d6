"""Answers parsed by ``hubspot-api-client``'s models with client-side validation."""

import importlib
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from sandbox import Sandbox

pytest.importorskip("hubspot", reason="hubspot-api-client is not installed")

OBJECTS = "/crm/objects/2026-03"
PROPERTIES = "/crm/properties/2026-03"
CUT = {"inputs": [{"id": "404", "properties": {"name": "A"}, "objectWriteTraceId": "t"}]}
WRONG = {"inputs": [{"properties": {"nonsense": "A"}, "objectWriteTraceId": "t"}]}
LISTED = "CollectionResponseSimplePublicObjectWithAssociationsForwardPaging"
PARTLY = "BatchResponseSimplePublicObjectWithErrors"
FOUND = "CollectionResponseWithTotalSimplePublicObjectForwardPaging"
LINKED = "BatchResponsePublicAssociationMultiWithLabelWithErrors"
LINKS = "/crm/associations/2026-03/contacts/companies/batch/read"
READ = {"inputs": [{"id": "404"}], "properties": [], "propertiesWithHistory": []}
ANSWERS = [
    ("companies", LISTED, "GET", f"{OBJECTS}/companies?limit=3&associations=contacts", None),
    ("companies", PARTLY, "POST", f"{OBJECTS}/companies/batch/update", CUT),
    ("companies", PARTLY, "POST", f"{OBJECTS}/companies/batch/read", READ),
    ("companies", FOUND, "POST", f"{OBJECTS}/companies/search", {"filterGroups": [], "limit": 5}),
    ("deals", LISTED, "GET", f"{OBJECTS}/deals?limit=3", None),
    ("properties", "CollectionResponsePropertyNoPaging", "GET", f"{PROPERTIES}/companies", None),
    ("properties", "CollectionResponsePropertyGroupNoPaging", "GET", f"{PROPERTIES}/companies/groups", None),
    ("owners", "CollectionResponsePublicOwnerForwardPaging", "GET", "/crm/owners/2026-03?limit=2", None),
    ("pipelines", "CollectionResponsePipelineNoPaging", "GET", "/crm/pipelines/2026-03/deals", None),
    ("associations.v4", LINKED, "POST", LINKS, {"inputs": [{"id": "404"}]}),
]


class Portal:
    """Calls the sandbox and parses each answer."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._base = sandbox.hubspot_url
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {sandbox.hubspot.access_token}"

    def parse(self, package: str, model: str, method: str, path: str, body: Any = None) -> Any:
        answer = self._session.request(method, self._base + path, json=body, timeout=10)
        generated = importlib.import_module(f"hubspot.crm.{package}")
        strict = generated.Configuration()
        strict.client_side_validation = True
        return generated.ApiClient(strict).deserialize(SimpleNamespace(data=answer.text), model)


@pytest.fixture
def portal(hubspot_sandbox: Sandbox) -> Portal:
    return Portal(hubspot_sandbox)


@pytest.mark.parametrize(
    "package,model,method,path,body",
    ANSWERS,
)
def test_answers_fit(portal: Portal, package: str, model: str, method: str, path: str, body: Any) -> None:
    parsed = portal.parse(package, model, method, path, body)
    rows = parsed.errors if getattr(parsed, "num_errors", None) else parsed.results
    assert rows


def test_a_refused_row_and_a_refused_request_fit(portal: Portal) -> None:
    partly = portal.parse(
        "companies",
        "BatchResponseSimplePublicObjectWithErrors",
        "POST",
        f"{OBJECTS}/companies/batch/create",
        WRONG,
    )
    assert (partly.num_errors, partly.errors[0].context) == (1, {"objectWriteTraceId": ["t"]})
    whole = portal.parse(
        "companies", "Error", "POST", f"{OBJECTS}/companies", {"properties": {"nonsense": "A"}}
    )
    assert (whole.category, whole.errors[0].code) == ("VALIDATION_ERROR", "PROPERTY_DOESNT_EXIST")
