"""What the declaration of a key figure says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from enrichment.kpis.formulas import Amount, Facts
from enrichment.policy import Policy

Unit = Literal["money", "count", "percent", "ratio", "months"]
Grain = Literal["segment_month", "account_month", "account", "cohort_month", "funnel_step"]
Additive = Literal["sum", "first", "last", "none"]
Better = Literal["up", "down", "neither"]
Calculation = Callable[[Facts, Policy], Amount]

_DECIMALS: Final = 6
_SQL_TYPES: Final[dict[Unit, str]] = {
    "money": "BIGINT",
    "count": "BIGINT",
    "percent": "DOUBLE PRECISION",
    "ratio": "DOUBLE PRECISION",
    "months": "DOUBLE PRECISION",
}


@dataclass(frozen=True, slots=True)
class Kpi:
    """One key figure, declared once for the command line, the streams, the docs, the CRM and BI tools.

    Attributes:
        id: the name in JSON, in streams and as a column.
        label_en: what people read.
        label_fr: the same in French.
        formula: in words.
        formula_fr: the same in French.
        unit: money is integer minor units of the row's currency; percent is a share (0.05 is 5 %).
        grain: the rows that it exists for. ``segment_month``: a month, currency and segment, or the whole.
        additive: how it is put together over time: the ``sum`` of the months, the ``first`` or ``last`` one,
            or ``none`` (compute it anew from its parts). Over segments and currencies, only money and counts
            add up, and no money of two currencies.
        better: which way is good.
        crm_property: the HubSpot property that holds it; None where none does.
        calculation: its formula over :class:`Facts`; None where a table of its own holds it.
    """

    id: str
    label_en: str
    label_fr: str
    formula: str
    formula_fr: str
    unit: Unit
    grain: tuple[Grain, ...]
    additive: Additive
    better: Better
    crm_property: str | None
    calculation: Calculation | None

    @property
    def metric(self) -> str:
        """The metric's name in BI tools, which break where a metric is named as a column is."""
        return f"kpi_{self.id}"

    @property
    def sql_type(self) -> str:
        """The portable SQL type of the values."""
        return _SQL_TYPES[self.unit]

    def label(self, language: str = "en") -> str:
        """Return the label in ``en`` or ``fr``."""
        return self.label_fr if language == "fr" else self.label_en

    def value(self, facts: Facts, policy: Policy) -> int | float | None:
        """Compute the figure exactly and round it once.

        Args:
            facts: of one month, currency and segment.
            policy: says which form of the formula holds.

        Returns:
            Integer minor units or a count, rounded half to even; any other unit with six decimals; None where
            nothing can be said (a denominator is zero, a part unknown).

        Raises:
            ValueError: the figure is not computed from facts.
        """
        if self.calculation is None:
            raise ValueError(f"{self.id} is not computed from facts")
        exact = self.calculation(facts, policy)
        if exact is None:
            return None
        return round(exact) if self.unit in ("money", "count") else float(round(exact, _DECIMALS))
