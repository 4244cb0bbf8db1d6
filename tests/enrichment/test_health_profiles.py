"""Settings of their own for the accounts of a segment."""

from __future__ import annotations

import pandas as pd
import pytest

from enrichment.health.config import HealthConfig, Profile
from enrichment.health.scoring import score
from saaskpi.errors import UsageError
from tests.enrichment.health_accounts import known, ladder

ONLY_TENURE = {
    "tenure": 100.0,
    **dict.fromkeys(("payments", "mrr_trend", "commitment", "level", "change", "seats", "recency"), 0.0),
    **dict.fromkeys(("last_touch", "contacts", "key_contact", "survey", "ticket_load", "open_tickets"), 0.0),
}
LARGE = Profile("size", "large", {"new_days": 0, "points": ONLY_TENURE})


def segments(**sizes: str) -> pd.DataFrame:
    rows = [{"account_id": name, "segment": "size", "segment_value": size} for name, size in sizes.items()]
    return pd.DataFrame(rows, columns=["account_id", "segment", "segment_value"])


def test_a_profile_scores_its_accounts_and_no_others() -> None:
    accounts = known({"days_as_customer": 73}, {"days_as_customer": 73}, {"status": "churned"})
    config = HealthConfig(profiles={"large": LARGE})
    found = score(accounts, config, segments(acct_0="small", acct_1="large", acct_2="large")).accounts
    everybody = score(accounts, HealthConfig()).accounts
    assert found["account_id"].tolist() == ["acct_0", "acct_1", "acct_2"]
    assert found["profile"].tolist() == [None, "large", None]
    assert found["health_score"].tolist() == [everybody["health_score"][0], 20, pd.NA]
    assert found["health_reasons"][1] == "Globex: 20/100, red: a customer for 2 months (-80)."
    hashes = [HealthConfig().hash, config.of("large").hash, HealthConfig().hash]
    assert found["health_config_hash"].tolist() == hashes


def test_the_signals_of_each_account_are_those_of_its_profile() -> None:
    config = HealthConfig(profiles={"large": LARGE})
    health = score(known({}, {}, {}), config, segments(acct_1="large"))
    signals = health.signals
    assert signals["account_id"].tolist() == [
        name for name in ("acct_0", "acct_1", "acct_2") for _ in range(14)
    ]
    whole = signals.groupby("account_id")["max_points"].sum()
    assert whole.tolist() == pytest.approx([100] * 3)
    hashes = signals["health_config_hash"].astype(str).unique()
    assert hashes.tolist() == [HealthConfig().hash, config.of("large").hash]
    level = signals[signals["signal"] == "level"].set_index("account_id")
    assert level["max_points"].tolist() == pytest.approx([14, 0, 14])
    assert level["reason_en"]["acct_1"] == "level of use: carries no points in the settings"
    assert level["reason_en"]["acct_2"] == "average use among all customers"
    assert health.sources["state"].tolist() == ["used"] * 4


def test_ranks_and_medians_are_those_of_all_customers() -> None:
    accounts = ladder(20)
    config = HealthConfig(profiles={"large": Profile("size", "large", {"green_from": 90})})
    apart = score(accounts, config, segments(acct_0="large", acct_19="large"))
    together = score(accounts, HealthConfig())
    assert apart.accounts["score_before_caps"].tolist() == together.accounts["score_before_caps"].tolist()
    assert apart.signals["points"].tolist() == together.signals["points"].tolist()


def test_the_first_profile_that_fits_counts() -> None:
    config = HealthConfig(
        profiles={
            "large": Profile("size", "large", {"cap_idle": 10}),
            "french": Profile("country", "FR", {"cap_idle": 20}),
        }
    )
    rows = segments(acct_0="large", acct_1="small")
    countries = rows.assign(segment="country", segment_value="FR")
    found = score(known({}, {}), config, pd.concat([rows, countries])).accounts
    assert found["profile"].tolist() == ["large", "french"]


def test_a_value_that_nobody_has_changes_nothing() -> None:
    config = HealthConfig(profiles={"huge": Profile("size", "huge", {"green_from": 99})})
    assert score(known({}), config, segments(acct_0="large")).accounts["profile"].tolist() == [None]


@pytest.mark.parametrize("given", [None, segments(acct_0="large")])
def test_a_profile_of_a_segment_that_is_not_declared_is_refused(given: pd.DataFrame | None) -> None:
    config = HealthConfig(profiles={"fr": Profile("country", "FR")})
    with pytest.raises(UsageError, match=r"health\.profiles\.fr is for the segment 'country'"):
        score(known({}), config, given)


def test_points_for_a_signal_that_does_not_exist_are_refused_in_a_profile_too() -> None:
    config = HealthConfig(profiles={"large": Profile("size", "large", {"points": {"logins": 5}})})
    with pytest.raises(UsageError, match="logins"):
        score(known({}), config, segments(acct_0="small"))
