"""What a person is known by is found however it is written, and what is left of JSON is JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.person import ERASED, Person

ANN = Person(
    ids=frozenset({"30000000119"}),
    emails=frozenset({"ann.o'neil+x@mail.example.com"}),
    first_names=frozenset({"Änn"}),
    last_names=frozenset({"O'Neil"}),
    phones=frozenset({"+33 6 12 34 56 78"}),
)


@pytest.mark.parametrize(
    "text",
    [
        "Ann.O'Neil+X@Mail.Example.com",
        "<ann.o'neil+x@mail.example.com>, b@c.example",
        "https://x.example/?to=ann.o%27neil%2Bx%40mail.example.com&y=1",
        "ÄNN O'NEIL", "o'neil, änn", "Änn\tO'Neil".replace("\t", " "),
        "tel 33612345678", "(+33) 6-12.34 56/78", "+33612345678",
        '{"contactId":30000000119}', '{"ids":[1,30000000119,2]}', '{"ids":"1;30000000119"}',
        json.dumps({"from": json.dumps({"name": "Änn O'Neil"})}),
    ],
)  # fmt: skip
def test_is_found_and_taken_out(text: str) -> None:
    assert ANN.is_in(text)
    assert not ANN.is_in(ANN.taken_out(text))


@pytest.mark.parametrize(
    "text",
    [
        "Änn Smith and Bob O'Neil", "joann.o'neil+x@mail.example.com", "3361234567899",
        '{"id":"30000000119"}', '{"id": "30000000119"}', '{"hs_object_id":30000000119}',
        "1.30000000119", "130000000119",
        "MacÄnn O'Neilson",
    ],
)  # fmt: skip
def test_others_stay(text: str) -> None:
    assert not ANN.is_in(text)
    assert ANN.taken_out(text) == text


def test_near_the_contact_one_name_is_enough() -> None:
    assert ANN.taken_out("Call with Mrs O'Neil", near=True) == f"Call with Mrs {ERASED}"
    assert ANN.taken_out("Call with Mrs O'Neil") == "Call with Mrs O'Neil"


_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
_said = (
    st.sampled_from(["Änn O'Neil", "30000000119", "ann.o'neil+x@mail.example.com", "+33612345678"]) | _texts
)
_json = st.recursive(
    _said | st.integers() | st.just(30000000119) | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_texts, inner, max_size=4),
    max_leaves=12,
)


@given(_json)
def test_json_without_the_person_is_json_without_the_person(value: object) -> None:
    for ascii_only, separators in ((True, (",", ":")), (False, (", ", ": "))):
        text = json.dumps({"value": value}, ensure_ascii=ascii_only, separators=separators)
        left = ANN.taken_out(text)
        json.loads(left)
        assert ANN.taken_out(left) == left


@given(st.dictionaries(st.sampled_from(["email", "phone", "firstname", "hs_additional_emails", "x"]), _said))
def test_any_properties_make_a_person_that_can_be_searched_for(properties: dict[str, str]) -> None:
    person = Person.from_properties("30000000119", properties)
    assert Person.from_dict(json.loads(json.dumps(person.as_dict()))) == person
    assert not person.is_in(person.taken_out(f"30000000119 {properties.get('email', '')}"))
