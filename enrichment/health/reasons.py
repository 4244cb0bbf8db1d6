"""What is said of every signal of every account, each different sentence once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from enrichment.health.config import HealthConfig
from enrichment.health.signals import SIGNALS, Measured, Signal
from enrichment.health.weighing import MEASURED, MISSING, Weighed
from enrichment.messages import LANGUAGES, Message, say

Codes = npt.NDArray[np.intp]
_STATES: Final = ("unweighted", "missing", "few", "assumed")
_UNWEIGHTED, _MISSING, _FEW, _ASSUMED = range(len(_STATES))


@dataclass(frozen=True, slots=True)
class Reasons:
    """Sentences about ``n`` accounts (rows) and ``s`` signals (columns).

    Attributes:
        codes: (n, s) index into the texts.
        texts: every different thing that is said, by language.
    """

    codes: Codes
    texts: Mapping[str, list[str]]


def reasons_of(
    measured: Sequence[Measured], weighed: Weighed, points: Sequence[float], config: HealthConfig, rows: Codes
) -> Reasons:
    """Return what to say of some of the accounts.

    Args:
        measured: of each signal, about all accounts.
        weighed: about the chosen accounts.
        points: of each signal, before rescaling; one without any says so.
        config: windows that the sentences name.
        rows: the chosen accounts.
    """
    codes = np.empty(weighed.state.shape, dtype=np.intp)
    messages: list[Message] = []
    for column, (signal, found) in enumerate(zip(SIGNALS, measured, strict=True)):
        state = weighed.state[:, column]
        dropped = _FEW if np.isfinite(found.fraction).any() else _MISSING
        code = np.where(state == MISSING, dropped, _ASSUMED)
        own: list[Message] = []
        if not points[column]:
            code[:] = _UNWEIGHTED
        else:
            here = np.flatnonzero(state == MEASURED)
            numbered, own = _said(signal, found, rows[here], config)
            code[here] = numbered + len(_STATES)
        codes[:, column] = code + len(messages)
        messages += [say(f"state.{name}", signal=say(f"name.{signal.id}")) for name in _STATES] + own
    texts = {language: [message.text(language) for message in messages] for language in LANGUAGES}
    return Reasons(codes, texts)


def _said(signal: Signal, found: Measured, rows: Codes, config: HealthConfig) -> tuple[Codes, list[Message]]:
    """Return the number of each row's sentence, and the sentences."""
    words = {name: np.asarray(column)[rows] for name, column in found.words.items()}
    number = np.zeros(len(rows), dtype=np.intp)
    for column in words.values():
        code, different = pd.factorize(column, use_na_sentinel=False)
        number = pd.factorize(number * len(different) + code)[0]
    first = np.empty(number.max(initial=-1) + 1, dtype=np.intp)
    first[number[::-1]] = np.arange(len(rows))[::-1]
    columns = {name: _plain(column[first]) for name, column in words.items()}
    told = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return number, [signal.reason(row, config) for row in told]


def _plain(column: npt.NDArray[Any]) -> list[Any]:
    """Return plain Python values, None for null; a time is its date."""
    whole = column.astype("datetime64[D]") if column.dtype.kind == "M" else column
    return [None if pd.isna(value) else value for value in whole.tolist()]
