"""The tables of a made-up run: a random ledger of some sixty accounts, and the marts over it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pandas as pd

from enrichment.kpis.month import kpi_month
from enrichment.marts import MARTS, build_marts
from enrichment.policy import Policy
from enrichment.tables import (
    ACCOUNT_FLAGS,
    ACCOUNT_MATCH,
    ACCOUNTS,
    FLAG_EPISODES,
    HEALTH_SIGNALS,
    MRR_DIFFERENCES,
    MRR_LEDGER,
    SUBSCRIPTION_LIVES,
    leave,
)
from tests.enrichment.tiny_engine import TinyEngine
from warehouse.files import STORE_FILE
from warehouse.store import Store

Tables = dict[str, pd.DataFrame]

BEGIN: Final = datetime(2025, 1, 1, tzinfo=UTC)
AS_OF: Final = datetime(2026, 3, 20, 12, tzinfo=UTC)
SEGMENTS: Final = {"country": "stripe.metadata.country", "industry": "hubspot.industry"}
TO_EUR: Final = {"eur": 1.0, "usd": 0.9, "jpy": 0.6}
REASONS: Final = ("started", "quantity_changed", "price_changed", "discount_changed", "canceled")
NAMES: Final = ("=Acme", "Globex", "Initech", "Łódź & Søn")


def made_up(
    seed: int = 1, accounts: int = 60, *, reporting: str | None = None, policy: Policy | None = None
) -> Tables:
    """Return the tables of a run by name.

    Args:
        seed: same seed, same company.
        accounts: how many.
        reporting: a currency (eur) in which everything is valued too.
        policy: of the marts.
    """
    chance = random.Random(seed)
    policy = policy or Policy()
    customers = [customer for number in range(accounts) for customer in _customers(number, chance)]
    ledger = pd.DataFrame(_ledger(customers, reporting, chance), columns=list(MRR_LEDGER))
    with TinyEngine() as engine:
        leave(engine, "mrr_ledger", ledger, MRR_LEDGER)
        leave(engine, "subscription_lives", _lives(ledger), SUBSCRIPTION_LIVES)
        for name, frame in _known(customers, chance).items():
            engine.register_frame(name, frame)
        build_marts(engine, policy, AS_OF, SEGMENTS)
        tables = {name: engine.frame(name) for name in ("mrr_ledger", "account_segments", *MARTS)}
    tables["kpi_month"] = kpi_month(tables["kpi_base"], policy)
    return tables | {"accounts": _accounts(customers, ledger), "mrr_differences": _differences(ledger)}


def home(path: Path, tables: Tables) -> Path:
    """Leave the tables in ``path`` as a finished run does; what explain reads besides them is empty."""
    empty = {
        "account_match": ACCOUNT_MATCH,
        "account_health_signals": HEALTH_SIGNALS,
        "account_flags": ACCOUNT_FLAGS,
    }
    directory = path / "marts" / "20260320T120000Z-0001"
    directory.mkdir(parents=True)
    frames = {name: pd.DataFrame(columns=list(columns)) for name, columns in empty.items()}
    frames["subscription_items"] = pd.DataFrame(columns=["customer_id"])
    for name, frame in {**frames, **tables}.items():
        frame.to_parquet(directory / f"{name}.parquet")
    with Store.open(path / STORE_FILE) as store:
        store.begin_run(directory.name, AS_OF, AS_OF, 1)
        store.finish_run(directory.name, AS_OF, {}, pd.DataFrame(columns=list(FLAG_EPISODES)))
    return path


def _customers(number: int, chance: random.Random) -> list[dict[str, str]]:
    """Return the Stripe customers of an account; a few have two."""
    account = f"{1000 + number}" if number % 3 else f"cus_{number}"
    ids = [f"cus_{number}"] + ([f"cus_{number}b"] if chance.random() < 0.2 else [])
    return [{"account_id": account, "customer_id": name, "company_id": f"{1000 + number}"} for name in ids]


def _ledger(
    customers: list[dict[str, str]], reporting: str | None, chance: random.Random
) -> Iterator[dict[str, Any]]:
    for customer in customers:
        for number in range(chance.choice((0, 1, 1, 1, 2, 3))):
            currency = chance.choice(("eur", "eur", "usd", "jpy"))
            names = {
                **{name: customer[name] for name in ("account_id", "customer_id")},
                "subscription_id": f"sub_{customer['customer_id']}_{number}",
                "subscription_item_id": f"si_{customer['customer_id']}_{number}",
                "price_id": f"price_{number}",
                "product_id": "prod_1",
                "currency": currency,
                "policy_hash": "made_up",
                "reporting_currency": reporting,
            }
            yield from _item(names, reporting, chance)


def _item(names: dict[str, Any], reporting: str | None, chance: random.Random) -> Iterator[dict[str, Any]]:
    """Change an item's MRR now and then, down to zero and up again, and revalue it where asked for."""
    at, level, valued = BEGIN, 0, 0
    for number in range(chance.randint(1, 9)):
        at += timedelta(days=chance.randint(0, 90), hours=chance.randint(0, 23))
        if at >= AS_OF:
            return
        is_revalued = bool(reporting and level and names["currency"] != reporting and chance.random() < 0.4)
        to = level if is_revalued else chance.choice((0, 990, 1990, 4990, 12345))
        change = round((to - level) * TO_EUR[names["currency"]]) if reporting else None
        drift = None
        if reporting:
            # What is left of an item at zero would be no one's.
            drift = chance.randint(-50, 50) if is_revalued else 0
            drift = -valued - (change or 0) if to == 0 else drift
            valued += (change or 0) + drift
        yield {
            **names,
            "effective_at": at.replace(tzinfo=None),
            "mrr_change": to - level,
            "mrr_after": to,
            "contract_mrr_change": 2 * (to - level),
            "reason": "fx" if is_revalued else REASONS[min(number, 4)],
            "source_object": f"il_{names['customer_id']}_{number}",
            "reporting_change": change,
            "fx_change": drift,
            "reporting_after": valued if reporting else None,
        }
        level = to


def _lives(ledger: pd.DataFrame) -> pd.DataFrame:
    """Let every subscription end when it first falls to zero; those that rise again are other lives of it."""
    keys = ["account_id", "customer_id", "subscription_id"]
    first = ledger.groupby(keys)["effective_at"].min().rename("alive_from")
    ended = ledger[ledger["mrr_after"] == 0].groupby(keys)["effective_at"].min().rename("alive_until")
    return pd.concat([first, ended], axis=1).reset_index()


def _known(customers: list[dict[str, str]], chance: random.Random) -> Tables:
    """Return what segments are read from: customers' countries, companies' industries; some lack theirs."""
    countries = [chance.choice(("FR", "DE", None)) for _ in customers]
    industries = [chance.choice(("retail", "=cmd", None)) for _ in customers]
    return {
        "account_customers": pd.DataFrame(customers),
        "stg_customers": pd.DataFrame(
            {
                "customer_id": [row["customer_id"] for row in customers],
                "metadata": [json.dumps({"country": name} if name else {}) for name in countries],
            }
        ),
        "stg_companies": pd.DataFrame(
            {
                "company_id": [row["company_id"] for row in customers],
                "properties": [json.dumps({"industry": name}) for name in industries],
            }
        ).drop_duplicates("company_id"),
        "account_basics": pd.DataFrame(columns=["account_id", "plan", "currency", "owner_name"], dtype="str"),
    }


def _accounts(customers: list[dict[str, str]], ledger: pd.DataFrame) -> pd.DataFrame:
    frame = pd.DataFrame(customers).groupby("account_id", sort=False)["customer_id"].agg(list).reset_index()
    totals = ledger.groupby(["account_id", "currency"])["mrr_change"].sum()
    rows = []
    for number, (account_id, ids) in enumerate(zip(frame["account_id"], frame["customer_id"], strict=True)):
        mrr = {code: int(totals.get((account_id, code), 0)) for code in TO_EUR}
        held = {code: amount for code, amount in mrr.items() if amount}
        currency = max(held, key=lambda code: held[code], default=None)
        rows.append(
            dict.fromkeys(ACCOUNTS)
            | {
                "account_id": account_id,
                "name": f"{NAMES[number % len(NAMES)]} {number}",
                "stripe_customer_ids": ids,
                "currency": currency,
                "mrr": held.get(currency or "", 0),
                "arr": 12 * held.get(currency or "", 0),
                "contract_mrr": 2 * held.get(currency or "", 0),
                "mrr_by_currency": json.dumps(held),
                "status": "active" if held else "churned",
                "health_band": "red" if number % 2 else "green",
                "health_reasons": "as it should be",
                "health_reasons_fr": "tout va bien",
                "risk_flags": [],
                "opportunity_flags": [],
            }
        )
    return pd.DataFrame(rows, columns=list(ACCOUNTS))


def _differences(ledger: pd.DataFrame) -> pd.DataFrame:
    part = ledger.head(3)
    return pd.DataFrame(
        {
            **{name: part[name] for name in MRR_DIFFERENCES if name in part},
            "effective_at": part["effective_at"],
            "ledger_mrr": part["mrr_after"],
            "evidence_mrr": part["mrr_after"] + 100,
            "reason": "made_up_reason",
        }
    )[list(MRR_DIFFERENCES)]
