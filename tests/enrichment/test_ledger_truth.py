"""The ledger finds, month by month, what the simulated company's own contracts say."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import pandas as pd
import pytest

from enrichment.computing import compute_ledger
from enrichment.health.config import HealthConfig
from enrichment.marts import build_marts
from enrichment.policy import Policy
from sandbox.world import World, WorldConfig, build
from tests.enrichment.books import AS_OF, Books, Record, matcher
from tests.enrichment.simulated import books_of

Row = tuple[str, str, str, int]


def marts(books: Books) -> dict[str, pd.DataFrame]:
    with books.engine() as engine:
        compute_ledger(engine, matcher({}), AS_OF, Policy(), HealthConfig())
        build_marts(engine, Policy(), AS_OF)
        return {name: engine.frame(name) for name in ("mrr_ledger", "account_month", "mrr_movements")}


def months_of(truth: Mapping[str, Any]) -> set[Row]:
    """Return (customer, month, currency, mrr) of every month end above zero."""
    return {
        (customer, month, known["currency"], mrr)
        for customer, known in truth.items()
        for month, mrr in known["mrr"].items()
        if mrr
    }


def movements_of(truth: Mapping[str, Any]) -> set[tuple[str, str, str, str, int]]:
    return {
        (customer, row["month"], known["currency"], row["kind"], row["amount"])
        for customer, known in truth.items()
        for row in known["movements"]
    }


def own_coupons(world: World, records: list[Record]) -> list[Record]:
    """Return the records with coupon ids of their own: people choose those, and chose the same ones."""
    text = json.dumps(records)
    named = [name for name in world.stripe.ids("coupon") if f'"{name}"' in text]
    if not named:
        return records
    for name in named:
        text = text.replace(f'"{name}"', f'"{name}-{world.config.seed}"')
    renamed: list[Record] = json.loads(text)
    return renamed


def check(*worlds: World) -> int:
    """Hold every account month and every movement against the truth; return how many months there were.

    Several companies are computed as one Stripe account, which takes a fraction of the time.
    """
    together = Books()
    for world in worlds:
        for stream, records in books_of(world).streams.items():
            together.streams[stream].extend(own_coupons(world, records))
    found = marts(together)
    truth = {name: known for world in worlds for name, known in world.truth()["customers"].items()}
    ours = found["account_month"].query("mrr != 0")[["account_id", "month", "currency", "mrr"]]
    expected = months_of(truth)
    assert set(ours.itertuples(index=False, name=None)) ^ expected == set()
    moved = found["mrr_movements"][["account_id", "month", "currency", "kind", "amount"]]
    assert set(moved.itertuples(index=False, name=None)) ^ movements_of(truth) == set()
    return len(expected)


def test_every_month_and_movement_is_the_truth() -> None:
    assert check(build(WorldConfig(customers=60, months=36, seed=1))) > 500


@pytest.mark.slow
@pytest.mark.parametrize("first", range(200, 250, 10))
def test_every_month_and_movement_is_the_truth_for_fifty_seeds(first: int) -> None:
    seeds = range(first, first + 10)
    assert check(*(build(WorldConfig(customers=16, months=36, seed=seed)) for seed in seeds)) > 1_500


def test_each_row_of_the_ledger_leads_from_one_rate_to_the_next_and_names_its_proof() -> None:
    world = build(WorldConfig(customers=60, months=24, seed=5))
    ledger = marts(books_of(world))["mrr_ledger"].sort_values(["subscription_item_id", "effective_at"])
    proofs = {name for kind in ("line_item", "subscription", "subscription_item", "invoice", "event")
              for name in world.stripe.ids(kind)}  # fmt: skip
    after: dict[str, int] = defaultdict(int)
    for item, change, mrr_after, proof in zip(
        ledger["subscription_item_id"],
        ledger["mrr_change"],
        ledger["mrr_after"],
        ledger["source_object"],
        strict=True,
    ):
        after[item] += change
        assert after[item] == mrr_after
        assert proof in proofs
    assert set(ledger["policy_hash"]) == {Policy().hash}
    assert len(after) > 50
