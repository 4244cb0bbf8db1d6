"""What holds for the rating of any subscription."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from enrichment.discounts import Coupon, Line, subtract
from enrichment.policy import Policy
from enrichment.prices import Price
from enrichment.rating import ItemTerms, Rater, Rating, SubscriptionTerms

PRODUCTS = ("prod_a", "prod_b", "prod_c")
INTERVALS = ("day", "week", "month", "year")


def price(number: int, unit: int, interval: str, count: int) -> Price:
    amounts = {"eur": {"unit_amount": unit}}
    return Price(f"price_{number}", PRODUCTS[number % 3], interval, count, False, "", amounts)


prices = st.lists(
    st.tuples(st.integers(0, 100_000), st.sampled_from(INTERVALS), st.integers(1, 6)), min_size=1, max_size=4
).map(lambda rows: [price(number, *row) for number, row in enumerate(rows)])
limits = st.none() | st.sets(st.sampled_from(PRODUCTS), min_size=1).map(frozenset)
percents = st.builds(
    lambda percent, products: Coupon("percent", Fraction(percent, 100), (), "forever", products),
    st.integers(0, 10_000),
    limits,
)
amounts_off = st.builds(
    lambda off, products: Coupon("amount", None, (("eur", Fraction(off)),), "forever", products),
    st.integers(0, 300_000),
    limits,
)
coupons = st.lists(percents | amounts_off, max_size=4)
policies = st.builds(Policy, percent_stack=st.sampled_from(("compound", "max", "sum")))


def rate(
    chosen: Sequence[Price],
    quantities: Sequence[int],
    shared: Sequence[Coupon],
    policy: Policy,
    own: Sequence[Coupon] = (),
) -> dict[str, Rating]:
    terms = tuple(
        ItemTerms(item.price_id, str(quantity), tuple(own))
        for item, quantity in zip(chosen, quantities, strict=False)
    )
    rater = Rater({item.price_id: item for item in chosen}, policy)
    ratings = rater.rate(SubscriptionTerms("eur", terms, tuple(shared)))
    assert all(isinstance(rating, Rating) for rating in ratings)
    return {item.price_id: r for item, r in zip(chosen, ratings, strict=True) if isinstance(r, Rating)}


@given(prices, st.lists(st.integers(0, 50), min_size=4, max_size=4), coupons, coupons, policies)
def test_mrr_lies_between_nothing_and_the_contract(
    chosen: list[Price], quantities: list[int], shared: list[Coupon], own: list[Coupon], policy: Policy
) -> None:
    for rating in rate(chosen, quantities, shared, policy, own).values():
        assert 0 <= rating.mrr <= rating.contract_mrr


@given(prices, st.lists(st.integers(0, 50), min_size=4, max_size=4), coupons, policies)
def test_the_order_of_items_changes_nothing(
    chosen: list[Price], quantities: list[int], shared: list[Coupon], policy: Policy
) -> None:
    expected = {name: rating.mrr for name, rating in rate(chosen, quantities, shared, policy).items()}
    pairs = list(zip(chosen, quantities, strict=False))
    for order in permutations(pairs):
        found = rate([item for item, _ in order], [quantity for _, quantity in order], shared, policy)
        assert {name: rating.mrr for name, rating in found.items()} == expected


@given(st.lists(st.integers(0, 100_000), min_size=1, max_size=5), amounts_off)
def test_shares_add_up_to_the_amount_or_to_all_there_is(amounts: list[int], coupon: Coupon) -> None:
    lines = [
        Line(PRODUCTS[number % 3], Fraction(amount), Fraction(amount), [])
        for number, amount in enumerate(amounts)
    ]
    touched = [line for line in lines if coupon.touches(line.product_id)]
    subtract(lines, [coupon], "eur", "subscription", Policy())
    taken = sum((line.gross - line.amount for line in lines), Fraction(0))
    assert taken == min(coupon.amount_off("eur"), sum((line.gross for line in touched), Fraction(0)))
    for line in lines:
        assert 0 <= line.amount <= line.gross
        assert sum((Fraction(step["amount"]) for step in line.steps), Fraction(0)) == line.amount - line.gross


@given(prices, st.lists(st.integers(0, 50), min_size=4, max_size=4), coupons, policies)
def test_a_remembered_answer_is_the_same_answer(
    chosen: list[Price], quantities: list[int], shared: list[Coupon], policy: Policy
) -> None:
    rater = Rater({item.price_id: item for item in chosen}, policy)
    terms = SubscriptionTerms(
        "eur",
        tuple(ItemTerms(p.price_id, str(q)) for p, q in zip(chosen, quantities, strict=False)),
        tuple(shared),
    )
    once, twice = rater.rate(terms), rater.rate(terms)
    assert all(first is second for first, second in zip(once, twice, strict=True))
