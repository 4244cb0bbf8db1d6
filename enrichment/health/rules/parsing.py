"""From the words of a condition to its parts, with every mistake named where it stands.

The grammar, from the loosest to the tightest::

    condition   either
    either      both ("or" both)*
    both        negated ("and" negated)*
    negated     "not" negated | comparison
    comparison  sum [ ("=" | "!=" | "<" | "<=" | ">" | ">=") sum
                    | ["not"] "in" "(" sum ("," sum)* ")" | "is" ("known" | "unknown") ]
    sum         product (("+" | "-") product)*
    product     signed ("*" signed)*
    signed      "-" signed | "(" either ")" | column | number | 'text' | "true" | "false"
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from difflib import get_close_matches
from typing import Final

import numpy as np

from enrichment.health.columns import COLUMNS, DATE, NUMBER, TEXT, YES_NO
from enrichment.health.rules import tokens as words
from enrichment.health.rules.conditions import (
    COMPARISONS,
    EQUALITIES,
    FALSE,
    TRUE,
    Both,
    Compared,
    Either,
    Known,
    Literal,
    Named,
    Not,
    Part,
    Product,
    Sum,
)
from enrichment.health.rules.tokens import Token, mistake, tokens
from saaskpi.errors import UsageError

DEEPEST: Final = 20
_TURNED: Final = "Comparisons are =, !=, <, <=, > and >=, written in this order."


def parse(text: str) -> Part:
    """Return the condition that a text says.

    Args:
        text: see the grammar above and docs/health.md.

    Raises:
        UsageError: it is no condition; says what is wrong at which character, and what was likely meant.
    """
    parser = _Parser(tokens(text))
    condition = parser.either()
    parser.expect_end()
    parser.need(condition, YES_NO, 1)
    if not parser.reads_columns:
        raise UsageError("The condition reads no column.", hint="Name a column of docs/health.md.")
    return condition


class _Parser:
    """Goes through the words once, from the left to the right."""

    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._place = 0
        self._depth = 0
        self.reads_columns = False

    def either(self) -> Part:
        return self._chain("or", self._both, Either)

    def _both(self) -> Part:
        return self._chain("and", self._negated, Both)

    def _chain(self, word: str, part: Callable[[], Part], join: Callable[[tuple[Part, ...]], Part]) -> Part:
        at = self._next.at
        parts = [part()]
        while self._takes(words.WORD, word):
            self.need(parts[-1], YES_NO, at)
            at = self._next.at
            parts.append(part())
        if len(parts) == 1:
            return parts[0]
        self.need(parts[-1], YES_NO, at)
        return join(tuple(parts))

    def _negated(self) -> Part:
        if not self._takes(words.WORD, "not"):
            return self._comparison()
        at = self._next.at
        operand = self._nested(self._negated, at)
        self.need(operand, YES_NO, at)
        return Not(operand)

    def _comparison(self) -> Part:
        left = self._sum()
        token = self._next
        if token.kind == words.SIGN and token.text in COMPARISONS:
            self._place += 1
            return self._compared(token, left, self._sum())
        if self._takes(words.WORD, "is"):
            return Known(left, self._known_or_not())
        if token.kind == words.WORD and token.text == "not" and self._tokens[self._place + 1].text == "in":
            self._place += 2
            return Not(self._within(token, left))
        return self._within(token, left) if self._takes(words.WORD, "in") else left

    def _compared(self, sign: Token, left: Part, right: Part) -> Part:
        left, right = _as_day(left, right, sign.at), _as_day(right, left, sign.at)
        if left.kind != right.kind:
            raise mistake(
                f"{_told(left)} is compared with {_told(right)} by {sign.text!r}", sign.at, _hint(left, right)
            )
        if left.kind in (TEXT, YES_NO) and sign.text not in EQUALITIES:
            raise mistake(f"{_told(left)} has no order for {sign.text!r}", sign.at, "Use = or !=.")
        for one, other in ((left, right), (right, left)):
            _check_choice(one, other, sign.at)
        if self._next.kind == words.SIGN and self._next.text in COMPARISONS:
            raise mistake("A second comparison follows the first", self._next.at, "Join them with and.")
        return Compared(sign.text, left, right)

    def _within(self, at: Token, left: Part) -> Part:
        self._need_sign("(")
        found = [self._compared(Token(words.SIGN, "=", at.at), left, self._sum())]
        while self._takes(words.SIGN, ","):
            found.append(self._compared(Token(words.SIGN, "=", at.at), left, self._sum()))
        self._need_sign(")")
        return Either(tuple(found))

    def _known_or_not(self) -> bool:
        for word in ("known", "unknown"):
            if self._takes(words.WORD, word):
                return word == "known"
        raise mistake("After is comes known or unknown", self._next.at, "Compare with = instead of is.")

    def _sum(self) -> Part:
        at = self._next.at
        terms, signs = [self._product()], [1]
        while self._next.kind == words.SIGN and self._next.text in ("+", "-"):
            self.need(terms[-1], NUMBER, at)
            signs.append(1 if self._next.text == "+" else -1)
            self._place += 1
            at = self._next.at
            terms.append(self._product())
        if len(terms) == 1:
            return terms[0]
        self.need(terms[-1], NUMBER, at)
        return Sum(tuple(terms), tuple(signs))

    def _product(self) -> Part:
        at = self._next.at
        factors = [self._signed()]
        while self._takes(words.SIGN, "*"):
            self.need(factors[-1], NUMBER, at)
            at = self._next.at
            factors.append(self._signed())
        if len(factors) == 1:
            return factors[0]
        self.need(factors[-1], NUMBER, at)
        return Product(tuple(factors))

    def _signed(self) -> Part:
        token = self._next
        self._place += 1
        if token.kind == words.SIGN and token.text == "-":
            operand = self._nested(self._signed, token.at)
            self.need(operand, NUMBER, token.at)
            return Sum((operand,), (-1,))
        if token.kind == words.SIGN and token.text == "(":
            inner = self._nested(self.either, token.at)
            self._need_sign(")")
            return inner
        return self._plain(token)

    def _plain(self, token: Token) -> Part:
        match token.kind:
            case words.NUMBER:
                return Literal(NUMBER, float(token.text.replace("_", "")))
            case words.QUOTED if not token.text.strip():
                raise mistake("The text is empty", token.at, "For what is not there, write: is unknown.")
            case words.QUOTED:
                return Literal(TEXT, token.text)
            case words.NAME:
                self.reads_columns = True
                return _named(token)
            case words.WORD if token.text in ("true", "false"):
                return Literal(YES_NO, TRUE if token.text == "true" else FALSE)
            case words.END:
                raise mistake("The condition is empty" if token.at == 1 else "A value is missing", token.at)
            case _:
                hint = _TURNED if token.text in ("<", ">", "=") else "A column or a value comes here."
                raise mistake(f"{token.text!r} is not expected", token.at, hint)

    def _nested(self, part: Callable[[], Part], at: int) -> Part:
        self._depth += 1
        if self._depth > DEEPEST:
            raise mistake(f"More than {DEEPEST} levels of parentheses, not and minus", at, "Split the flag.")
        found = part()
        self._depth -= 1
        return found

    def expect_end(self) -> None:
        token = self._next
        if token.kind != words.END:
            raise mistake(f"{token.text!r} is not expected", token.at, "Join conditions with and or or.")

    def need(self, part: Part, kind: str, at: int) -> None:
        if part.kind != kind:
            wanted = "a condition" if kind == YES_NO else f"a {kind}"
            raise mistake(f"{_told(part)} stands where {wanted} is needed", at, _needs(kind))

    @property
    def _next(self) -> Token:
        return self._tokens[min(self._place, len(self._tokens) - 1)]

    def _takes(self, kind: str, text: str) -> bool:
        """Go on if the next word is this one."""
        is_next = self._next.kind == kind and self._next.text == text
        self._place += is_next
        return is_next

    def _need_sign(self, sign: str) -> None:
        if not self._takes(words.SIGN, sign):
            raise mistake(f"{sign!r} is missing", self._next.at)


def _needs(kind: str) -> str:
    return "Compare it with something." if kind == YES_NO else "Only numbers can be counted with."


def _told(part: Part) -> str:
    """Name a part for a message: ``mrr (number)``."""
    match part:
        case Named(name):
            return f"{name} ({part.kind})"
        case Literal(_, str(text)):
            return f"{text[:40]!r} (text)"
        case Literal(_, float(number)):
            return f"{number:g} (number)"
    return f"a {part.kind}" if part.kind != YES_NO else "a condition (yes or no)"


def _hint(left: Part, right: Part) -> str:
    kinds = {left.kind, right.kind}
    if kinds == {TEXT, NUMBER}:
        return "Put texts in quotes and leave numbers without."
    if DATE in kinds:
        return "Write dates as 'YYYY-MM-DD'."
    return "Compare a column with a value of its own kind; see docs/health.md."


def _named(token: Token) -> Named:
    if token.text in COLUMNS:
        return Named(token.text)
    near = get_close_matches(token.text.lower(), COLUMNS, 1)
    hint = f"Did you mean {near[0]}?" if near else f"If it is a text, put it in quotes: '{token.text[:40]}'."
    raise mistake(f"There is no column {token.text[:60]!r}", token.at, f"{hint} Columns: docs/health.md.")


def _as_day(part: Part, beside: Part, at: int) -> Part:
    """Return a text as a day where it is compared with one."""
    if beside.kind != DATE or not isinstance(part, Literal) or not isinstance(part.value, str):
        return part
    try:
        day = date.fromisoformat(part.value)
    except ValueError:
        day = None
    if day is None or day.isoformat() != part.value:
        raise mistake(f"{part.value[:40]!r} is no date in the comparison", at, "Write dates as 'YYYY-MM-DD'.")
    return Literal(DATE, np.datetime64(day, "D"))


def _check_choice(column: Part, value: Part, at: int) -> None:
    """Tell a text that a column can never say, most likely a slip."""
    if not isinstance(column, Named) or not isinstance(value, Literal) or not isinstance(value.value, str):
        return
    choices = COLUMNS[column.name].choices
    if choices and value.value.lower() not in choices:
        near = get_close_matches(value.value.lower(), choices, 1)
        hint = f"Did you mean '{near[0]}'?" if near else f"It says one of: {', '.join(choices)}."
        raise mistake(f"{column.name} never says {value.value[:40]!r}, as compared", at, hint)
