"""The parts of a condition, each read for all accounts at once.

What is not known makes a comparison unknown, neither true nor false (Kleene's three-valued logic): a flag is
raised only where its condition is true.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from enrichment.health.columns import COLUMNS, DATE, MONEY, NUMBER, TEXT, YES_NO, Columns

Values = npt.NDArray[Any]
"""Numbers with NaN, texts in small letters with None, days with NaT, or truths: one per account, or one."""

FALSE, UNKNOWN, TRUE = np.int8(0), np.int8(1), np.int8(2)
"""In this order: the smaller of two is their ``and``, the greater their ``or``."""

_COMPARE: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "=": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}
COMPARISONS: Final = tuple(_COMPARE)
EQUALITIES: Final = ("=", "!=")


class Part(Protocol):
    """A part of a condition."""

    @property
    def kind(self) -> str:
        """``number``, ``text``, ``date`` or ``yes or no``."""

    def read(self, columns: Columns) -> Values:
        """Return its value of every account."""


def are_known(kind: str, values: Values) -> Values:
    """Return where values are known."""
    match kind:
        case "number":
            return ~np.isnan(values)
        case "date":
            return ~np.isnat(values)
        case "text":
            return values.astype(np.bool_)  # A known text is never empty.
        case _:
            return np.asarray(values != UNKNOWN)


def as_truth(values: Values, known: Values) -> Values:
    """Return true and false where they are known, else unknown."""
    return np.where(known, np.where(values, TRUE, FALSE), UNKNOWN)


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, a text, a day or a truth as it is written."""

    kind: str
    value: float | str | np.datetime64 | np.int8

    def read(self, columns: Columns) -> Values:
        """Return it once."""
        value = self.value.casefold() if isinstance(self.value, str) else self.value
        return np.array(value, dtype=object if self.kind == TEXT else None)


@dataclass(frozen=True, slots=True)
class Named:
    """A documented column."""

    name: str

    @property
    def kind(self) -> str:
        """Money is a number: minor units."""
        kind = COLUMNS[self.name].kind
        return NUMBER if kind == MONEY else kind

    def read(self, columns: Columns) -> Values:
        """Return the column."""
        if self.kind == DATE:
            return columns.days(self.name)
        if self.kind == TEXT:
            texts = [None if one is None else one.casefold() for one in columns.texts(self.name)]
            return np.array(texts, dtype=object)
        numbers = columns.numbers(self.name)
        return as_truth(numbers != 0, ~np.isnan(numbers)) if self.kind == YES_NO else numbers


@dataclass(frozen=True, slots=True)
class Sum:
    """Numbers added, or taken away where ``signs`` says -1."""

    terms: tuple[Part, ...]
    signs: tuple[int, ...]
    kind: str = NUMBER

    def read(self, columns: Columns) -> Values:
        """Return the sum; unknown where a term is, or where it cannot be written as a number."""
        terms = [sign * term.read(columns) for sign, term in zip(self.signs, self.terms, strict=True)]
        return _finite(reduce(np.add, terms))


@dataclass(frozen=True, slots=True)
class Product:
    """Numbers multiplied."""

    factors: tuple[Part, ...]
    kind: str = NUMBER

    def read(self, columns: Columns) -> Values:
        """Return the product; unknown where a factor is, or where it cannot be written as a number."""
        with np.errstate(over="ignore"):
            return _finite(reduce(np.multiply, [factor.read(columns) for factor in self.factors]))


def _finite(values: Values) -> Values:
    return np.where(np.isfinite(values), values, np.nan)


@dataclass(frozen=True, slots=True)
class Compared:
    """Two values of one kind, compared."""

    sign: str
    left: Part
    right: Part
    kind: str = YES_NO

    def read(self, columns: Columns) -> Values:
        """Return the truth of it; unknown where a side is."""
        left, right = self.left.read(columns), self.right.read(columns)
        known = are_known(self.left.kind, left) & are_known(self.right.kind, right)
        return as_truth(_COMPARE[self.sign](left, right), known)


@dataclass(frozen=True, slots=True)
class Known:
    """Whether a value is known; itself never unknown."""

    operand: Part
    wanted: bool
    kind: str = YES_NO

    def read(self, columns: Columns) -> Values:
        """Return the truth of it."""
        known = are_known(self.operand.kind, self.operand.read(columns))
        return np.where(known == self.wanted, TRUE, FALSE)


@dataclass(frozen=True, slots=True)
class Not:
    """The contrary; of what is unknown, unknown."""

    operand: Part
    kind: str = YES_NO

    def read(self, columns: Columns) -> Values:
        """Return the truth of it."""
        return np.asarray(TRUE - self.operand.read(columns))


@dataclass(frozen=True, slots=True)
class Both:
    """True when all are true, false as soon as one is false."""

    operands: tuple[Part, ...]
    kind: str = YES_NO

    def read(self, columns: Columns) -> Values:
        """Return the truth of it."""
        return reduce(np.minimum, [one.read(columns) for one in self.operands])


@dataclass(frozen=True, slots=True)
class Either:
    """True as soon as one is true, false when all are false."""

    operands: tuple[Part, ...]
    kind: str = YES_NO

    def read(self, columns: Columns) -> Values:
        """Return the truth of it."""
        return reduce(np.maximum, [one.read(columns) for one in self.operands])
