"""Stripe's error answers, in its own words."""

from typing import Any


class ApiError(Exception):
    """An error that the API answers with.

    Attributes:
        status: The HTTP status.
        body: Stripe's error body, ``{"error": {...}}``.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        kind: str = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.status = status
        error: dict[str, Any] = {"message": message, "type": kind}
        if code:
            error["code"] = code
            error["doc_url"] = f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}"
        if param:
            error["param"] = param
        self.body = {"error": error}


def missing(kind: str, object_id: str, *, param: str = "id", status: int = 404) -> ApiError:
    """No such object: 404 for the object asked for, 400 for one that a parameter names."""
    name = kind.rsplit(".", 1)[-1].replace("_", " ")
    return ApiError(status, f"No such {name}: '{object_id}'", code="resource_missing", param=param)


def invalid_value(param: str, message: str) -> ApiError:
    """A parameter whose value makes no sense."""
    return ApiError(400, message, param=param)


def invalid_integer(param: str, value: str) -> ApiError:
    """A parameter that should have been a whole number."""
    return ApiError(400, f"Invalid integer: {value}", code="parameter_invalid_integer", param=param)


def unknown_parameter(param: str) -> ApiError:
    """A parameter that this endpoint refuses."""
    return ApiError(400, f"Received unknown parameter: {param}", code="parameter_unknown", param=param)


def missing_parameter(param: str) -> ApiError:
    """A required parameter that was not sent."""
    return ApiError(400, f"Missing required param: {param}.", code="parameter_missing", param=param)


def unrecognized_url(method: str, path: str) -> ApiError:
    """A path that the API does not have."""
    return ApiError(
        404,
        f"Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we can help at "
        "https://support.stripe.com/.",
    )


def rate_limited() -> ApiError:
    """More requests than the account may send."""
    message = (
        "Request rate limit exceeded. Learn more about rate limits: https://stripe.com/docs/rate-limits."
    )
    return ApiError(429, message, code="rate_limit")
