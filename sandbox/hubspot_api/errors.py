"""HubSpot's error bodies."""

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.crm.object_types import ObjectType
from sandbox.crm.store import InvalidPropertiesError, UniqueConflictError

Context = Mapping[str, Sequence[str]]


class ApiError(Exception):
    """An answer other than success.

    Args:
        status: The HTTP status.
        message: For people.
        category: HubSpot's error category, for example "VALIDATION_ERROR".
        context: Lists of texts that say where, by name.
        errors: Details, one for each thing wrong.
        sub_category: A finer category.
        extra: Fields that only this error has.
    """

    def __init__(
        self,
        status: int,
        message: str,
        category: str = "VALIDATION_ERROR",
        *,
        context: Context | None = None,
        errors: Sequence[Mapping[str, Any]] = (),
        sub_category: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.category = category
        self.context = dict(context or {})
        self.errors = list(errors)
        self.sub_category = sub_category
        self.extra = dict(extra or {})

    def body(self) -> dict[str, Any]:
        """The whole answer's body."""
        body: dict[str, Any] = {
            "status": "error",
            "message": self.message,
            "correlationId": str(uuid.uuid4()),
            "category": self.category,
        }
        if self.context:
            body["context"] = self.context
        if self.errors:
            body["errors"] = self.errors
        if self.sub_category:
            body["subCategory"] = self.sub_category
        return body | self.extra

    def row(self, context: Context) -> dict[str, Any]:
        """One entry of a 207's ``errors``."""
        row: dict[str, Any] = {
            "status": "error",
            "category": self.category,
            "message": self.message,
            "context": {**self.context, **context},
            "errors": self.errors,
            "links": {},
        }
        return row | ({"subCategory": self.sub_category} if self.sub_category else {})


def bad_request(message: str, **context: Sequence[str]) -> ApiError:
    """A 400 with HubSpot's usual category."""
    return ApiError(400, message, context=context)


def not_found(message: str = "resource not found") -> ApiError:
    """A 404."""
    return ApiError(404, message, "OBJECT_NOT_FOUND")


def invalid_properties(error: InvalidPropertiesError, portal_id: int) -> ApiError:
    """A 400 that lists each refused property, as JSON inside the message and as details."""
    listed = [
        {
            "isValid": False,
            "message": message,
            "error": code,
            "name": name,
            "localizedErrorMessage": message,
            "portalId": portal_id,
        }
        for name, code, message in error.problems
    ]
    details = [
        {"message": message, "code": code, "context": {"propertyName": [name]}}
        for name, code, message in error.problems
    ]
    return ApiError(400, f"Property values were not valid: {json.dumps(listed)}", errors=details)


def unique_conflict(error: UniqueConflictError, kind: ObjectType, portal_id: int) -> ApiError:
    """The answer when another record has the value: 409 for a contact's e-mail, else an invalid value."""
    if (kind.name, error.name) == ("contacts", "email"):
        return ApiError(409, f"Contact already exists. Existing ID: {error.existing_id}", "CONFLICT")
    problem = (error.name, "CONFLICTING_UNIQUE_VALUE", str(error))
    return invalid_properties(InvalidPropertiesError([problem]), portal_id)
