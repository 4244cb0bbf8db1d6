"""What explains that somebody else's MRR of a customer and month is not ours.

A cause is found, never guessed: ours is computed again with it, and where that gives their number, the cause
is named. :func:`explain` tries them in this order, each on what the ones before left: customers that we never
read, rounding, month ends in another time zone, known disagreements of the evidence, another currency, single
keys of the policy, two keys together, whole presets.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import combinations
from typing import Final, TypeAlias

import pandas as pd

from enrichment.customer_months import KEY, customer_months
from enrichment.money import exponent
from enrichment.policy import Policy
from saaskpi.errors import UsageError

Frame: TypeAlias = pd.DataFrame
Mask: TypeAlias = "pd.Series[bool]"
Amounts: TypeAlias = "pd.Series[int]"
Under: TypeAlias = Callable[[Policy], Frame]
"""Computes ours again under another policy: customer months as :func:`customer_months` returns them."""

MATCHED: Final = "matched"
ROUNDING, CALENDAR, CURRENCY, UNKNOWN = "rounding", "calendar", "currency", "unknown_customer"
# Keys that decide how much MRR a customer has at a month's end, the likeliest first; the others only decide
# what a movement is called or how a ratio is made.
_MRR_KEYS: Final = (
    ("past_due", "status.past_due", ("exclude", "include")),
    ("discounts_repeating", "discounts.repeating", ("subtract_while_active", "ignore")),
    ("discounts_once", "discounts.once", ("subtract_in_period", "ignore")),
    ("unpaid", "status.unpaid", ("include", "churn")),
    ("cancel_at_period_end", "cancel_at_period_end", ("churn_at_cancel_request", "churn_at_period_end")),
    ("pause_collection", "pause_collection", ("keep", "zero_no_churn")),
    ("trial_conversion", "trial_conversion", ("first_paid_invoice", "at_status_active")),
    ("discounts_forever", "discounts.forever", ("ignore", "subtract")),
    ("metered", "metered", ("last_invoice", "trailing_avg_months:3", "exclude")),
    ("refunds", "refunds", ("full_refund_removes", "deduct", "ignore")),
    ("mrr_basis", "mrr.basis", ("invoice", "list_price", "subscription")),
    ("percent_stack", "discounts.percent_stack", ("sum", "max", "compound")),
    ("interval_week", "interval.week", ("4.33", "4", "52/12")),
    ("interval_day", "interval.day", ("30", "30.437", "365/12")),
)
_HOURS: Final = tuple(sorted((hour for hour in range(-14, 15) if hour), key=abs))
_RATE_SLACK: Final = 0.005


@dataclass(frozen=True)
class Ours:
    """What we know, all of it in our own data.

    Attributes:
        ledger: ``mrr_ledger``.
        differences: ``mrr_differences``.
        customers: ids of all Stripe customers that we have read.
        months: the months compared, as :data:`enrichment.tables.MONTHS`, in order.
        policy: under which the ledger was made.
        under: computes customer months under another policy, for the same months.
        presets: whole policies to try last, by what they are called.
    """

    ledger: Frame
    differences: Frame
    customers: Collection[str]
    months: Frame
    policy: Policy
    under: Under
    presets: Mapping[str, Policy]


@dataclass(frozen=True)
class Candidate:
    """One changed key of the policy that may explain differences.

    Attributes:
        key: its dotted name.
        choice: the value tried.
        policy: the whole policy with it.
    """

    key: str
    choice: str
    policy: Policy

    @property
    def detail(self) -> str:
        """Say what was found."""
        return f"ours equals theirs with {self.key} = {self.choice}"


def explain(cells: Frame, ours: Ours) -> list[str]:
    """Fill ``rule`` and ``detail`` of every cell whose difference has a cause.

    Args:
        cells: ``customer_id, month, currency, theirs, ours, difference, status``; is changed.
        ours: what we know.

    Returns:
        The changes of the policy that were computed, in order: only while differences were left.
    """
    cells["rule"] = cells["detail"] = pd.Series([None] * len(cells), dtype=object, index=cells.index)
    slack = _items(cells, ours.ledger)
    _explain_unknown(cells, ours)
    _mark(
        cells, _open(cells) & (cells["difference"].abs() <= slack), ROUNDING, "at most one minor unit an item"
    )
    _explain_calendar(cells, ours, slack)
    # Many causes leave no MRR at all: that proves a known disagreement only when no key explains it.
    _explain_data(cells, _open(cells) & (cells["theirs"] != 0), ours.differences, slack)
    _explain_currency(cells)
    tried = _explain_policy(cells, ours, slack)
    _explain_data(cells, _open(cells), ours.differences, slack)
    return tried


def candidates(policy: Policy) -> list[Candidate]:
    """Return every single change of a key that decides how much MRR a customer has.

    Args:
        policy: the one in force; what it has already and what it forbids is left out.
    """
    known = {item.name for item in fields(policy)}
    found = []
    for name, key, choices in _MRR_KEYS:
        for choice in choices:
            if name not in known or getattr(policy, name) == choice:
                continue
            try:
                found.append(Candidate(key, choice, replace(policy, **{name: choice})))
            except UsageError:  # impossible together with another key of this policy
                continue
    return found


def _items(cells: Frame, ledger: Frame) -> Amounts:
    """Return how many items each cell's customer ever had in its currency: each may be rounded once."""
    by = ["customer_id", "currency"]
    counts = ledger.groupby(by)["subscription_item_id"].nunique()
    found = counts.reindex(pd.MultiIndex.from_frame(cells[by]), fill_value=0).to_numpy("int64")
    return pd.Series(found, index=cells.index)


def _open(cells: Frame) -> Mask:
    return (cells["status"] != MATCHED) & cells["rule"].isna()


def _mark(cells: Frame, where: Mask, rule: str, detail: str) -> None:
    cells.loc[where, "rule"] = rule
    cells.loc[where, "detail"] = detail


def _values(frame: Frame, cells: Frame) -> Amounts:
    """Return the MRR of each cell in another frame of customer months, 0 where it has none."""
    found = cells[KEY].merge(frame, on=KEY, how="left")["mrr"].fillna(0)
    return pd.Series(found.to_numpy("int64"), index=cells.index)


def _explain_unknown(cells: Frame, ours: Ours) -> None:
    unknown = ~cells["customer_id"].isin(set(ours.customers) | set(ours.ledger["customer_id"]))
    _mark(cells, _open(cells) & unknown, UNKNOWN, "Stripe did not list this customer when we read it")


def _explain_calendar(cells: Frame, ours: Ours, slack: Amounts) -> None:
    """Name the calendar where theirs is ours at month ends some hours earlier or later, the same for all."""
    moving = _changed_near(ours.ledger, ours.months)
    left = cells[_open(cells) & cells["customer_id"].isin(moving)]
    if left.empty:
        return
    ledger = ours.ledger[ours.ledger["customer_id"].isin(set(left["customer_id"]))]
    best, best_hour = pd.Series(data=False, index=left.index), 0
    for hour in _HOURS:
        moved = ours.months.assign(ends_at=pd.to_datetime(ours.months["ends_at"]) + pd.Timedelta(hours=hour))
        at = _values(customer_months(ledger, moved), left)
        hit = ((left["theirs"] - at).abs() <= slack[left.index]) & (at != left["ours"])
        if hit.sum() > best.sum():
            best, best_hour = hit, hour
    where = best.reindex(cells.index, fill_value=False)
    when = f"{abs(best_hour)} h {'later' if best_hour > 0 else 'earlier'}"
    _mark(cells, where, CALENDAR, f"ours equals theirs when months end {when}")


def _changed_near(ledger: Frame, months: Frame) -> set[str]:
    """Return the customers with a change so near a month's end that a time zone decides on its month."""
    at = pd.to_datetime(ledger["effective_at"])
    widest = pd.Timedelta(hours=max(_HOURS))
    near = pd.Series(data=False, index=ledger.index)
    for end in pd.to_datetime(months["ends_at"]):
        near |= (at - end).abs() <= widest
    return set(ledger.loc[near, "customer_id"])


def _explain_data(cells: Frame, where: Mask, differences: Frame, slack: Amounts) -> None:
    """Name the reason of a known disagreement of this customer whose other side gives their number."""
    delta = differences["evidence_mrr"].fillna(0) - differences["ledger_mrr"].fillna(0)
    by = ["customer_id", "currency"]
    known = differences[[*by, "reason"]].assign(delta=delta.astype("int64"))
    summed = known.groupby([*by, "reason"], as_index=False)["delta"].sum()
    known = pd.concat([known, summed])
    known = known[known["delta"] != 0].drop_duplicates()
    left = cells[where].reset_index(names="place")
    left["slack"] = slack[left["place"]].to_numpy()
    both = left.merge(known, on=by)
    hits = both[(both["difference"] - both["delta"]).abs() <= both["slack"]].drop_duplicates("place")
    for reason, group in hits.groupby("reason", sort=True):
        found = pd.Series(cells.index.isin(group["place"]), index=cells.index)
        _mark(cells, found, str(reason), "the other evidence in mrr_differences gives their number")


def _explain_currency(cells: Frame) -> None:
    """Name the currency where all customers of a month were converted at one rate, from ours to theirs."""
    left = cells[_open(cells)].reset_index(names="place")
    theirs, mine = left[left["ours"] == 0], left[left["theirs"] == 0]
    alone = ["customer_id", "month"]
    pairs = theirs.drop_duplicates(alone, keep=False).merge(
        mine.drop_duplicates(alone, keep=False), on=alone, suffixes=("_theirs", "_ours")
    )
    rates = pairs["theirs_theirs"] / pairs["ours_ours"]
    for (_, to, of), group in rates.groupby(
        [pairs["month"], pairs["currency_theirs"], pairs["currency_ours"]]
    ):
        rate = float(group.median())
        pair = pairs.loc[group.index]
        off = (pair["theirs_theirs"] - pair["ours_ours"] * rate).abs()
        hit = off <= (pair["theirs_theirs"].abs() * _RATE_SLACK).clip(lower=1)
        if hit.sum() < 2:  # one customer alone gives a rate, not the proof that it was one
            continue
        places = [*pair.loc[hit, "place_theirs"], *pair.loc[hit, "place_ours"]]
        shown = rate * 10.0 ** (exponent(str(of)) - exponent(str(to)))
        where = pd.Series(cells.index.isin(places), index=cells.index)
        _mark(
            cells, where, CURRENCY, f"theirs is ours at {shown:.4f} {str(to).upper()} per {str(of).upper()}"
        )


def _explain_policy(cells: Frame, ours: Ours, slack: Amounts) -> list[str]:
    """Try each changed key alone, then two together, then whole presets."""
    moves: list[tuple[Candidate, Amounts]] = []
    for candidate in candidates(ours.policy):
        if not _open(cells).any():
            break
        moves.append(
            (candidate, _try(cells, ours.under, candidate.policy, candidate.key, candidate.detail, slack))
        )
    tried = [f"{candidate.key} = {candidate.choice}" for candidate, _ in moves]
    _explain_pairs(cells, [one for one in moves if (one[1] != 0).any()], slack)
    for name, policy in ours.presets.items():
        if _open(cells).any():
            _try(cells, ours.under, policy, name, f"ours equals theirs under {name}", slack)
            tried.append(name)
    return tried


def _try(cells: Frame, under: Under, policy: Policy, rule: str, detail: str, slack: Amounts) -> Amounts:
    """Compute ours again, name the rule where it gives theirs, and return what moved in the open cells."""
    left = cells[_open(cells)]
    move = _values(under(policy), left) - left["ours"]
    hit = (move != 0) & ((left["difference"] - move).abs() <= slack[left.index])
    _mark(cells, hit.reindex(cells.index, fill_value=False), rule, detail)
    return move


def _explain_pairs(cells: Frame, moves: Sequence[tuple[Candidate, Amounts]], slack: Amounts) -> None:
    """Name two keys where the amounts that each of them moves add up to the difference."""
    left = cells[_open(cells)]
    for (one, move), (other, further) in combinations(moves, 2):
        if one.key == other.key:
            continue
        first, second = move[left.index], further[left.index]
        hit = (first != 0) & (second != 0)
        hit &= (left["difference"] - first - second).abs() <= slack[left.index]
        detail = f"{one.key} = {one.choice} and {other.key} = {other.choice} add up to the difference"
        where = hit.reindex(cells.index, fill_value=False) & _open(cells)
        _mark(cells, where, f"{one.key} + {other.key}", detail)
