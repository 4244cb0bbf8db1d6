"""The calculator: a few numbers in, key figures out, by the formulas of the catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, Final

import click

from enrichment.kpis.catalogue import KPIS
from enrichment.kpis.formulas import Facts, arpa, customer_churn, lifetime_value, ratio
from enrichment.policy import Policy
from saaskpi.cli.base import Context, shared_options
from saaskpi.cli.output import print_json, print_lines
from saaskpi.errors import UsageError

_LARGEST: Final = 10**15
_WIDTH: Final = 22


@click.command(
    epilog="Example: saaskpi calc --mrr 50000 --new-customers 10 --customers-start 200 --customers-end 205 "
    "--avg-retention-months 24"
)
@click.option("--mrr", required=True, metavar="AMOUNT", help="MRR at the end of the month.")
@click.option("--new-customers", type=int, required=True, help="Customers won in the month.")
@click.option("--customers-start", type=int, required=True, help="Customers at its start.")
@click.option("--customers-end", type=int, required=True, help="Customers at its end.")
@click.option("--avg-retention-months", metavar="MONTHS", help="How long a customer stays; else 1 / churn.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@shared_options
def calc(
    context: Context,
    mrr: str,
    new_customers: int,
    customers_start: int,
    customers_end: int,
    avg_retention_months: str | None,
    as_json: bool,
) -> None:
    """Compute ARR, churn, retention and CLTV from a few numbers.

    Needs no data and no keys. Amounts are plain numbers, in units of any one currency.
    """
    del context
    months = None if avg_retention_months is None else _number("--avg-retention-months", avg_retention_months)
    figures = calculate(_number("--mrr", mrr), new_customers, customers_start, customers_end, months)
    if as_json:
        print_json(figures)
    else:
        print_lines(_lines(figures))
        stays = "1 / churn" if months is None else "--avg-retention-months"
        print_lines([f"CLTV is ARPA x {stays}."])


def calculate(
    mrr: Fraction, new: int, start: int, end: int, stay_months: Fraction | None = None
) -> dict[str, float | None]:
    """Return the figures under their ids in the catalogue, None where a denominator is zero.

    Args:
        mrr: at the end of the month, in units of any currency.
        new: customers won in the month.
        start: customers at its start.
        end: customers at its end.
        stay_months: how long a customer stays; None for 1 / churn.

    Returns:
        Amounts in units with two decimals; rates as shares (0.05 is 5 %) and months with six.

    Raises:
        UsageError: there cannot be such customers, or there is MRR and no customer who pays it.
    """
    _check(mrr, new, start, end)
    # Hundredths stand for minor units, which the catalogue rounds to.
    facts = Facts(
        mrr=round(mrr * 100),
        customers_start=start,
        new_customers=new,
        lost_customers=start + new - end,
        active_customers=end,
    )
    policy = Policy()
    if stay_months is None:
        stay_months = ratio(1, customer_churn(facts, policy))
    value = lifetime_value(arpa(facts), stay_months)
    named = (
        "mrr",
        "arr",
        "lost_customers",
        "customer_churn_rate",
        "retention_rate",
        "average_lifetime_months",
    )
    figures = {name: KPIS[name].value(facts, policy) for name in (*named, "arpa")}
    figures["cltv"] = None if value is None else round(value)
    return {name: _units(name, figure) for name, figure in figures.items()}


def _check(mrr: Fraction, new: int, start: int, end: int) -> None:
    given = {"--new-customers": new, "--customers-start": start, "--customers-end": end}
    for option, count in given.items():
        if not 0 <= count <= _LARGEST:
            raise UsageError(f"{option} cannot be {count}.", hint="Give a whole number, 0 or more.")
    if end > start + new:
        raise UsageError(
            f"{end} customers at the end cannot be: there were {start} at the start and {new} new ones.",
            hint="Count customers who came back as new ones.",
        )
    if mrr and not end:
        raise UsageError("There is MRR and no customer at the end.", hint="Give --customers-end above 0.")


def _number(option: str, text: str) -> Fraction:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not (number.is_finite() and 0 <= number <= _LARGEST):
        raise UsageError(f"{option} cannot be {text!r}.", hint="Give a number such as 1234.50, 0 or more.")
    return Fraction(number)


def _units(name: str, figure: float | None) -> float | None:
    return figure / 100 if figure is not None and KPIS[name].unit == "money" else figure


def _lines(figures: Mapping[str, float | None]) -> Iterator[str]:
    """Return each figure with its label."""
    for name, figure in figures.items():
        yield f"{KPIS[name].label_en:<{_WIDTH}} {_shown(figure, KPIS[name].unit):>18}"


def _shown(figure: Any, unit: str) -> str:
    if figure is None:
        return "-"
    return {
        "money": f"{figure:,.2f}",
        "count": f"{figure:,}",
        "percent": f"{figure:.2%}",
        "months": f"{figure:,.1f} months",
    }[unit]


COMMANDS = (calc,)
