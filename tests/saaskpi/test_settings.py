from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from saaskpi.declared import plan_settings
from saaskpi.errors import UsageError
from saaskpi.settings import Settings, load

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def write(text: str) -> None:
    Path("saaskpi.toml").write_text(text, encoding="utf-8")


def test_defaults_stand_without_a_file() -> None:
    settings = load()
    assert settings.home == Path(".saaskpi")
    assert settings.stripe.api_base == "https://api.stripe.com"
    assert settings.hubspot.api_version == "2026-03"


def test_flags_win_over_environment_over_file(monkeypatch: pytest.MonkeyPatch) -> None:
    write('home = "a"\n[stripe]\napi_base = "https://file.test"\napi_key = "sk_file"\n')
    assert load().stripe.api_base == "https://file.test"
    monkeypatch.setenv("SAASKPI_STRIPE__API_BASE", "https://environment.test/")
    monkeypatch.setenv("SAASKPI_HOME", "b")
    monkeypatch.setenv("STRIPE_API_KEY", "sk_environment")
    settings = load()
    assert settings.stripe.api_base == "https://environment.test"
    assert settings.stripe_key() == "sk_environment"
    assert settings.home == Path("b")
    assert load(home=Path("c")).home == Path("c")


def test_the_rest_of_a_table_stays_when_the_environment_sets_one_key(monkeypatch: pytest.MonkeyPatch) -> None:
    write('[hubspot]\naccess_token = "pat-1"\napi_version = "2026-09"\n')
    monkeypatch.setenv("SAASKPI_HUBSPOT__API_BASE", "http://127.0.0.1:1")
    settings = load()
    assert settings.hubspot_token() == "pat-1"
    assert settings.hubspot.api_version == "2026-09"


@pytest.mark.parametrize(
    "text, words",
    [
        ('[stripe\napi_key = "sk_live_canary', "not valid TOML"),
        ("[stripe]\napi_kee = 1\n", "stripe.api_kee is not known"),
        ('[stripe]\napi_base = "api.stripe.com"\n', "must begin with https://"),
        ("stripe = 3\n", "stripe"),
        ('language = "de"\n', "language"),
        ('[engine]\nmemory_limit = "lots"\n', "engine.memory_limit"),
    ],
)
def test_a_wrong_file_is_one_clear_sentence(text: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write(text)
    monkeypatch.setenv("STRIPE_API_KEY", "sk_live_canary")
    with pytest.raises(UsageError) as error:
        load()
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert "canary" not in str(error.value)


@pytest.mark.parametrize(
    "variable, value",
    [("SAASKPI_ALERTS__EMAIL_TO", "nobody"), ("SAASKPI_TASKS__RULES", "[{"), ("SAASKPI_SEGMENTS", "plan")],
)
def test_a_list_of_the_environment_that_is_no_json_is_one_clear_sentence(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError, match=variable):
        load()


@pytest.mark.parametrize(
    "variable, hint",
    [
        (
            "SAASKPI_STRIP__API_KEY",
            "Did you mean SAASKPI_STRIPE__API_KEY? There are: stripe, hub",
        ),
        ("saaskpi_polizy__status__unpaid", "Did you mean SAASKPI_POLICY__STATUS__UNPAID?"),
        ("SAASKPI_HOME__FOLDER", "There are: stripe,"),
        ("SAASKPI___API_KEY", "There are: stripe,"),
    ],
)
def test_a_variable_of_a_section_that_there_is_not_is_refused(
    variable: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "sk_live_canary")
    with pytest.raises(UsageError, match=f"The variable {variable} names no section") as error:
        load()
    assert hint in error.value.hint
    assert "canary" not in str(error.value) + error.value.hint


def test_a_variable_without_a_section_may_be_anybodys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SAASKPI_TEST_KILLS", "SAASKPI_CONFIG", "MY__SAASKPI_STRIP__API_KEY", "SAASKPI_HOME"):
        monkeypatch.setenv(name, "3")
    assert load().home == Path("3")


def test_an_unknown_setting_comes_with_the_one_that_was_likely_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAASKPI_HUBSPOT__ACCES_TOKEN", "pat-canary")
    with pytest.raises(UsageError) as error:
        load()
    assert error.value.hint.startswith("Did you mean hubspot.access_token? ")


def test_the_page_of_an_account_reaches_the_plan() -> None:
    assert plan_settings(load()).link is None
    write('[tasks]\nlink = "https://bi.example/accounts/{account_id}?tab=1"\n')
    assert plan_settings(load()).link == "https://bi.example/accounts/{account_id}?tab=1"


@pytest.mark.parametrize(
    "link",
    [
        "",
        "https://bi.example",
        "https://bi.example/{account}",
        "bi.example/{account_id}",
        *(f"https://bi.example/{{account_id}}{more}" for more in ("{", "}", "{}", "{account_id}", " ")),
    ],
)
def test_a_page_that_is_no_address_of_an_account_is_refused(link: str) -> None:
    write(f"[tasks]\nlink = '{link}'\n")
    with pytest.raises(UsageError, match=r"tasks\.link is wrong: must be an address"):
        load()


def test_secrets_show_in_no_repr() -> None:
    write('[stripe]\napi_key = "sk_live_canary"\n[hubspot]\naccess_token = "pat-canary"\n')
    assert "canary" not in repr(load())


def test_a_missing_key_says_what_to_set() -> None:
    with pytest.raises(UsageError, match="STRIPE_API_KEY"):
        load().stripe_key()


def test_as_of_is_the_end_of_the_day_but_never_later_than_now() -> None:
    assert Settings(as_of=date(2026, 10, 31)).instant(NOW) == datetime(2026, 11, 1, tzinfo=UTC)
    assert Settings(as_of=date(2026, 11, 21)).instant(NOW) == NOW
    assert Settings().instant(NOW) == NOW


def test_as_of_at_the_ends_of_time() -> None:
    assert Settings(as_of=date.max).instant(NOW) == NOW
    with pytest.raises(UsageError, match="0001-01-01"):
        load(as_of=date.min)
