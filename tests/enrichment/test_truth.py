"""Today's MRR is what the simulated company's own contracts say, to the minor unit."""

from __future__ import annotations

from collections import defaultdict

import pytest

from sandbox.world import WorldConfig, build
from tests.enrichment.simulated import books_of


def differences(seed: int, customers: int = 80, months: int = 24) -> list[tuple[str, str, int, int]]:
    """Return (customer, currency, truth, ours) wherever the two are not equal."""
    world = build(WorldConfig(customers=customers, months=months, seed=seed))
    truth = world.truth()["customers"]
    result = books_of(world).compute()
    items = result["subscription_items"]
    ours: dict[tuple[str, str], int] = defaultdict(int)
    for customer, currency, mrr in zip(items["customer_id"], items["currency"], items["mrr"], strict=True):
        ours[customer, currency] += mrr
    theirs = {(name, entry["currency"]): entry["mrr_today"] for name, entry in truth.items()}
    assert sum(theirs.values()) > 0
    assert len(result["rejected_rows"]) == 0
    return [
        (*key, theirs.get(key, 0), ours[key])
        for key in sorted(theirs.keys() | ours.keys())
        if theirs.get(key, 0) != ours[key]
    ]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_mrr_of_today_is_the_truth(seed: int) -> None:
    assert differences(seed) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 117))
def test_mrr_of_today_is_the_truth_for_more_seeds(seed: int) -> None:
    assert differences(seed, customers=70, months=18) == []
