"""Worked cases of the ledger: coupons, refunds and credit notes."""

from __future__ import annotations

from tests.enrichment.ledger_books import Case, at, worked

# --- discounts ---


def discounted(c: Case, coupon: str, months: int, taken: int, now: bool = False) -> None:
    """Bill five months at 100.00, with a coupon on the second and the ``months`` after it."""
    given = c.given(coupon, "2026-07-01")
    c.sub("06-01", discounts=[given] if now else [])
    c.item()
    c.cycles("06-01", 1)
    for on in ("07-01", "08-01", "09-01", "10-01"):
        has = int(on[:2]) < 7 + months
        line = c.line(on, off={given["id"]: taken} if has else None)
        c.bill(on, line, discounts=[given["id"]] if has else [])


@worked(
    """
    06-01 +10000 =10000 started 1.1
    07-01 -5000 =5000 discount_changed 2.1
    """
)
def forever_coupon_that_starts(c: Case) -> None:
    discounted(c, "half", 4, 5000, now=True)


@worked(
    """
    06-01 +10000 =10000 started 1.1
    07-01 -5000 =5000 discount_changed 2.1
    09-01 +5000 =10000 discount_changed 4.1
    """
)
def forever_coupon_that_is_taken_away(c: Case) -> None:
    discounted(c, "half", 2, 5000)


@worked("06-01 +10000 =10000 started 1.1")
def repeating_coupon_is_left_out(c: Case) -> None:
    discounted(c, "fifth", 3, 2000)


@worked("06-01 +10000 =10000 started 1.1")
def once_coupon_is_left_out(c: Case) -> None:
    discounted(c, "first", 1, 3000)


@worked(
    """
    06-01 +10000 =10000 started 1.1
    07-01 -2000 =8000 discount_changed 2.1
    10-01 +2000 =10000 discount_changed 5.1
    """,
    preset="chartmogul",
)
def repeating_coupon_subtracted_while_it_lasts(c: Case) -> None:
    discounted(c, "fifth", 3, 2000)


def ends_in_period(c: Case) -> None:
    given = c.given("fifth", "2026-07-01", "2026-07-16")
    c.sub("06-01")
    c.item()
    c.cycles("06-01", 1)
    c.bill("07-01", c.line("07-01", off={given["id"]: 2000}), discounts=[given["id"]])
    for on in ("08-01", "09-01", "10-01"):
        c.bill(on, c.line(on))


@worked("06-01 +10000 =10000 started 1.1")
def repeating_coupon_that_ends_in_a_period_is_left_out(c: Case) -> None:
    ends_in_period(c)


@worked(
    """
    06-01 +10000 =10000 started 1.1
    07-01 -2000 =8000 discount_changed 2.1
    07-16 +2000 =10000 discount_changed 2.1
    """,
    preset="profitwell",
)
def repeating_coupon_that_ends_in_a_period(c: Case) -> None:
    ends_in_period(c)


@worked(
    """
    06-01 +8000 =8000 started 1.1
    09-01 +2000 =10000 discount_changed 1.1
    """,
    preset="profitwell",
)
def repeating_coupon_on_a_year_counts_for_its_months(c: Case) -> None:
    given = c.given("fifth", "2026-06-01", "2026-09-01")
    c.sub("06-01", discounts=[])
    c.item(price="y1200")
    off = {given["id"]: 24_000}
    c.bill("06-01", c.line("06-01", "2027-06-01", "y1200", off=off), discounts=[given["id"]])


@worked(
    """
    06-01 +10000 =10000 started 1.1
    07-01 -3000 =7000 discount_changed 2.1
    08-01 +3000 =10000 discount_changed 3.1
    """,
    preset="chartmogul",
)
def once_coupon_subtracted_in_its_period(c: Case) -> None:
    discounted(c, "first", 1, 3000)


@worked(
    """
    06-01 +8000 =8000 started 1.1
    06-01 +4000 =4000 started 1.2
    """
)
def amount_off_is_shared_over_the_items(c: Case) -> None:
    given = c.given("thirty")
    c.sub("06-01", discounts=[given])
    c.item()
    c.item("b", "p50")
    for on in ("06-01", "07-01", "08-01", "09-01", "10-01"):
        lines = (
            c.line(on, off={given["id"]: 2000}),
            c.line(on, price="p50", item="b", off={given["id"]: 1000}),
        )
        c.bill(on, *lines, discounts=[given["id"]])


@worked(
    """
    06-01 +10000 =10000 started 1.1
    06-01 +2500 =2500 started 1.2
    """
)
def coupon_on_one_item(c: Case) -> None:
    given = c.given("half")
    c.sub("06-01")
    c.item()
    c.item("b", "p50", discounts=[given])
    for on in ("06-01", "07-01", "08-01", "09-01", "10-01"):
        half = c.line(on, price="p50", item="b", off={given["id"]: 2500}, discounts=[given["id"]])
        c.bill(on, c.line(on), half)


@worked("06-01 +5000 =5000 started 1.1")
def coupon_of_the_customer(c: Case) -> None:
    given = c.given("half")
    customer = next(record for record in c.books.streams["stripe_customers"] if record["id"] == c.name)
    customer["discount"] = given
    c.sub("06-01")
    c.item()
    for on in ("06-01", "07-01", "08-01", "09-01", "10-01"):
        c.bill(on, c.line(on, off={given["id"]: 5000}), discounts=[given["id"]])


@worked(
    """
    06-01 +5000 =5000 started 1.1
    06-16 +5000 =10000 price_changed 2.2
    """
)
def proration_that_repeats_the_discounts_of_its_invoice(c: Case) -> None:
    # Its amount is net already ("with 50 % off"), and it names the discounts with amounts of 0.
    given = c.given("half")
    name = given["id"]
    c.sub("06-01", discounts=[given])
    c.item(price="p200")
    c.bill("06-01", c.line("06-01", off={name: 5000}), discounts=[name])
    lines = (
        c.credit("06-16", "07-01", share=0.25, discounts=[name], off={name: 0}),
        c.debit("06-16", "07-01", "p200", share=0.25, discounts=[name], off={name: 0}),
    )
    c.bill("07-01", *lines, c.line("07-01", price="p200", off={name: 10000}), discounts=[name])
    for on in ("08-01", "09-01", "10-01"):
        c.bill(on, c.line(on, price="p200", off={name: 10000}), discounts=[name])


@worked(
    """
    06-01 +10000 =10000 started 1.1
    08-01 -10000 =0 discount_changed 3.1
    09-01 +10000 =10000 discount_changed 4.1
    """
)
def everything_off_for_a_month(c: Case) -> None:
    given = c.given("free")
    c.sub("06-01")
    c.item()
    c.cycles("06-01", 2)
    c.bill("08-01", c.line("08-01", off={given["id"]: 10000}), discounts=[given["id"]])
    c.cycles("09-01", 2)


@worked(
    """
    06-01 +10000 =10000 started 1.1
    10-01 -3000 =7000 discount_changed 5.1
    """,
    discounts__once="subtract_in_period",
)
def once_coupon_of_the_current_period(c: Case) -> None:
    given = c.given("first", "2026-10-01")
    c.sub("06-01")
    c.item()
    c.cycles("06-01", 4)
    c.bill("10-01", c.line("10-01", off={given["id"]: 3000}), discounts=[given["id"]])


@worked(
    """
    06-01 +10000 =10000 started 1.1
    10-12 -5000 =5000 discount_changed e1
    """
)
def coupon_given_to_a_subscription_in_mid_period(c: Case) -> None:
    c.sub("06-01", discounts=[c.given("half", "2026-10-12")])
    c.item()
    c.cycles("06-01", 5)
    c.event("10-12", {"discounts": []})


@worked(
    """
    06-01 +10000 =10000 started 1.1
    10-12 -5000 =5000 discount_changed e1
    """
)
def coupon_given_to_a_customer_in_mid_period(c: Case) -> None:
    customer = next(record for record in c.books.streams["stripe_customers"] if record["id"] == c.name)
    customer["discount"] = c.given("half", "2026-10-12")
    c.sub("06-01")
    c.item()
    c.cycles("06-01", 5)
    c.event("10-12", {}, "customer.discount.created", customer=c.name, subscription=None, object="discount")


# --- refunds and credit notes ---


def refunded(c: Case) -> None:
    """Give back the whole of July by credit note and a fifth of September by refund."""
    c.sub("06-01")
    c.item()
    for on, back in (("06-01", 0), ("07-01", 10000), ("08-01", 0), ("09-01", 0), ("10-01", 0)):
        paid = {"data": [{"payment": {"payment_intent": c.id(on)}}]}
        c.bill(on, c.line(on), post_payment_credit_notes_amount=back, payments=paid)
    charge = {"customer": c.name, "amount": 10000, "currency": "eur", "status": "succeeded"}
    charge |= {"id": c.id("ch"), "payment_intent": c.id("09-01"), "amount_refunded": 2000}
    c.books.add("stripe_charges", created=at("09-01"), **charge)


@worked("06-01 +10000 =10000 started 1.1")
def refunds_are_ignored(c: Case) -> None:
    refunded(c)


@worked(
    """
    06-01 +10000 =10000 started 1.1
    07-01 -10000 =0 amount_changed 2.1
    08-01 +10000 =10000 amount_changed 3.1
    """,
    refunds="full_refund_removes",
)
def full_refund_removes_the_period(c: Case) -> None:
    refunded(c)


@worked(
    """
    06-01 +10000 =10000 started 1.1
    07-01 -10000 =0 amount_changed 2.1
    08-01 +10000 =10000 amount_changed 3.1
    09-01 -2000 =8000 amount_changed 4.1
    10-01 +2000 =10000 amount_changed 5.1
    """,
    refunds="deduct",
)
def refunds_are_deducted(c: Case) -> None:
    refunded(c)
