"""Facts of made-up accounts, at the present and taken back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from types import MappingProxyType

import pandas as pd

from enrichment.computing import compute_ledger
from enrichment.facts.describing import describe, prepare
from enrichment.facts.rewinding import rewind
from enrichment.health.config import HealthConfig
from enrichment.policy import Policy
from enrichment.sql import ACCOUNTS, run_models
from tests.enrichment.books import AS_OF, Books, matcher
from tests.enrichment.tiny_engine import TinyEngine

NOBODY: Mapping[str, str] = MappingProxyType({})


@contextmanager
def described(
    books: Books,
    as_of: datetime = AS_OF,
    policy: Policy | None = None,
    companies: Mapping[str, str] = NOBODY,
) -> Iterator[TinyEngine]:
    """Give an engine in which everything is computed that facts are read from."""
    config = HealthConfig()
    with books.engine() as engine:
        compute_ledger(engine, matcher(companies), as_of, policy or Policy(), config)
        run_models(engine, ACCOUNTS)
        prepare(engine, config.sources)
        yield engine


def facts_at(engine: TinyEngine, past: datetime | None = None, policy: Policy | None = None) -> pd.DataFrame:
    """Return ``account_facts`` by account id, of the present or taken back."""
    if past is not None:
        rewind(engine, past, policy or Policy(), HealthConfig())
    return describe(engine).set_index("account_id")


def past_facts(books: Books, past: datetime, as_of: datetime = AS_OF) -> pd.DataFrame:
    """Return the facts of an instant of which ``as_of`` looks back."""
    with described(books, as_of) as engine:
        return facts_at(engine, past)


def as_text(facts: pd.DataFrame) -> pd.DataFrame:
    """Return facts as text, so that those of two engines compare: whole numbers without a point, null empty."""
    shown = {column: facts[column].map(_text) for column in facts.columns}
    return pd.DataFrame(shown, index=facts.index)


def _text(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    listed = isinstance(value, list) or hasattr(value, "tolist")
    return str(value) if listed or not pd.isna(value) else ""
