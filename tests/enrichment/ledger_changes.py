"""Worked cases of the ledger: trials, changes of price and quantity, and what events tell."""

from __future__ import annotations

from tests.enrichment.ledger_books import Case, at, worked

# --- trials ---


@worked("06-15 +10000 =10000 trial_converted 2.1")
def trial_that_converts(c: Case) -> None:
    c.sub("06-01", trial_start="06-01", trial_end="06-15")
    c.item()
    c.bill("06-01", c.line("06-01", "06-15", amount=0))
    c.cycles("06-15", 5)


@worked("")
def trial_that_never_converts(c: Case) -> None:
    c.sub("06-01", trial_start="06-01", trial_end="06-15", ends="06-15")
    c.item()
    c.bill("06-01", c.line("06-01", "06-15", amount=0))


@worked("")
def trial_that_ends_without_a_payment_method(c: Case) -> None:
    c.sub("06-01", trial_start="06-01", trial_end="06-15", status="paused")
    c.item()
    c.bill("06-01", c.line("06-01", "06-15", amount=0))


@worked("07-01 +10000 =10000 trial_converted 3.1")
def trial_that_is_extended(c: Case) -> None:
    c.sub("06-01", trial_start="06-01", trial_end="07-01")
    c.item()
    c.bill("06-01", c.line("06-01", "06-15", amount=0))
    c.bill("06-12", c.line("06-12", "07-01", amount=0))
    c.cycles("07-01", 4)


@worked("06-05 +10000 =10000 trial_converted 2.1")
def trial_that_is_ended_early(c: Case) -> None:
    c.sub("06-01", trial_start="06-01", trial_end="06-05")
    c.item()
    c.bill("06-01", c.line("06-01", "06-15", amount=0))
    c.cycles("06-05", 5)


@worked(
    """
    06-01 +10000 =10000 started 1.1
    08-01 -10000 =0 amount_changed 3.1
    09-01 +10000 =10000 amount_changed 4.1
    """
)
def trial_given_to_a_paying_customer(c: Case) -> None:
    c.sub("06-01", trial_start="08-01", trial_end="09-01")
    c.item()
    c.cycles("06-01", 2)
    c.bill("08-01", c.line("08-01", "09-01", amount=0))
    c.cycles("09-01", 2)


@worked("06-20 +10000 =10000 trial_converted 2.1", trial_conversion="first_paid_invoice")
def trial_paid_five_days_late(c: Case) -> None:
    c.sub("06-01", trial_start="06-01", trial_end="06-15")
    c.item()
    c.bill("06-01", c.line("06-01", "06-15", amount=0))
    paid = {"finalized_at": None, "paid_at": at("06-20")}
    c.bill("06-15", c.line("06-15"), status_transitions=paid)
    c.cycles("07-15", 4)


# --- upgrades, downgrades, quantities ---


@worked(
    """
    06-01 +10000 =10000 started 1.1
    07-16 +10000 =20000 price_changed 3.2
    """
)
def upgrade_invoiced_at_once(c: Case) -> None:
    c.sub("06-01")
    c.item(price="p200")
    c.cycles("06-01", 2)
    c.bill(
        "07-16",
        c.credit("07-16", "08-01"),
        c.debit("07-16", "08-01", "p200"),
        billing_reason="subscription_update",
    )
    c.cycles("08-01", 3, "p200")


@worked(
    """
    06-01 +10000 =10000 started 1.1
    07-16 -5000 =5000 price_changed 3.2
    """
)
def downgrade_on_the_next_invoice(c: Case) -> None:
    c.sub("06-01")
    c.item(price="p50")
    c.cycles("06-01", 2)
    lines = c.credit("07-16", "08-01"), c.debit("07-16", "08-01", "p50")
    c.bill("08-01", *lines, c.line("08-01", price="p50"))
    c.cycles("09-01", 2, "p50")


@worked(
    """
    06-01 +15000 =15000 started 1.1
    06-11 +10000 =25000 quantity_changed 2.2
    """
)
def more_seats_in_mid_period(c: Case) -> None:
    c.sub("06-01")
    c.item(price="p50", quantity=5)
    c.bill("06-01", c.line("06-01", price="p50", quantity=3))
    lines = c.credit("06-11", "07-01", "p50", 3), c.debit("06-11", "07-01", "p50", 5)
    c.bill("07-01", *lines, c.line("07-01", price="p50", quantity=5))
    c.cycles("08-01", 3, "p50", 5)


@worked(
    """
    06-01 +10000 =10000 started 1.1
    06-11 +10000 =20000 price_changed 2.2
    """
)
def upgrade_as_invoice_items_that_name_no_subscription_item(c: Case) -> None:
    c.sub("06-01")
    c.item(price="p200")
    c.cycles("06-01", 1)
    lines = (
        c.credit("06-11", "07-01", item=None),
        c.debit("06-11", "07-01", "p200", item=None),
    )
    c.bill("07-01", *lines, c.line("07-01", price="p200"))
    c.cycles("08-01", 3, "p200")


@worked(
    """
    06-01 +10000 =10000 started 1.1
    06-06 -5000 =5000 price_changed 2.2
    06-11 +15000 =20000 price_changed 2.4
    06-21 -10000 =10000 quantity_changed 2.6
    """
)
def several_changes_in_one_period(c: Case) -> None:
    c.sub("06-01")
    c.item()
    c.cycles("06-01", 1)
    c.bill(
        "07-01",
        c.credit("06-06", "07-01"),
        c.debit("06-06", "07-01", "p50"),
        c.credit("06-11", "07-01", "p50"),
        c.debit("06-11", "07-01", "p100", 2),
        c.credit("06-21", "07-01", "p100", 2),
        c.debit("06-21", "07-01"),
        c.line("07-01"),
    )
    c.cycles("08-01", 3)


@worked(
    """
    06-01 +10000 =10000 started 1.1
    06-11 +10000 =20000 price_changed 2.2
    06-11T14:00 -10000 =10000 price_changed 2.4
    """
)
def changed_and_back_within_a_day(c: Case) -> None:
    c.sub("06-01")
    c.item()
    c.cycles("06-01", 1)
    c.bill(
        "07-01",
        c.credit("06-11", "07-01"),
        c.debit("06-11", "07-01", "p200"),
        c.credit("06-11T14:00", "07-01", "p200"),
        c.debit("06-11T14:00", "07-01"),
        c.line("07-01"),
    )
    c.cycles("08-01", 3)


@worked(
    """
    06-01 +10000 =10000 started 1.1
    06-11 -5000 =5000 price_changed 2.3
    """
)
def changed_twice_within_a_second(c: Case) -> None:
    c.sub("06-01")
    c.item(price="p50")
    c.cycles("06-01", 1)
    # What the first change billed, the second one gave back: Stripe lists them in no order that tells.
    c.bill(
        "07-01",
        c.credit("06-11", "07-01", "p200"),
        c.credit("06-11", "07-01"),
        c.debit("06-11", "07-01", "p50"),
        c.debit("06-11", "07-01", "p200"),
        c.line("07-01", price="p50"),
    )
    c.cycles("08-01", 3, "p50")


@worked("06-01 +10000 =10000 started 1.1")
def changed_and_back_within_a_second(c: Case) -> None:
    c.sub("06-01")
    c.item()
    c.cycles("06-01", 1)
    c.bill(
        "07-01",
        c.debit("06-11", "07-01"),
        c.credit("06-11", "07-01"),
        c.credit("06-11", "07-01", "p200"),
        c.debit("06-11", "07-01", "p200"),
        c.line("07-01"),
    )
    c.cycles("08-01", 3)


@worked(
    """
    06-01 +15000 =15000 started 1.1
    06-21 -5000 =10000 quantity_changed 3.3
    """
)
def flexible_billing_gives_back_each_earlier_debit(c: Case) -> None:
    c.sub("06-01")
    c.item(price="p50", quantity=2)
    c.bill("06-01", c.line("06-01", price="p50", quantity=3))
    # In flexible billing mode an increase bills the two seats more, and the decrease credits both debits.
    c.bill("06-11", billing_reason="subscription_update")
    c.bill(
        "07-01",
        c.credit("06-21", "07-01", "p50", 1),
        c.credit("06-21", "07-01", "p50", 2),
        c.debit("06-21", "07-01", "p50", 2),
        c.line("07-01", price="p50", quantity=2),
    )
    c.cycles("08-01", 3, "p50", 2)


@worked(
    """
    06-01 +5000 =5000 started 1.1
    06-11 +3000 =3000 item_added 2.1
    08-11 -3000 =0 item_removed 4.1
    """
)
def item_added_and_removed(c: Case) -> None:
    c.sub("06-01")
    c.item(price="p50")
    c.bill("06-01", c.line("06-01", price="p50"))
    extra = [c.line("07-01", price="p30", item="b"), c.line("08-01", price="p30", item="b")]
    c.bill("07-01", c.debit("06-11", "07-01", "p30", item="b"), c.line("07-01", price="p50"), extra[0])
    c.bill("08-01", c.line("08-01", price="p50"), extra[1])
    c.bill("09-01", c.credit("08-11", "09-01", "p30", item="b"), c.line("09-01", price="p50"))
    c.cycles("10-01", 1, "p50")


@worked(
    """
    06-01 +5000 =5000 started 1.1
    06-01 +3000 =3000 started 1.2
    08-01 -3000 =0 item_removed 2.2
    """
)
def item_removed_without_proration(c: Case) -> None:
    c.sub("06-01")
    c.item(price="p50")
    for begin in ("06-01", "07-01"):
        c.bill(begin, c.line(begin, price="p50"), c.line(begin, price="p30", item="b"))
    c.cycles("08-01", 3, "p50")


@worked(
    """
    06-01 +10000 =10000 started 1.1
    07-11 -5000 =5000 price_changed 3.2
    """
)
def month_to_year_starts_a_new_cycle(c: Case) -> None:
    c.sub("06-01")
    c.item(price="y600")
    c.cycles("06-01", 2)
    c.bill(
        "07-11",
        c.credit("07-11", "08-01"),
        c.line("07-11", "2027-07-11", "y600"),
        billing_reason="subscription_update",
    )


@worked(
    """
    06-01 +10000 =10000 started 1.1
    08-01 +10000 =20000 quantity_changed 3.1
    """
)
def change_without_proration_counts_from_the_next_invoice(c: Case) -> None:
    c.sub("06-01")
    c.item(quantity=2)
    c.cycles("06-01", 2)
    c.cycles("08-01", 3, quantity=2)


@worked(
    """
    06-01 +10000 =10000 started 1.1
    10-20T09:30 +10000 =20000 quantity_changed e1
    """
)
def change_without_proration_counts_from_its_event(c: Case) -> None:
    c.sub("06-01")
    c.item(quantity=2)
    c.cycles("06-01", 5)
    c.event("10-20T09:30", {"items": {"data": [{"quantity": 1}]}})


@worked(
    """
    06-01 +10000 =10000 started 1.1
    10-31T23:59:58 +10000 =20000 quantity_changed a
    """
)
def change_that_nothing_dates_counts_from_today(c: Case) -> None:
    c.sub("06-01")
    c.item(quantity=2)
    c.cycles("06-01", 5)


@worked(
    """
    06-01 +10000 =10000 started 1.1
    08-01 +5000 =15000 price_changed 3.1
    """
)
def schedule_with_two_phases(c: Case) -> None:
    c.sub("06-01", schedule="sched")
    c.item(price="p50", quantity=3)
    c.cycles("06-01", 2)
    c.cycles("08-01", 3, "p50", 3)


@worked(
    """
    06-01 +10000 =10000 started 1.1
    08-16 +5000 =15000 price_changed 4.2
    """
)
def schedule_whose_phase_ends_in_mid_period(c: Case) -> None:
    c.sub("06-01", schedule="sched")
    c.item(price="p50", quantity=3)
    c.cycles("06-01", 3)
    lines = c.credit("08-16", "09-01"), c.debit("08-16", "09-01", "p50", 3)
    c.bill("09-01", *lines, c.line("09-01", price="p50", quantity=3))
    c.cycles("10-01", 1, "p50", 3)


@worked(
    """
    06-01 +10000 =10000 started 1.1
    06-16 -10000 =0 item_removed 2.1
    06-16 +20000 =20000 item_added 2.2
    """
)
def upgrade_by_swapping_the_item(c: Case) -> None:
    c.sub("06-01")
    c.item("b", "p200")
    c.cycles("06-01", 1)
    lines = c.credit("06-16", "07-01"), c.debit("06-16", "07-01", "p200", item="b")
    c.bill("06-16", *lines, billing_reason="subscription_update")
    for on in ("07-01", "08-01", "09-01", "10-01"):
        c.bill(on, c.line(on, price="p200", item="b"))


# --- events ---


@worked(
    """
    06-01 +10000 =10000 started 1.1
    10-12 -5000 =5000 price_changed e1
    """
)
def event_in_the_shape_of_an_older_version(c: Case) -> None:
    c.sub("06-01")
    c.item(price="p50")
    c.cycles("06-01", 5)
    c.event("10-12", {"plan": {"id": "p100"}})


@worked("06-01 +10000 =10000 started 1.1")
def event_that_changes_no_money(c: Case) -> None:
    c.sub("06-01")
    c.item()
    c.cycles("06-01", 5)
    c.event("10-12", {"default_payment_method": "pm", "metadata": {}})


@worked("06-01 +10000 =10000 started 1.1", as_of="10-10")
def event_after_the_day_of_the_numbers(c: Case) -> None:
    c.sub("06-01")
    c.item(quantity=2)
    c.cycles("06-01", 5)
    c.event("10-20", {"items": {}})
