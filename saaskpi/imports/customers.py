"""Stripe's export of customers, and what the other exports tell of customers."""

from __future__ import annotations

from collections.abc import Sequence

from enrichment.money import exponent
from saaskpi.imports.csv_file import CsvFile, Row
from saaskpi.imports.records import Converted, Record, metadata_of, required, time_of

STREAM = "stripe_customers"


def add_customers(files: Sequence[CsvFile], into: Converted) -> None:
    """Convert the rows of customer exports."""
    for file in files:

        def customer(row: Row, file: CsvFile = file) -> Record:
            if currency := row.first("currency"):
                exponent(currency.lower())  # one that is not known makes the row unusable
            return customer_record(
                required(row, "id", "customer id"),
                name=row.first("name", "customer name", "business name", "description"),
                email=row.first("email", "customer email"),
                created=time_of(row, "created (utc)", "created date (utc)", "created"),
                currency=currency,
                metadata=metadata_of(file, row),
            )

        for record in into.each(file, customer):
            into.add(STREAM, record)


def add_mentioned(row: Row, customer: str, created: int | None, into: Converted) -> None:
    """Take in a customer that another export mentions, unless it is known better already."""
    known = into.records(STREAM).get(customer)
    name = row.first("customer name", "customer description")
    email = row.first("customer email")
    if known is None:
        into.add(STREAM, customer_record(customer, name=name, email=email, created=created))
        return
    known["name"] = known["name"] or name or None
    known["email"] = known["email"] or email or None


def customer_record(
    customer: str,
    *,
    name: str = "",
    email: str = "",
    created: int | None = None,
    currency: str = "",
    metadata: dict[str, str] | None = None,
) -> Record:
    """Return a customer as Stripe's API gives it; times are Unix seconds."""
    return {
        "id": customer,
        "object": "customer",
        "name": name or None,
        "email": email or None,
        "created": created,
        "currency": currency.lower() or None,
        "discount": None,
        "metadata": metadata or {},
    }
