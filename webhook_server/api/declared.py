"""How a route of the API is declared: what is served, checked and documented follows from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Literal

from flask import Response

from webhook_server.api.home import Home, Reading

Schema = Mapping[str, Any]

TEXT: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": 200}


@dataclass
class Asked:
    """What one request asks for.

    Attributes:
        home: what the routes work on.
        values: of its parameters by name; None where one is not given, a tuple where there may be many.
    """

    home: Home
    values: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        """Return the value of a parameter."""
        return self.values[name]

    @cached_property
    def reading(self) -> Reading:
        """The current run: the same one throughout the request."""
        return self.home.current()


View = Callable[[Asked], Response]


@dataclass(frozen=True)
class Parameter:
    """A parameter of the query, or of the path.

    Attributes:
        name: as it is written in the URL.
        description: one sentence.
        schema: JSON schema of one value: a string, an integer or a boolean.
        many: it may be given several times.
        default: the value where it is not given.
    """

    name: str
    description: str
    schema: Schema = field(default_factory=lambda: TEXT)
    many: bool = False
    default: str | int | bool | None = None


@dataclass(frozen=True)
class Route:
    """One way to ask the API for something.

    Attributes:
        method: of HTTP.
        path: below ``/api/v1``, for instance ``/accounts/{account_id}``.
        scope: what the token must allow.
        summary: one sentence.
        view: answers.
        schema: JSON schema of the answer.
        parameters: of the query.
        path_parameters: those in ``path``.
        body: JSON schema of what is sent; None for nothing.
        status: of the answer when all goes well.
        errors: statuses beside those that every route may answer with.
        is_list: the answer is also there as CSV.
        is_versioned: the answer has an ETag, and 304 says that it is still the same.
    """

    method: Literal["GET", "POST"]
    path: str
    scope: str
    summary: str
    view: View
    schema: Schema
    parameters: tuple[Parameter, ...] = ()
    path_parameters: tuple[Parameter, ...] = ()
    body: Schema | None = None
    status: int = 200
    errors: tuple[int, ...] = ()
    is_list: bool = False
    is_versioned: bool = False

    @property
    def name(self) -> str:
        """What names the operation in the document, for instance ``get_accounts_explain``."""
        words = [word for word in self.path.split("/") if word and not word.startswith("{")]
        one = "_one" if self.path.endswith("}") else ""
        return "_".join([self.method.lower(), *words]).replace(".", "_") + one
