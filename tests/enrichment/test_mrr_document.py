"""``docs/mrr.md`` says what the code does."""

from __future__ import annotations

from pathlib import Path

from tests.enrichment.books import Books

TEXT = (Path(__file__).parents[2] / "docs" / "mrr.md").read_text(encoding="utf-8")


def test_the_worked_example_is_right() -> None:
    books = Books()
    books.customer()
    tiers: list[dict[str, int | None]] = [
        {"up_to": 10, "unit_amount": 12000},
        {"up_to": None, "unit_amount": 9600},
    ]
    books.tiered("seats", "graduated", tiers, interval="year")
    books.price("support", "60000", interval="year")
    discounts = [
        books.discount("di_1", books.coupon("PARTNER12", percent_off=12.5)),
        books.discount("di_2", books.coupon("LOYAL", amount_off=30000, currency="eur")),
        books.discount("di_3", books.coupon("HELLO", "once", percent_off=20)),
    ]
    books.subscription([("seats", 14), ("support", 1)], discounts=discounts)
    rates = books.rates()
    assert rates["mrr"].tolist() == [9737, 3688]
    assert rates["contract_mrr"].tolist() == [13200, 5000]
    for shown in ("**97.37**", "**36.88**", "MRR 134.25", "106,326/91", "40,275/91"):
        assert shown in TEXT
    assert round(106_326 / 91 / 12, 2) == 97.37
    assert round(40_275 / 91 / 12, 2) == 36.88
