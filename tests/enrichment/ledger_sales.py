"""Worked cases of the ledger: what is sold, how Stripe bills it, and numbers of an earlier day."""

from __future__ import annotations

from tests.enrichment.ledger_books import Case, at, day, worked

# --- what is sold ---


@worked(
    """
    06-01 +10000 =10000 started 1.1
    06-01 +6000 =6000 started 1.2
    06-01 +10000 =10000 started 1.3
    """
)
def several_items_of_several_intervals(c: Case) -> None:
    c.sub("06-01")
    c.item()
    c.item("b", "p30", 2)
    c.item("c", "y1200")
    yearly = c.line("06-01", "2027-06-01", "y1200", item="c")
    c.bill("06-01", c.line("06-01"), c.line("06-01", price="p30", quantity=2, item="b"), yearly)
    for on in ("07-01", "08-01", "09-01", "10-01"):
        c.bill(on, c.line(on), c.line(on, price="p30", quantity=2, item="b"))


@worked("06-01 +10000 =10000 started 1.1")
def sold_in_dollars(c: Case) -> None:
    c.sub("06-01", currency="usd")
    c.item(price="usd100")
    for on in ("06-01", "07-01", "08-01", "09-01", "10-01"):
        c.bill(on, c.line(on, price="usd100", amount=10000, currency="usd"), currency="usd")


@worked("2025-03-10 +10000 =10000 started 1.1")
def imported_with_its_first_invoices_missing(c: Case) -> None:
    c.sub("2025-03-10")
    c.item()
    c.cycles("06-10", 5, billing_reason="subscription_cycle")


@worked("06-01 +10000 =10000 started 1.1")
def backdated_start_billed_later(c: Case) -> None:
    c.sub("06-01")
    c.item()
    c.bill("06-20", c.debit("06-01", "07-01"))
    c.cycles("07-01", 4)


@worked("06-10 +10000 =10000 started 1.1")
def first_days_until_the_anchor_are_prorated(c: Case) -> None:
    c.sub("06-10")
    c.item()
    c.bill("06-10", c.debit("06-10", "07-01", share=0.7))
    c.cycles("07-01", 4)


@worked("")
def metered_only(c: Case) -> None:
    c.sub("06-01")
    c.item(price="use", quantity=None)
    for on in ("06-01", "07-01"):
        c.bill(
            day(on),
            c.line(on, price="p0", quantity=300, amount=30000)
            | {"pricing": {"price_details": {"price": "use"}}},
        )


@worked("06-01 +5000 =5000 started 1.1")
def metered_and_licensed(c: Case) -> None:
    c.sub("06-01")
    c.item(price="p50")
    c.item("b", "use", None)
    c.bill("06-01", c.line("06-01", price="p50"))
    for on, before in (("07-01", "06-01"), ("08-01", "07-01"), ("09-01", "08-01"), ("10-01", "09-01")):
        used = c.line(before, on, "p0", 40, item="b", amount=4000)
        c.bill(on, c.line(on, price="p50"), used | {"pricing": {"price_details": {"price": "use"}}})


@worked("08-01 +5000 =5000 item_added 2.2")
def licensed_item_added_to_a_metered_subscription(c: Case) -> None:
    c.sub("06-01")
    c.item("b", "use", None)
    c.item("a", "p50")
    for on, before in (("07-01", "06-01"), ("08-01", "07-01"), ("09-01", "08-01"), ("10-01", "09-01")):
        used = c.line(before, on, "p0", 40, item="b", amount=4000)
        used |= {"pricing": {"price_details": {"price": "use"}}}
        c.bill(on, used, *([c.line(on, price="p50")] if on > "07-01" else []))


@worked("06-01 +10000 =10000 started 1.1")
def half_a_year_billed_in_advance_at_a_monthly_price(c: Case) -> None:
    c.sub("06-01")
    c.item()
    c.bill("06-01", c.line("06-01", "12-01", amount=60000))


@worked("06-01 +10000 =10000 started 1.1")
def half_a_year_billed_in_advance_month_by_month(c: Case) -> None:
    c.sub("06-01")
    c.item()
    months = ("06-01", "07-01", "08-01", "09-01", "10-01", "11-01")
    c.bill("06-01", *(c.line(month) for month in months))
    c.items["a"]["current_period_start"] = at("10-01")


@worked("07-01 +10000 =10000 amount_changed 2.1")
def first_days_until_the_anchor_are_free(c: Case) -> None:
    c.sub("06-10")
    c.item()
    c.bill("06-10", c.line("06-10", "07-01", amount=0))
    c.cycles("07-01", 4)


@worked("06-01 +10000 =10000 started 1.1")
def new_anchor_starts_another_cycle(c: Case) -> None:
    c.sub("06-01")
    c.item()
    c.cycles("06-01", 2)
    c.bill("07-20", c.credit("07-20", "08-01"), c.line("07-20"), billing_reason="subscription_update")
    c.cycles("08-20", 2)


@worked("08-01 +10000 =10000 price_changed 3.1")
def free_plan_to_paid(c: Case) -> None:
    c.sub("06-01")
    c.item()
    c.cycles("06-01", 2, "p0")
    c.cycles("08-01", 3)


@worked("06-01 +16600 =16600 started 1.1")
def graduated_tiers_are_billed_as_a_line_each(c: Case) -> None:
    c.sub("06-01")
    c.item(price="tiered", quantity=12)
    for on in ("06-01", "07-01", "08-01", "09-01", "10-01"):
        first = c.line(on, price="tiered", quantity=10, amount=10000)
        c.bill(
            on,
            first,
            c.line(on, price="tiered", quantity=2, amount=1600),
            c.line(on, price="tiered", quantity=0, amount=5000),
        )


@worked("06-01 +16600 =16600 started 1.1")
def flat_fee_of_a_tier_with_a_quantity_of_its_own(c: Case) -> None:
    c.sub("06-01")
    c.item(price="tiered", quantity=12)
    for on in ("06-01", "07-01", "08-01", "09-01", "10-01"):
        first = c.line(on, price="tiered", quantity=10, amount=10000)
        c.bill(
            on,
            first,
            c.line(on, price="tiered", quantity=2, amount=1600),
            c.line(on, price="tiered", quantity=1, amount=5000),
        )


@worked("06-01 +5800 =5800 started 1.1")
def coupon_on_tiers_that_were_not_read(c: Case) -> None:
    given = c.given("half")
    c.sub("06-01", discounts=[given])
    for on in ("06-01", "07-01", "08-01", "09-01", "10-01"):
        first = c.line(on, price="untold", quantity=10, amount=10000, off={given["id"]: 5000})
        second = c.line(on, price="untold", quantity=2, amount=1600, off={given["id"]: 800})
        c.bill(on, first, second, discounts=[given["id"]])
    c.item(price="untold", quantity=12)


@worked(
    """
    06-01 +16600 =16600 started 1.1
    06-16 +2400 =19000 quantity_changed 2.2
    """
)
def proration_of_tiers_is_one_line(c: Case) -> None:
    c.sub("06-01")
    c.item(price="tiered", quantity=15)
    c.bill(
        "06-01",
        c.line("06-01", price="tiered", quantity=10, amount=15000),
        c.line("06-01", price="tiered", quantity=2, amount=1600),
    )
    lines = (
        c.line("06-16", "07-01", "tiered", 12, amount=-8300, proration=True),
        c.line("06-16", "07-01", "tiered", 15, amount=9500, proration=True),
    )
    c.bill(
        "07-01",
        *lines,
        c.line("07-01", price="tiered", quantity=10, amount=15000),
        c.line("07-01", price="tiered", quantity=5, amount=4000),
    )
    for on in ("08-01", "09-01", "10-01"):
        c.bill(
            on,
            c.line(on, price="tiered", quantity=10, amount=15000),
            c.line(on, price="tiered", quantity=5, amount=4000),
        )


@worked("06-01 +25000 =25000 started 1.1")
def several_seats(c: Case) -> None:
    c.sub("06-01")
    c.item(price="p50", quantity=5)
    c.cycles("06-01", 5, "p50", 5)


# --- an earlier day ---


@worked("06-01 +10000 =10000 started 1.1", as_of="08-10")
def as_of_before_an_upgrade(c: Case) -> None:
    c.sub("06-01")
    c.item(price="p200")
    c.cycles("06-01", 3)
    c.cycles("09-01", 2, "p200")


@worked("06-01 +10000 =10000 started 1.1", as_of="08-10")
def as_of_before_a_cancellation(c: Case) -> None:
    c.sub("06-01", ends="09-01")
    c.item()
    c.cycles("06-01", 3)


@worked("", as_of="08-10")
def as_of_before_the_start(c: Case) -> None:
    c.sub("09-01")
    c.item()
    c.cycles("09-01", 2)
