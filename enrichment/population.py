"""What a computation of some accounts must know of all others: the whole run before it leaves it behind."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

import pandas as pd

from enrichment.engine import EngineProtocol
from enrichment.kpis.formulas import Facts
from enrichment.kpis.month import facts_of_today
from enrichment.kpis.places import Place
from enrichment.policy import Policy

POPULATION_TABLES: Final = (
    "account_facts",
    "cltv_base",
    "cltv_lifetimes",
    "crm_firsts",
    "given_up",
    "usage_holders",
)
"""What a whole run leaves for computations of some of its accounts.

``usage_holders`` (key_kind, account_key, account_id) says which accounts an account key in the usage data may
mean: one that means two counts for neither, so both have to be in the engine when one of them is computed.
"""
_WHOLE: Final = "WHERE valuation = 'native' AND segment = ''"


@dataclass(frozen=True)
class Population:
    """The accounts that are not computed, as far as those that are depend on them.

    Attributes:
        facts: ``account_facts`` of the others: scores rank and weigh an account among all.
        base: ``cltv_base``, of all accounts as they were in the last whole run.
        lifetimes: ``cltv_lifetimes``, of all accounts as well.
        firsts: ``crm_firsts``: an account without tickets in a portal with tickets has none, which is a fact.
        attempts: the number in ``given_up``: after how many attempts Stripe takes an invoice for unpaid.
    """

    facts: pd.DataFrame
    base: pd.DataFrame
    lifetimes: pd.DataFrame
    firsts: pd.DataFrame
    attempts: int | None = None
    _today: dict[tuple[str, str], dict[Place, Facts]] = field(default_factory=dict)

    def today(self, policy: Policy, gross_margin: float | str) -> dict[Place, Facts]:
        """Return the facts of the newest month, which say what accounts are worth; found once."""
        key = (policy.hash, str(gross_margin))
        if key not in self._today:
            self._today[key] = facts_of_today(self.base, policy, gross_margin, self.lifetimes)
        return self._today[key]

    def among(self, facts: pd.DataFrame) -> Population:
        """Return the same with other accounts' facts."""
        return replace(self, facts=facts)


def leave_population(engine: EngineProtocol) -> None:
    """Leave what the tables of ``POPULATION_TABLES`` lack after a whole computation."""
    engine.run("cltv_base", f"SELECT * FROM kpi_base {_WHOLE}")
    engine.run("cltv_lifetimes", f"SELECT * FROM lifetime_counts {_WHOLE}")
