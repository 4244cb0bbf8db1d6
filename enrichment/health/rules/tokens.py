"""From the text of a condition to its words, each with its position."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from saaskpi.errors import UsageError

MOST_CHARACTERS: Final = 1000
NUMBER: Final = "number"
QUOTED: Final = "quoted"
NAME: Final = "name"
WORD: Final = "word"
SIGN: Final = "sign"
END: Final = "end"
_WORDS: Final = frozenset(("and", "or", "not", "in", "is", "known", "unknown", "true", "false"))
_MOST_DIGITS: Final = 15
_TOKEN: Final = re.compile(
    r"""(?P<space>[ \t\r\n]+)
    | (?P<number>[0-9][0-9_]*(?:\.[0-9]+)?)
    | (?P<quoted>'(?:[^']|'')*'|"(?:[^"]|"")*")
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<sign>==|!=|<=|>=|[=<>()+,*-])""",
    re.VERBOSE,
)
_INSTEAD: Final = {
    "&": "Write and.",
    "|": "Write or.",
    "!": "Write not, or != for what differs.",
    "/": "There is no division: multiply the other side instead.",
    "'": "Close the quoted text with the same quote.",
    '"': "Close the quoted text with the same quote.",
    ".": "Name a column as it is documented; a number needs a digit before the point.",
}


class Token(NamedTuple):
    """One word of a condition: its kind, its text (without quotes), its position (the first is 1)."""

    kind: str
    text: str
    at: int


def mistake(what: str, at: int, hint: str = "") -> UsageError:
    """Return the error for a condition that is wrong at a character."""
    return UsageError(f"{what} at character {at}.", hint=hint)


def tokens(text: str) -> list[Token]:
    """Split a condition into its words; the last one is of kind ``end``.

    Raises:
        UsageError: it is too long, or holds something that no condition has.
    """
    if len(text) > MOST_CHARACTERS:
        raise UsageError(
            f"The condition has {len(text)} characters.", hint=f"{MOST_CHARACTERS} are the most: split it."
        )
    return [*_tokens(text), Token(END, "", len(text) + 1)]


def _tokens(text: str) -> Iterator[Token]:
    place = 0
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            sign = text[place]
            raise mistake(f"{sign!r} is not understood", place + 1, _INSTEAD.get(sign, ""))
        kind, word = str(found.lastgroup), found.group()
        if kind != "space":
            yield _token(kind, word, place + 1)
        place = found.end()


def _token(kind: str, word: str, at: int) -> Token:
    if kind == QUOTED:
        return Token(QUOTED, word[1:-1].replace(word[0] * 2, word[0]), at)
    if kind == NAME and word.lower() in _WORDS:
        return Token(WORD, word.lower(), at)
    if kind == NUMBER and sum(sign.isdigit() for sign in word) > _MOST_DIGITS:
        raise mistake(f"The number {word[:20]}... is too long", at, f"{_MOST_DIGITS} digits are the most.")
    return Token(kind, "=" if word == "==" else word, at)
