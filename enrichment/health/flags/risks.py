"""The ten risks. A part of a rule whose fact is not known finds nothing."""

from __future__ import annotations

from typing import Final

import numpy as np

from enrichment.health.columns import Columns, Mask, Row
from enrichment.health.flags.rule import RISK, Ground, Rule, Scene, Severities, graded
from enrichment.health.flags.words import Count, ago, contact, last_touch, money, per_cent, shortened
from enrichment.messages import Message, say

_MONTH: Final = 31
_BACK: Final = 90
"""How many days ago the MRR and the seats of the facts are that a contraction is told from."""


def _usage_drop(accounts: Columns, scene: Scene) -> Severities:
    """Low use against the account's own mean; silent where the score's signal ``change`` is not measured."""
    now, before = accounts.numbers("core_events"), accounts.numbers("core_events_before")
    history = accounts.numbers("usage_history_days") >= scene.health.change_history_days
    comparable = history & (before >= scene.health.change_events) & (before > 0)
    # Products on both sides: a ratio of exactly one half must not depend on how a float is written.
    medium = comparable & (100 * now <= scene.flags.usage_drop * before)
    return graded(medium=medium, high=medium & (100 * now <= scene.flags.usage_drop_high * before))


def _say_usage_drop(row: Row, scene: Scene) -> Message:
    now, before = row["core_events"], row["core_events_before"]
    said = {"before": Count(before), "days": scene.health.usage_days}
    if now == 0:
        return say("flag.usage_drop.none", **said)
    return say("flag.usage_drop.fall", percent=per_cent(before - now, before), now=Count(now), n=now, **said)


def _silent(accounts: Columns, scene: Scene) -> Severities:
    idle = accounts.numbers("days_idle")
    weekly = (accounts.numbers("is_weekly_user") == 1) & (idle > scene.flags.silent_weekly_days)
    return graded(medium=weekly, high=idle > scene.flags.silent_days)


def _say_silent(row: Row, _: Scene) -> Message:
    return say(f"flag.silent.{'weekly' if row['is_weekly_user'] else 'plain'}", n=row["days_idle"])


def is_ending(accounts: Columns) -> Mask:
    """Tell where everything that counts is set to end."""
    ending = accounts.numbers("ending_items")
    everything: Mask = (ending > 0) & (ending == accounts.numbers("counted_items"))
    return everything


def _cancellation(accounts: Columns, _: Scene) -> Severities:
    """High when everything ends; medium when only a part does."""
    some = (accounts.numbers("ending_items") > 0) & accounts.known("first_end") & accounts.known("last_end")
    return graded(medium=some, high=some & is_ending(accounts))


def _say_cancellation(row: Row, _: Scene) -> Message:
    amount = money(row, "scheduled_churn_mrr")
    if row["ending_items"] == row["counted_items"]:
        return say("flag.cancellation_scheduled.all", amount=amount, date=row["last_end"])
    total = money(row, "mrr")
    return say("flag.cancellation_scheduled.part", amount=amount, total=total, date=row["first_end"])


def is_owing(accounts: Columns) -> Mask:
    """Tell where money is owed now."""
    return accounts.says("status", "past_due", "unpaid") | accounts.known("open_invoice_id")


def _payment_failed(accounts: Columns, scene: Scene) -> Severities:
    """High after several attempts or once past due for longer than the score allows."""
    owing = is_owing(accounts)
    grave = (accounts.numbers("most_attempts") >= scene.flags.failed_attempts) | (
        accounts.numbers("days_past_due") > scene.health.cap_past_due_days
    )
    return graded(medium=owing, high=grave & accounts.known("open_invoice_id"))


def _say_payment_failed(row: Row, _: Scene) -> Message:
    if row["open_invoice_id"] is None:  # Stripe calls a payment overdue, though no unpaid invoice was read.
        if not row["mrr"]:
            return say("flag.payment_failed.owing")
        return say("flag.payment_failed.owing_mrr", amount=money(row, "mrr"))
    attempts, days = row["most_attempts"] or 0, row["days_past_due"] or 0
    number = "several" if (row["open_invoices"] or 1) > 1 else "one"
    return say(
        f"flag.payment_failed.{number}{'' if attempts else '_late'}",
        invoice=row["open_invoice_id"],
        invoices=row["open_invoices"],
        amount=money(row, "open_total"),
        n=attempts,
        late=say(f"flag.payment_failed.{'overdue' if days else 'due_today'}", n=days),
    )


def _card_expiring(accounts: Columns, scene: Scene) -> Severities:
    expires = accounts.days("card_expires_on")
    soon = expires <= scene.today_as() + np.timedelta64(scene.flags.card_days, "D")
    told = soon | (expires < accounts.days("next_charge_date"))
    return graded(low=told, medium=told & (accounts.numbers("is_only_method") == 1))


def _say_card_expiring(row: Row, scene: Scene) -> Message:
    expires, charge = row["card_expires_on"], row["next_charge_date"]
    label = row["card_label"]
    card = say("flag.card_expiring.card", label=shortened(label)) if label else say("flag.card_expiring.some")
    is_over = scene.today is not None and expires < scene.today
    when = say(f"flag.card_expiring.{'expired' if is_over else 'expires'}", card=card, date=expires)
    before = charge is not None and expires < charge and not is_over
    key = ("charge" if before else "plain") + ("_only" if row["is_only_method"] else "")
    return say(f"flag.card_expiring.{key}", when=when, date=charge)


def _renewal_near(accounts: Columns, scene: Scene) -> Severities:
    """Terms above a month; high when the account is red or nobody has been in touch."""
    days = accounts.numbers("days_to_renewal")
    near = (days >= 0) & (days <= scene.flags.renewal_days) & accounts.known("renewal_date")
    near &= (accounts.numbers("term_days") > _MONTH) & ~is_ending(accounts)
    red = accounts.says("health_band", "red")
    return graded(
        low=near,
        medium=near & (days <= scene.flags.renewal_soon_days),
        high=near & (red | _untouched(accounts, scene)),
    )


def _untouched(accounts: Columns, scene: Scene) -> Mask:
    """Tell whom nobody was in touch with for long; where touches are logged, none ever is a fact too."""
    never = ~accounts.known("days_since_touch") & (accounts.numbers("has_engagements") == 1)
    never &= accounts.numbers("days_as_customer") >= scene.flags.untouched_days
    untouched: Mask = never | (accounts.numbers("days_since_touch") >= scene.flags.untouched_days)
    return untouched


def _is_untouched(row: Row, scene: Scene) -> bool:
    touch, limit = row["days_since_touch"], scene.flags.untouched_days
    if touch is None:
        return bool(row["has_engagements"]) and (row["days_as_customer"] or 0) >= limit
    return bool(touch >= limit)


def _say_renewal_near(row: Row, scene: Scene) -> Message:
    days = row["days_to_renewal"]
    when = say(f"flag.renewal_near.{'in_days' if days else 'today'}", n=days, date=row["renewal_date"])
    said = {"when": when, "amount": money(row, "mrr")}
    red = row["health_band"] == "red"
    if _is_untouched(row, scene):
        return say(f"flag.renewal_near.{'both' if red else 'untouched'}", touched=last_touch(row), **said)
    return say(f"flag.renewal_near.{'red' if red else 'plain'}", **said)


def _is_paying(accounts: Columns) -> Mask:
    """Tell who is not gone: at nothing is churn; only a pause keeps the customer there."""
    return (accounts.numbers("mrr") > 0) | accounts.says("status", "paused")


def _contraction(accounts: Columns, scene: Scene) -> Severities:
    now, before = accounts.numbers("mrr"), accounts.numbers("mrr_90")
    known = _is_paying(accounts) & (before > 0)
    medium = known & (100 * now <= (100 - scene.flags.contraction) * before)
    high = known & (100 * now <= (100 - scene.flags.contraction_high) * before)
    return graded(medium=medium, high=high)


def _say_contraction(row: Row, _: Scene) -> Message:
    now, before = row["mrr"], row["mrr_90"]
    return say(
        "flag.contraction.mrr",
        percent=per_cent(before - now, before),
        before=money(row, "mrr_90"),
        now=money(row, "mrr"),
        days=_BACK,
    )


def _fewer_seats(accounts: Columns, scene: Scene) -> Severities:
    now, before = accounts.numbers("paid_seats"), accounts.numbers("paid_seats_90")
    fewer = 100 * now <= (100 - scene.flags.seats_lost) * before
    return graded(medium=_is_paying(accounts) & (before > 0) & (now < before) & fewer)


def _say_fewer_seats(row: Row, _: Scene) -> Message:
    now, before = row["paid_seats"], row["paid_seats_90"]
    percent = per_cent(before - now, before)
    return say("flag.contraction.seats", percent=percent, before=Count(before), now=Count(now), days=_BACK)


def _key_contact_lost(accounts: Columns, _: Scene) -> Severities:
    lost = accounts.says("key_contact_state", "left", "bounced")
    return graded(high=lost & accounts.known("key_contact_id"))


def _say_key_contact_lost(row: Row, _: Scene) -> Message:
    state, days, who = row["key_contact_state"], row["key_contact_lost_days"], contact(row, "key_contact")
    if days is None:
        return say(f"flag.contact_change.{state}_undated", who=who)
    return say(f"flag.contact_change.{state}", who=who, when=ago(days))


def _nobody_engaged(accounts: Columns, scene: Scene) -> Severities:
    """Somebody who came within the window has not had the time to be in touch."""
    settled = ~(accounts.numbers("days_as_customer") < scene.health.touch_days)
    watched = settled & (accounts.numbers("has_engagements") == 1)
    return graded(medium=watched & (accounts.numbers("engaged_contacts") == 0))


def _say_nobody_engaged(row: Row, scene: Scene) -> Message:
    return say("flag.contact_change.nobody", days=scene.health.touch_days, touched=last_touch(row))


def _new_decision_maker(accounts: Columns, _: Scene) -> Severities:
    return graded(low=accounts.known("new_decision_maker_id"))


def _say_new_decision_maker(row: Row, _: Scene) -> Message:
    return say("flag.contact_change.decision_maker", who=contact(row, "new_decision_maker"))


def _low_nps(accounts: Columns, scene: Scene) -> Severities:
    worst = accounts.numbers("nps_worst")
    return graded(medium=worst <= scene.flags.nps_low, high=worst <= scene.flags.nps_very_low)


def _say_low_nps(row: Row, _: Scene) -> Message:
    said = {"answer": row["nps_worst"], "date": row["nps_worst_on"]}
    if said["date"] is None:
        return say("flag.low_nps.undated", **said)
    if (row["nps_answers"] or 1) > 1 and row["nps"] is not None:
        return say("flag.low_nps.several", answers=row["nps_answers"], mean=Count(row["nps"]), **said)
    return say("flag.low_nps.one", **said)


def _nps_fall(accounts: Columns, scene: Scene) -> Severities:
    fall = accounts.numbers("nps_drop")
    return graded(high=(fall > 0) & (fall >= scene.flags.nps_drop) & (fall <= 10))


def _say_nps_fall(row: Row, _: Scene) -> Message:
    return say("flag.low_nps.drop", n=row["nps_drop"])


def _many_tickets(accounts: Columns, scene: Scene) -> Severities:
    now, norm = accounts.numbers("tickets"), accounts.numbers("tickets_norm")
    many = (now > 0) & (now >= scene.flags.tickets) & (now >= scene.flags.tickets_times * norm)
    return graded(medium=many)


def _say_many_tickets(row: Row, scene: Scene) -> Message:
    norm = Count(row["tickets_norm"])
    return say("flag.ticket_spike.many", n=row["tickets"], norm=norm, days=scene.health.ticket_days)


def _hot_ticket(accounts: Columns, scene: Scene) -> Severities:
    old = accounts.numbers("hot_ticket_days") > scene.health.ticket_old_days
    return graded(high=old & accounts.known("hot_ticket_id"))


def _say_hot_ticket(row: Row, _: Scene) -> Message:
    return say("flag.ticket_spike.hot", ticket=row["hot_ticket_id"], n=row["hot_ticket_days"])


RISKS: Final[tuple[Rule, ...]] = (
    Rule("usage_drop", RISK, (Ground(_usage_drop, _say_usage_drop),)),
    Rule("silent", RISK, (Ground(_silent, _say_silent),)),
    Rule("cancellation_scheduled", RISK, (Ground(_cancellation, _say_cancellation),)),
    Rule("payment_failed", RISK, (Ground(_payment_failed, _say_payment_failed),)),
    Rule("card_expiring", RISK, (Ground(_card_expiring, _say_card_expiring),)),
    Rule("renewal_near", RISK, (Ground(_renewal_near, _say_renewal_near),)),
    Rule(
        "contraction", RISK, (Ground(_contraction, _say_contraction), Ground(_fewer_seats, _say_fewer_seats))
    ),
    Rule(
        "contact_change",
        RISK,
        (
            Ground(_key_contact_lost, _say_key_contact_lost),
            Ground(_nobody_engaged, _say_nobody_engaged),
            Ground(_new_decision_maker, _say_new_decision_maker),
        ),
    ),
    Rule("low_nps", RISK, (Ground(_low_nps, _say_low_nps), Ground(_nps_fall, _say_nps_fall))),
    Rule(
        "ticket_spike",
        RISK,
        (Ground(_hot_ticket, _say_hot_ticket), Ground(_many_tickets, _say_many_tickets)),
    ),
)
"""In the order in which they are shown; the grounds of each from the gravest to the lightest."""
