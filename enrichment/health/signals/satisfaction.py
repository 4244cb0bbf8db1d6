"""Satisfaction: what contacts answered when asked, and how much help they needed."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from enrichment.health.config import HealthConfig
from enrichment.health.signals.signal import (
    Measured,
    Numbers,
    Row,
    Signal,
    counts,
    counts_or_zero,
    is_true,
    numbers,
    only,
    share,
)
from enrichment.messages import Message, Number, say

_NPS: Final = (0, 10)
_CSAT: Final = (1, 5)


def _survey(facts: pd.DataFrame, config: HealthConfig) -> Measured:
    """The mean over the contacts who answered; a contact with an answer to both surveys counts in both."""
    nps, nps_answers = _answers(facts, "nps", _NPS)
    csat, csat_answers = _answers(facts, "csat", _CSAT)
    shares = (share(nps, config.nps_zero, config.nps_full), share(csat, config.csat_zero, config.csat_full))
    answers = nps_answers + csat_answers
    whole = nps_answers * np.nan_to_num(shares[0]) + csat_answers * np.nan_to_num(shares[1])
    fraction = whole / np.where(answers > 0, answers, np.nan)
    words = {"nps": np.round(nps, 1), "nps_answers": nps_answers, "csat": np.round(csat, 1)}
    return Measured(fraction, fraction, {**words, "csat_answers": csat_answers})


def _answers(facts: pd.DataFrame, column: str, scale: tuple[int, int]) -> tuple[Numbers, Numbers]:
    """Return the mean answer and how many gave one; NaN and 0 where none did or the mean is off the scale."""
    mean, answers = numbers(facts, column), counts(facts, f"{column}_answers")
    given = (mean >= scale[0]) & (mean <= scale[1]) & (answers > 0)
    return np.where(given, mean, np.nan), np.where(given, answers, 0.0)


def _say_survey(row: Row, _: HealthConfig) -> Message:
    said = [
        say(f"signal.survey.{kind}", n=int(row[f"{kind}_answers"]), answer=Number(f"{row[kind]:g}"))
        for kind in ("nps", "csat")
        if row[f"{kind}_answers"]
    ]
    return said[0] if len(said) == 1 else say("signal.survey.both", nps=said[0], csat=said[1])


def _ticket_load(facts: pd.DataFrame, config: HealthConfig) -> Measured:
    """Compare with what is usual; one ticket is usual for everybody, also where the norm is not known."""
    tickets, norm = counts_or_zero(facts, "tickets"), counts_or_zero(facts, "tickets_norm")
    more = np.maximum(0.0, tickets - np.maximum(1.0, norm))
    fraction = share(more, config.ticket_load_zero, 0)
    told = np.round(counts(facts, "tickets_norm"), 1)
    words = {"tickets": tickets, "norm": told, "is_usual": more <= 0}
    return Measured(tickets, only(is_true(facts, "has_tickets"), fraction), words)


def _say_ticket_load(row: Row, config: HealthConfig) -> Message:
    tickets, days = int(row["tickets"]), config.ticket_days
    if tickets == 0:
        return say("signal.ticket_load.none", days=days)
    if row["is_usual"]:
        return say("signal.ticket_load.usual", n=tickets, days=days)
    if row["norm"] is None:
        return say("signal.ticket_load.many", tickets=tickets, days=days)
    if not row["norm"]:
        return say("signal.ticket_load.rare", tickets=tickets, days=days)
    norm = Number(f"{row['norm']:g}")
    return say("signal.ticket_load.more", tickets=tickets, days=days, norm=norm)


def _open_tickets(facts: pd.DataFrame, config: HealthConfig) -> Measured:
    pressing = counts_or_zero(facts, "pressing_tickets")
    fraction = share(pressing, config.open_tickets_zero, 0)
    return Measured(pressing, only(is_true(facts, "has_tickets"), fraction), {"tickets": pressing})


def _say_open_tickets(row: Row, config: HealthConfig) -> Message:
    if not row["tickets"]:
        return say("signal.open_tickets.none")
    return say("signal.open_tickets.pressing", n=int(row["tickets"]), days=config.ticket_old_days)


SATISFACTION: Final = (
    Signal("survey", "satisfaction", 10, "no answer in 180 days", _survey, _say_survey),
    Signal("ticket_load", "satisfaction", 6, "tickets are not read", _ticket_load, _say_ticket_load),
    Signal("open_tickets", "satisfaction", 4, "tickets are not read", _open_tickets, _say_open_tickets),
)
