"""A person's decision replaces the band that is shown, says so, and ends."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from enrichment.health.config import HealthConfig
from enrichment.health.overrides import apply
from enrichment.health.scoring import score
from saaskpi.errors import UsageError
from tests.enrichment.facts import ENDING, facts

NOW = datetime(2026, 10, 31, 12, tzinfo=UTC)
COLUMNS = ["account_id", "band", "reason", "author", "created_at", "expires_at"]
ACCOUNTS = score(facts({}, ENDING, {"days_as_customer": 9}), HealthConfig()).accounts


def decisions(*changes: dict[str, Any]) -> pd.DataFrame:
    plain = {
        "account_id": "acct_0",
        "band": "red",
        "reason": "the sponsor leaves in November",
        "author": "Ana Diaz",
        "created_at": datetime(2026, 10, 1, tzinfo=UTC),
        "expires_at": datetime(2026, 12, 31, tzinfo=UTC),
    }
    return pd.DataFrame([{**plain, **change} for change in changes], columns=COLUMNS)


def test_a_decision_replaces_the_band_and_says_who_why_and_until_when() -> None:
    found = apply(ACCOUNTS, decisions({}), NOW).iloc[0]
    assert found["health_band"] == "red"
    assert found["health_reasons"] == (
        "Globex: red, set by Ana Diaz until 2026-12-31: the sponsor leaves in November. "
        "Computed: 100/100, green."
    )
    assert found["health_reasons_fr"].replace("\u00a0", " ") == (
        "Globex : rouge, fixé par Ana Diaz jusqu’au 31/12/2026 : the sponsor leaves in November. "
        "Score calculé : 100/100, vert."
    )
    assert found[["override_reason", "override_author", "override_expires_at"]].tolist() == [
        "the sponsor leaves in November",
        "Ana Diaz",
        pd.Timestamp(2026, 12, 31),
    ]
    assert found["top_reason"] == "set by Ana Diaz until 2026-12-31: the sponsor leaves in November"


def test_the_computed_score_stays() -> None:
    found = apply(ACCOUNTS, decisions({}), NOW)
    assert found["health_score"].tolist() == ACCOUNTS["health_score"].tolist()
    assert found["computed_band"].tolist() == ACCOUNTS["health_band"].tolist() == ["green", "red", "new"]
    untouched = [str(name) for name in ACCOUNTS if name not in ("health_band", "health_score")]
    assert found.iloc[1][untouched].equals(ACCOUNTS.iloc[1][untouched])


@pytest.mark.parametrize(
    "change",
    [
        {"expires_at": NOW},
        {"expires_at": datetime(2026, 10, 2, tzinfo=UTC)},
        {"created_at": datetime(2026, 11, 1, tzinfo=UTC)},
        {"account_id": "acct_99"},
    ],
)
def test_a_decision_that_does_not_hold_does_nothing(change: dict[str, Any]) -> None:
    found = apply(ACCOUNTS, decisions(change), NOW)
    assert found["health_reasons"].tolist() == ACCOUNTS["health_reasons"].tolist()
    assert found["health_band"].tolist() == found["computed_band"].tolist()
    assert found["override_author"].isna().all()


def test_the_newest_decision_counts_until_it_expires() -> None:
    later = {"band": "yellow", "created_at": datetime(2026, 10, 15, tzinfo=UTC)}
    assert apply(ACCOUNTS, decisions(later, {}), NOW)["health_band"][0] == "yellow"
    over = {**later, "expires_at": datetime(2026, 10, 20, tzinfo=UTC)}
    assert apply(ACCOUNTS, decisions({}, over), NOW)["health_band"][0] == "green"


def test_an_account_without_a_score_can_have_a_band() -> None:
    found = apply(ACCOUNTS, decisions({"account_id": "acct_2", "band": "yellow"}), NOW).iloc[2]
    assert (found["health_band"], found["computed_band"], pd.isna(found["health_score"])) == (
        "yellow",
        "new",
        True,
    )
    assert found["health_reasons"].endswith("the sponsor leaves in November. Computed: no score.")


def test_what_a_person_wrote_stays_one_sentence() -> None:
    found = apply(ACCOUNTS, decisions({"reason": " Signed\nfor {two} years. ", "author": "Ana\t"}), NOW).iloc[
        0
    ]
    assert ": Signed for {two} years. Computed" in found["health_reasons"]
    assert "set by Ana until" in found["health_reasons"]


@pytest.mark.parametrize("zone", [None, UTC])
def test_times_with_and_without_zone_are_utc(zone: Any) -> None:
    change = {
        name: datetime(2026, 10, 31, hour, tzinfo=zone)
        for name, hour in (("created_at", 11), ("expires_at", 13))
    }
    assert apply(ACCOUNTS, decisions(change), NOW)["health_band"][0] == "red"


def test_no_decisions_change_nothing() -> None:
    found = apply(ACCOUNTS, decisions(), NOW)
    pd.testing.assert_frame_equal(found[list(ACCOUNTS)], ACCOUNTS, check_dtype=False)
    assert found.filter(like="override_").isna().all(axis=None)


@pytest.mark.parametrize("band", ["purple", "new", "no data"])
def test_a_band_that_is_no_colour_is_refused(band: str) -> None:
    with pytest.raises(UsageError, match=band):
        apply(ACCOUNTS, decisions({"band": band}), NOW)
