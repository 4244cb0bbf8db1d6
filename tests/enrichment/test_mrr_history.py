"""What moved an account's MRR, told month by month with what proves it."""

from __future__ import annotations

from typing import Any

import pytest

from enrichment.messages import LANGUAGES, catalogue
from enrichment.mrr_history import POLICY_KEYS, difference_lines, history_lines, month_end_lines
from enrichment.policy import KEYS
from tests.enrichment.moved import IDS, change, difference, month, movement

GREW: dict[str, list[dict[str, Any]]] = {
    "months": [
        month("2026-10", 10000, 11500, expansion_mrr=2000, contraction_mrr=500),
        month("2026-09", 0, 10000, new_mrr=10000),
    ],
    "movements": [movement("2026-10", "expansion", 2000), movement("2026-09", "new", 10000)],
    "ledger": [
        change("2026-10-12T09:30:00", 2000, 12000, "quantity_changed", source_object="il_3"),
        change("2026-10-02T00:00:00", -500, 10000, "discount_changed", source_object="il_2"),
        change("2026-09-05T08:00:00", 10000, 10000, "trial_converted"),
    ],
}


def test_each_month_is_an_equation_and_the_changes_behind_it_oldest_first() -> None:
    assert history_lines(GREW) == [
        "2026-10: 100.00 EUR + 20.00 EUR expansion - 5.00 EUR contraction = 115.00 EUR",
        "  2026-10-02 00:00 UTC: -5.00 EUR, a discount began, changed or ended: "
        "item si_1, price price_1 (proof: il_2)",
        "  2026-10-12 09:30 UTC: +20.00 EUR, the quantity changed: item si_1, price price_1 (proof: il_3)",
        "2026-09: 0.00 EUR + 100.00 EUR new = 100.00 EUR",
        "  2026-09-05 08:00 UTC: +100.00 EUR, the trial became a paid subscription "
        "(policy: trial_conversion): item si_1, price price_1 (proof: il_1)",
    ]


def test_it_is_told_in_french() -> None:
    first, second, *_ = history_lines(GREW, "fr")
    assert first == (
        "2026-10\u00a0: 100,00\u00a0EUR + 20,00\u00a0EUR (expansion) - 5,00\u00a0EUR (contraction) "
        "= 115,00\u00a0EUR"
    )
    assert second.startswith("  02/10/2026 00:00 UTC\u00a0: -5,00\u00a0EUR, une remise a commencé")
    assert second.endswith("(preuve\u00a0: il_2)")


def test_a_closer_look_adds_the_other_ids_and_what_the_item_counts_for_then() -> None:
    assert history_lines(GREW, closely=True)[2] == (
        "    the item counts for 100.00 EUR from then on; -5.00 EUR before discounts; "
        "product prod_1, subscription sub_1, customer cus_1"
    )


def test_changes_that_no_month_end_saw_are_told_too() -> None:
    ledger = [
        change("2026-10-20T00:00:00", -900, 0, "canceled"),
        change("2026-10-10T00:00:00", 900, 900, "started"),
    ]
    told = history_lines({"months": [], "movements": [], "ledger": ledger})
    assert told[0] == "2026-10: changes that no month end has seen"
    assert ["+9.00 EUR, the subscription started" in told[1], "-9.00 EUR" in told[2]] == [True, True]


def test_each_currency_has_its_own_line() -> None:
    both = {
        "months": [month("2026-10", 0, 100, new_mrr=100), month("2026-10", 50, 50, currency="usd")],
        "movements": [],
        "ledger": [change("2026-10-10T00:00:00", 100, 100, "started")],
    }
    assert [line for line in history_lines(both) if not line.startswith(" ")] == [
        "2026-10: 0.00 EUR + 1.00 EUR new = 1.00 EUR",
        "2026-10: 0.50 USD, unchanged",
    ]


def test_a_reporting_currency_shows_both_amounts_and_the_rates_apart() -> None:
    reported = {"reporting_currency": "eur", "currency": "usd"}
    valued = {
        "months": [
            month("2026-10", 900, 1749, expansion_mrr=900, fx_mrr=-51, valuation="reporting"),
            month("2026-10", 1000, 2000, expansion_mrr=1000, currency="usd"),
        ],
        "movements": [],
        "ledger": [
            change("2026-10-31T00:00:00", 0, 2000, "fx", reporting_change=0, fx_change=-50, **reported),
            change(
                "2026-10-10T00:00:00",
                1000,
                2000,
                "item_added",
                reporting_change=900,
                fx_change=-1,
                **reported,
            ),
        ],
    }
    told = history_lines(valued)
    assert told[0] == "2026-10: 9.00 EUR + 9.00 EUR expansion - 0.51 EUR exchange rates = 17.49 EUR"
    assert "+10.00 USD = +9.00 EUR and -0.01 EUR by exchange rates, the item was added" in told[1]
    assert "-0.50 EUR, the exchange rate changed (policy: fx.mode)" in told[2]
    assert len(told) == 3


def test_movements_of_subscriptions_are_named_where_the_policy_moves_those() -> None:
    own = {"subscription_id": "sub_1", "subscription_item_id": None}
    fine = {
        "months": [month("2026-10", 0, 900, new_mrr=900)],
        "movements": [movement("2026-10", "new", 900, **own)],
        "ledger": [],
    }
    assert history_lines(fine)[1] == "  9.00 EUR new: subscription sub_1"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_reason_that_nobody_translated_is_shown_as_it_is(language: str) -> None:
    odd = {"months": [], "movements": [], "ledger": [change("2026-10-20T00:00:00", 1, 1, "solar_flare")]}
    assert "solar_flare" in history_lines(odd, language)[1]


def test_differences_say_what_counts_and_what_else_was_said() -> None:
    rows = [
        difference("2026-10-20T12:00:00", "billed_differently", 900, 1000),
        difference("2026-10-20T12:00:00", "invoice_missing", 900, None),
    ]
    assert difference_lines(rows) == [
        "2026-10-20 12:00 UTC: 9.00 EUR counted, other evidence says 10.00 EUR: the invoice line billed "
        "another amount than its price and discounts make: item si_1, subscription sub_1 (proof: il_1)",
        "2026-10-20 12:00 UTC: 9.00 EUR counted without other evidence: no invoice covers this time: "
        "item si_1, subscription sub_1 (proof: il_1)",
    ]


def test_the_items_of_a_months_end() -> None:
    (line,) = month_end_lines([{**IDS, "mrr": 900, "contract_mrr": 1800}])
    assert line.startswith("9.00 EUR (18.00 EUR before discounts): item si_1, price price_1, product prod_1")


def test_reasons_are_tied_to_keys_that_the_policy_has() -> None:
    assert set(POLICY_KEYS.values()) <= {key.name for key in KEYS}
    assert {f"cause.reason.{reason}" for reason in POLICY_KEYS} <= set(catalogue("en"))
