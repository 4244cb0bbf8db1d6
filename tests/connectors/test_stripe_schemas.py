"""The committed Stripe schemas are what Stripe's document says."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.stripe.schemas.generate import SCHEMAS, load_spec, stream_schema, text_of
from connectors.stripe.streams import STREAMS, StripeStream, load_schema


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_the_committed_schema_is_the_generated_one(stream: type[StripeStream]) -> None:
    schema = stream_schema(load_spec(), stream)
    assert (SCHEMAS / f"{stream.name}.json").read_text() == text_of(schema)
    assert load_schema(stream.name) == schema


def test_there_is_no_other_schema_and_they_stay_small() -> None:
    files = list(Path(SCHEMAS).glob("*.json"))
    assert {file.stem for file in files} == {stream.name for stream in STREAMS}
    assert sum(file.stat().st_size for file in files) < 200_000
