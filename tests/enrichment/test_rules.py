"""Flags that a user declares: what conditions mean, and what is told of mistakes."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from enrichment.health.columns import COLUMNS, Columns
from enrichment.health.config import HealthConfig
from enrichment.health.flags import RULES, raise_flags
from enrichment.health.rules import parse, read_rules
from enrichment.health.rules.conditions import TRUE
from enrichment.health.rules.declaring import MOST_RULES
from enrichment.health.rules.parsing import DEEPEST
from enrichment.health.rules.tokens import MOST_CHARACTERS
from saaskpi.errors import UsageError
from tests.enrichment.facts import MONTHLY, facts

QUIET = {
    "flag": "big_and_quiet",
    "kind": "risk",
    "severity": "high",
    "when": "mrr >= 10_000 and days_since_touch > 60",
    "en": "{name} pays {mrr} and nobody was in touch for {days_since_touch} days.",
    "fr": "{name} paie {mrr}, aucun contact depuis {days_since_touch} jours.",
}


def truth(condition: str, **changes: Any) -> bool:
    """Say whether a condition is true of one account."""
    columns = Columns(facts(changes).assign(health_score=70, health_band="yellow"))
    return bool((parse(condition).read(columns) == TRUE).all())


def raised(*rules: dict[str, Any], band: str = "green", **changes: Any) -> pd.DataFrame:
    health = pd.DataFrame({"account_id": ["acct_0"], "health_score": [90], "health_band": [band]})
    return raise_flags(facts(changes), health, HealthConfig(), read_rules(rules))


def without_spaces(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    "condition, changes, expected",
    [
        ("mrr >= 10000", {}, True),
        ("mrr > 10000", {}, False),
        ("mrr = 10_000", {}, True),
        ("mrr == 10000.0", {}, True),
        ("mrr != 10000", {}, False),
        ("mrr - mrr_90 < -1", {"mrr": 9998}, True),
        ("-mrr < 0", {}, True),
        ("2 * mrr + 1 > 20000", {}, True),
        ("mrr + 2 * 3 = 10006", {}, True),
        ("(mrr + 2) * 3 = 30006", {}, True),
        ("mrr - 1 - 1 = 9998", {}, True),
        ("days_to_renewal < 0", {"days_to_renewal": -3}, True),
        ("status = 'active'", {}, True),
        ("status = 'ACTIVE'", {}, True),
        ("name = 'GLOBEX'", {}, True),
        ('name = "O\'Neil"', {"name": "O'Neil"}, True),
        ("name = 'O''Neil'", {"name": "O'Neil"}, True),
        ("status in ('past_due', 'active')", {}, True),
        ("status not in ('past_due', 'unpaid')", {}, True),
        ("mrr in (1, -2, 10000)", {}, True),
        ("health_band = 'yellow' and health_score <= 70", {}, True),
        ("renewal_date < '2027-08-02'", {}, True),
        ("renewal_date = '2027-08-01'", {}, True),
        ("'2027-08-01' >= renewal_date", {}, True),
        ("renewal_date > customer_since", {}, True),
        ("is_only_method", {"is_only_method": True}, True),
        ("is_only_method", {"is_only_method": False}, False),
        ("not is_only_method", {"is_only_method": False}, True),
        ("is_only_method = false", {"is_only_method": False}, True),
        ("is_only_method != is_weekly_user", {"is_only_method": False, "is_weekly_user": True}, True),
        ("mrr = 1 or mrr = 2 or mrr = 10000", {}, True),
        ("mrr = 1 and mrr = 2 or mrr = 10000", {}, True),
        ("mrr = 1 and (mrr = 2 or mrr = 10000)", {}, False),
        ("not mrr = 1 and not mrr = 2", {}, True),
        ("NOT mrr = 1 AND status IN ('active')", {}, True),
        ("tickets is unknown", {}, True),
        ("tickets is known", {}, False),
        ("tickets + 1 is unknown", {}, True),
        ("nps is known", {"nps": float("nan")}, False),
        ("nps is known", {"nps": float("inf")}, False),
        ("nps is known", {"nps": -1.0}, False),
        (
            "mrr*mrr*mrr*mrr*mrr*mrr*mrr*mrr*mrr*mrr*mrr*mrr*mrr*mrr*mrr*mrr*mrr*mrr*mrr*mrr*mrr*mrr*mrr > 1",
            {"mrr": 10**14},
            False,
        ),
    ],
)
def test_a_condition_means_what_it_says(condition: str, changes: dict[str, Any], expected: bool) -> None:
    assert truth(condition, **changes) == expected


@pytest.mark.parametrize(
    "condition, expected",
    [
        ("tickets > 3", False),
        ("not tickets > 3", False),
        ("tickets != 3", False),
        ("tickets not in (1, 2)", False),
        ("tickets > 3 or mrr > 1", True),
        ("tickets > 3 and mrr > 1", False),
        ("not (tickets > 3 and mrr < 1)", True),
        ("is_only_method or not is_only_method", False),
        ("plan = plan", False),
        ("card_expires_on < '2030-01-01'", False),
        ("(tickets > 3) is unknown", True),
    ],
)
def test_what_is_not_known_is_neither_true_nor_false(condition: str, expected: bool) -> None:
    assert truth(condition) == expected


@pytest.mark.parametrize(
    "condition, message",
    [
        ("", "The condition is empty at character 1."),
        ("  ", "A value is missing at character 3."),
        ("mrr >", "A value is missing at character 6."),
        ("mrr", "mrr (number) stands where a condition is needed at character 1."),
        ("mrr > 5 or plan", "plan (text) stands where a condition is needed at character 12."),
        ("plan or mrr > 5", "plan (text) stands where a condition is needed at character 1."),
        ("not plan", "plan (text) stands where a condition is needed at character 5."),
        (
            "days_since_tuch > 60",
            "There is no column 'days_since_tuch' at character 1. Did you mean "
            "days_since_touch? Columns: docs/health.md.",
        ),
        (
            "health_band = red",
            "There is no column 'red' at character 15. If it is a text, put it in quotes: "
            "'red'. Columns: docs/health.md.",
        ),
        ("MRR > 5", "There is no column 'MRR' at character 1. Did you mean mrr? Columns: docs/health.md."),
        (
            "health_band = 'rd'",
            "health_band never says 'rd', as compared at character 13. Did you mean 'red'?",
        ),
        ("status in ('active', 'gone')", "status never says 'gone', as compared at character 8."),
        ("mrr > '5'", "mrr (number) is compared with '5' (text) by '>' at character 5."),
        ("plan = 5", "plan (text) is compared with 5 (number) by '=' at character 6."),
        ("renewal_date > 5", "renewal_date (date) is compared with 5 (number) by '>' at character 14."),
        ("is_only_method = 1", "is_only_method (yes or no) is compared with 1 (number) by '='"),
        ("is_only_method > true", "is_only_method (yes or no) has no order for '>' at character 16."),
        ("plan > 'x'", "plan (text) has no order for '>' at character 6. Use = or !=."),
        ("renewal_date > '2026-02-30'", "'2026-02-30' is no date in the comparison at character 14."),
        ("renewal_date > '20260203'", "'20260203' is no date in the comparison at character 14."),
        ("renewal_date + 1 > '2026-02-03'", "renewal_date (date) stands where a number is needed at"),
        ("mrr * plan > 4", "plan (text) stands where a number is needed at character 7."),
        ("-plan = 'x'", "plan (text) stands where a number is needed at character 1."),
        ("mrr < 5 < 6", "A second comparison follows the first at character 9. Join them with and."),
        ("mrr => 5", "'>' is not expected at character 6. Comparisons are"),
        ("mrr <> 5", "'>' is not expected at character 6. Comparisons are"),
        ("mrr / 2 > 1", "'/' is not understood at character 5. There is no division"),
        ("mrr > 5 && mrr < 6", "'&' is not understood at character 9. Write and."),
        ("mrr.real > 1", "'.' is not understood at character 4."),
        ("__import__('os')", "There is no column '__import__' at character 1."),
        ("mrr is none", "After is comes known or unknown at character 8."),
        ("mrr > 5 mrr", "'mrr' is not expected at character 9. Join conditions with and or or."),
        ("(mrr > 5", "')' is missing at character 9."),
        ("mrr > 5)", "')' is not expected at character 8."),
        ("mrr in 5", "'(' is missing at character 8."),
        ("mrr in ()", "')' is not expected at character 9."),
        ("plan = 'a", '"\'" is not understood at character 8. Close the quoted text'),
        ("plan = ' '", "The text is empty at character 8. For what is not there, write: is unknown."),
        ("mrr > 1234567890123456", "The number 1234567890123456... is too long at character 7."),
        ("1 = 1", "The condition reads no column."),
        ("mrr > ٣", "'٣' is not understood at character 7."),
    ],
)
def test_a_mistake_is_named_where_it_stands(condition: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(condition)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("opening, closing", [("(", ")"), ("not ", ""), ("-", "")])
def test_there_is_a_limit_to_depth(opening: str, closing: str) -> None:
    inner = "mrr > 1" if opening != "-" else "mrr"
    rest = "" if opening != "-" else " > 1"
    assert parse(opening * DEEPEST + inner + closing * DEEPEST + rest).kind == "yes or no"
    with pytest.raises(UsageError, match=f"More than {DEEPEST} levels"):
        parse(opening * (DEEPEST + 1) + inner + closing * (DEEPEST + 1) + rest)


def test_there_is_a_limit_to_length() -> None:
    longest = " or ".join(["mrr>1"] * (MOST_CHARACTERS // 9))
    assert parse(longest.ljust(MOST_CHARACTERS)).kind == "yes or no"
    with pytest.raises(UsageError, match=f"has {MOST_CHARACTERS + 1} characters"):
        parse(longest.ljust(MOST_CHARACTERS + 1))


def test_a_rule_raises_its_flag_with_its_own_words() -> None:
    (row,) = raised(QUIET, days_since_touch=61).to_dict("records")
    assert (row["flag"], row["kind"], row["severity"]) == ("big_and_quiet", "risk", "high")
    assert row["evidence_en"] == "Globex pays 100.00 EUR and nobody was in touch for 61 days."
    assert without_spaces(row["evidence_fr"]) == "Globex paie 100,00 EUR, aucun contact depuis 61 jours."
    assert raised(QUIET, days_since_touch=60).empty
    assert raised(QUIET).empty


def test_rules_come_after_our_flags_and_hold_opportunities_back() -> None:
    found = raised({**QUIET, "when": "mrr > 1"}, days_to_renewal=20)
    assert found["flag"].tolist() == ["renewal_near", "big_and_quiet"]
    offer = {"days_since_touch": 70, **MONTHLY}
    assert raised(**offer)["flag"].tolist() == ["annual_offer"]
    assert raised(QUIET, **offer)["flag"].tolist() == ["big_and_quiet"]
    assert raised({**QUIET, "severity": "medium"}, **offer)["flag"].tolist() == [
        "annual_offer",
        "big_and_quiet",
    ]
    chance = {**QUIET, "flag": "upsell", "kind": "opportunity", "severity": "high"}
    assert raised(chance, **offer)["flag"].tolist() == ["annual_offer", "upsell"]
    assert raised(QUIET, chance, **offer)["flag"].tolist() == ["big_and_quiet"]


def test_every_kind_of_column_is_written_in_the_language() -> None:
    told = (
        "{name}; {mrr}; {open_total}; {expansion_amount}; {tickets}; {limit_share}; {renewal_date}; "
        "{is_only_method}; {is_weekly_user}; {nps}; {plan}; {{brace}}"
    )
    changes: dict[str, Any] = {
        "mrr": 1234567,
        "expansion_amount": 5000,
        "expansion_currency": "jpy",
        "tickets": 1200,
        "limit_share": 0.856,
        "is_only_method": True,
        "is_weekly_user": False,
    }
    row = raised({**QUIET, "when": "mrr > 1", "en": told, "fr": told}, **changes).iloc[0]
    assert row["evidence_en"] == (
        "Globex; 12,345.67 EUR; (amount unknown); 5,000 JPY; 1,200; 0.86; 2027-08-01; yes; no; unknown; "
        "unknown; {brace}"
    )
    assert without_spaces(row["evidence_fr"]) == (
        "Globex; 12 345,67 EUR; (montant inconnu); 5 000 JPY; 1 200; 0,86; 01/08/2027; oui; non; inconnu; "
        "inconnu; {brace}"
    )


def test_one_sentence_stands_for_the_other_language() -> None:
    row = raised({**{k: v for k, v in QUIET.items() if k != "fr"}, "when": "mrr > 1"}).iloc[0]
    assert without_spaces(row["evidence_fr"]).startswith("Globex pays 100,00 EUR")


@pytest.mark.parametrize(
    "changes, message",
    [
        (
            {"flag": "usage_drop"},
            "[[flags]] usage_drop: usage_drop is the name of a flag that is there already",
        ),
        ({"flag": "Big one"}, "[[flags]] no. 1: 'Big one' cannot name a flag."),
        ({"flag": None}, "[[flags]] no. 1: flag is not a text."),
        ({"kind": "danger"}, "[[flags]] big_and_quiet: kind cannot be 'danger'. Choose one of: risk, opport"),
        ({"severity": "High"}, "[[flags]] big_and_quiet: severity cannot be 'High'. Choose one of: low"),
        ({"severty": "high"}, "[[flags]] big_and_quiet: There is no key 'severty'. Did you mean severity?"),
        ({"when": 5}, "[[flags]] big_and_quiet: when is not a text."),
        ({"when": "mr > 5"}, "[[flags]] big_and_quiet: when: There is no column 'mr' at character 1."),
        (
            {"en": "{mr}"},
            "[[flags]] big_and_quiet: en: The sentence names no documented column: {mr}. Did you",
        ),
        ({"fr": "{mrr.real}"}, "[[flags]] big_and_quiet: fr: The sentence names no documented column"),
        ({"en": "{mrr!r}"}, "[[flags]] big_and_quiet: en: The sentence names no documented column: {mrr!r}."),
        ({"en": "{mrr:>9999999}"}, "[[flags]] big_and_quiet: en: The sentence names no documented column"),
        ({"en": "{}"}, "[[flags]] big_and_quiet: en: The sentence names no documented column: {}."),
        ({"en": "a { b"}, "[[flags]] big_and_quiet: en: The sentence has a stray brace"),
        ({"en": "two\nlines"}, "[[flags]] big_and_quiet: en: A sentence is one line of text."),
        ({"en": " "}, "[[flags]] big_and_quiet: en: A sentence is one line of text."),
        ({"en": "x" * 401}, "[[flags]] big_and_quiet: en: A sentence is one line of text."),
    ],
)
def test_a_wrong_declaration_is_told(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_rules([{**QUIET, **changes}])
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("key", ["flag", "kind", "severity", "when"])
def test_what_a_flag_needs_is_told(key: str) -> None:
    with pytest.raises(UsageError, match=f"{key} is missing"):
        read_rules([{name: value for name, value in QUIET.items() if name != key}])


def test_a_sentence_is_needed() -> None:
    with pytest.raises(UsageError, match="A sentence is missing"):
        read_rules([{name: value for name, value in QUIET.items() if name not in ("en", "fr")}])


def test_a_flag_is_declared_once_and_there_are_not_too_many() -> None:
    with pytest.raises(UsageError, match="big_and_quiet is declared twice"):
        read_rules([QUIET, QUIET])
    many = [{**QUIET, "flag": f"flag_{number}"} for number in range(MOST_RULES + 1)]
    assert len(read_rules(many[1:])) == MOST_RULES
    with pytest.raises(UsageError, match="101 flags of your own"):
        read_rules(many)


def test_no_flag_of_ours_can_be_declared_anew() -> None:
    for rule in RULES:
        with pytest.raises(UsageError, match="is there already"):
            read_rules([{**QUIET, "flag": rule.flag}])


SCRAPS = st.one_of(
    st.sampled_from([*COLUMNS][::4]),
    st.sampled_from(
        ["and", "or", "not", "in", "is", "known", "unknown", "true", "(", ")", ",", "-", "+", "*"]
    ),
    st.sampled_from(["=", "==", "!=", "<", "<=", ">", ">=", "'x'", '"y', "1", "2.5", "1__0", "'2026-01-01'"]),
    st.text(max_size=3),
)


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.lists(SCRAPS, max_size=25).map(" ".join), st.text(max_size=60)))
@example("1__0_ > mrr")
@example("(" * 999)
@example("not " * 249)
@example("\x00\ud800 = mrr")
def test_whatever_is_typed_is_understood_or_told(text: str) -> None:
    try:
        condition = parse(text)
    except UsageError:
        return
    truths = condition.read(Columns(facts({}, MONTHLY)))
    assert set(truths.ravel().tolist()) <= {0, 1, 2}


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["flag", "kind", "severity", "when", "en", "fr", "x"]),
        st.one_of(st.text(max_size=20), st.integers(), st.none(), st.sampled_from([*QUIET.values()])),
    )
)
def test_whatever_is_declared_is_a_rule_or_told(declared: dict[str, Any]) -> None:
    try:
        rules = read_rules([declared])
    except UsageError:
        return
    assert len(rules) == 1
