"""Today's MRR is what the simulated company's own contracts say, to the minor unit."""

from __future__ import annotations

from collections import defaultdict

import pandas as pd
import pytest

from sandbox.world import World, WorldConfig, build
from tests.enrichment.simulated import books_of


def differences(world: World, items: pd.DataFrame) -> list[tuple[str, str, int, int]]:
    """Return (customer, currency, truth, ours) wherever the two are not equal."""
    ours: dict[tuple[str, str], int] = defaultdict(int)
    for customer, currency, mrr in zip(items["customer_id"], items["currency"], items["mrr"], strict=True):
        ours[customer, currency] += mrr
    truth = world.truth()["customers"]
    theirs = {(name, entry["currency"]): entry["mrr_today"] for name, entry in truth.items()}
    assert sum(theirs.values()) > 0
    return [
        (*key, theirs.get(key, 0), ours[key])
        for key in sorted(theirs.keys() | ours.keys())
        if theirs.get(key, 0) != ours[key]
    ]


def test_mrr_of_today_is_the_truth() -> None:
    world = build(WorldConfig(customers=80, months=24, seed=3))
    result = books_of(world).compute()
    assert len(result["rejected_rows"]) == 0
    assert differences(world, result["subscription_items"]) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 105))
def test_the_items_as_they_stand_rate_to_the_truth_for_more_seeds(seed: int) -> None:
    # Only the rating, and without the past: what items rate to reads no invoice.
    world = build(WorldConfig(customers=100, months=18, seed=seed))
    items, rejected = books_of(world, invoices=False).rated()
    assert rejected == []
    assert differences(world, items) == []
