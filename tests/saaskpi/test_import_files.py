"""Stripe's dashboard exports: what each row becomes, and files as people really have them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from saaskpi.errors import UsageError
from saaskpi.imports.csv_file import read_csv
from saaskpi.imports.exports import kind_of
from saaskpi.imports.records import Converted
from saaskpi.imports.run import convert
from saaskpi.imports.values import parse_time

SUBSCRIPTIONS = (
    "id,Customer ID,Customer Email,Plan,Product,Product ID,Quantity,Currency,Interval,Amount,Status,"
    "Created (UTC),Start (UTC),Start Date (UTC),Current Period Start (UTC),Current Period End (UTC),"
    "Trial Start (UTC),Trial End (UTC),Coupon,Canceled At (UTC),Ended At (UTC),Customer Name,"
    "hubspot_id (metadata)"
)
INVOICES = (
    "id,Amount Due,Billing,Currency,Customer,Date (UTC),Due Date (UTC),Subscription,Subtotal,Total,"
    "Amount Paid,Status,"
    "Minimum Line Item Period Start (UTC),Maximum Line Item Period End (UTC),Paid At (UTC)"
)
CUSTOMERS = "id,Description,Email,Name,Created (UTC),Currency,Plan,Status,hubspot_company_id (metadata)"
Import = Callable[..., Converted]


def subscription(ident: str = "sub_1", /, **changed: str) -> str:
    values = {
        "id": ident, "customer": "cus_1", "email": "a@globex.example", "plan": "price_pro", "product": "Pro",
        "product_id": "prod_1", "quantity": "1", "currency": "eur", "interval": "month", "amount": "20.00",
        "status": "active", "created": "2026-05-10 09:00",
        "start": "2026-06-20 09:00", "start_date": "2026-05-10 09:00",
        "period_start": "2026-09-10 09:00", "period_end": "2026-10-10 09:00", "trial_start": "",
        "trial_end": "", "coupon": "", "canceled": "", "ended": "", "name": "Globex", "hubspot": "",
    }  # fmt: skip
    return ",".join({**values, **changed}.values())


def invoice(name: str = "in_1", **changed: str) -> str:
    values = {
        "id": name, "due": "20.00", "billing": "charge_automatically", "currency": "eur", "customer": "cus_1",
        "date": "2026-05-10 09:00", "due_date": "", "subscription": "sub_1", "subtotal": "20.00",
        "total": "20.00", "paid": "20.00", "status": "paid", "start": "2026-05-10 09:00",
        "end": "2026-06-10 09:00", "paid_at": "2026-05-10 09:01",
    }  # fmt: skip
    return ",".join({**values, **changed}.values())


@pytest.fixture
def imported(tmp_path: Path) -> Import:
    """Convert files given as lists of lines."""

    def convert_lines(*files: Sequence[str], amount_is: str = "auto") -> Converted:
        read = []
        for number, lines in enumerate(files):
            path = tmp_path / f"file{number}.csv"
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
            file = read_csv(path)
            read.append((file, kind_of(file)))
        return convert(read, amount_is)  # type: ignore[arg-type]

    return convert_lines


def test_a_subscription_becomes_what_the_api_gives(imported: Import) -> None:
    found = imported([SUBSCRIPTIONS, subscription(quantity="3", hubspot="77")])
    record = found.records("stripe_subscriptions")["sub_1"]
    assert record["customer"] == "cus_1"
    assert (record["status"], record["currency"], record["cancel_at_period_end"]) == ("active", "eur", False)
    # Start (UTC) is the last change of the plan, not the beginning.
    assert record["start_date"] == parse_time("2026-05-10 09:00")
    assert record["metadata"] == {"hubspot_id": "77"}
    (item,) = found.records("stripe_subscription_items").values()
    assert (item["subscription"], item["quantity"], item["price"]["id"]) == ("sub_1", 3, "price_pro")
    assert item["current_period_end"] == parse_time("2026-10-10 09:00")
    (price,) = found.records("stripe_prices").values()
    assert (price["unit_amount"], price["product"]) == (2000, "prod_1")
    assert price["recurring"] == {"interval": "month", "interval_count": 1, "usage_type": "licensed"}
    assert found.records("stripe_products")["prod_1"]["name"] == "Pro"
    assert found.records("stripe_customers")["cus_1"]["name"] == "Globex"


def test_a_cancellation_that_waits_for_the_periods_end(imported: Import) -> None:
    found = imported(
        [
            SUBSCRIPTIONS,
            subscription("sub_1", canceled="2026-09-20 10:00"),
            subscription("sub_2", status="Canceled", canceled="2026-09-20 10:00", ended="2026-10-10 09:00"),
        ]
    ).records("stripe_subscriptions")
    assert found["sub_1"]["cancel_at_period_end"]
    assert found["sub_1"]["cancel_at"] == parse_time("2026-10-10 09:00")
    assert found["sub_1"]["ended_at"] is None
    assert found["sub_2"]["status"] == "canceled"
    assert found["sub_2"]["ended_at"] == parse_time("2026-10-10 09:00")
    assert not found["sub_2"]["cancel_at_period_end"]


def test_several_plans_of_one_subscription_are_its_items(imported: Import) -> None:
    found = imported([SUBSCRIPTIONS, subscription(), subscription(plan="price_support", amount="5.00")])
    assert len(found.records("stripe_subscriptions")) == 1
    assert set(found.records("stripe_subscription_items")) == {"sub_1:price_pro", "sub_1:price_support"}


def test_one_plan_in_two_currencies_is_two_prices(imported: Import) -> None:
    found = imported([SUBSCRIPTIONS, subscription(), subscription("sub_2", currency="jpy", amount="3000")])
    amounts = {price["currency"]: price["unit_amount"] for price in found.records("stripe_prices").values()}
    assert amounts == {"eur": 2000, "jpy": 3000}


def test_the_file_tells_whether_amount_is_per_unit(imported: Import) -> None:
    per_unit = [SUBSCRIPTIONS, subscription(quantity="2"), subscription("sub_2", quantity="5")]
    in_all = [
        SUBSCRIPTIONS,
        subscription(quantity="2", amount="40.00"),
        subscription("sub_2", quantity="5", amount="100.00"),
    ]
    for lines in (per_unit, in_all):
        prices = imported(lines).records("stripe_prices")
        assert [price["unit_amount"] for price in prices.values()] == [2000]
    forced = imported(per_unit, amount_is="total").records("stripe_prices")
    assert sorted(str(price["unit_amount"]) for price in forced.values()) == ["1000", "400"]


def test_an_invoice_and_its_whole_cycle(imported: Import) -> None:
    found = imported([SUBSCRIPTIONS, subscription()], [INVOICES, invoice()])
    record = found.records("stripe_invoices")["in_1"]
    assert (record["total"], record["amount_paid"], record["amount_remaining"]) == (2000, 2000, 0)
    assert record["billing_reason"] == "subscription_create"
    assert record["parent"]["subscription_details"] == {"subscription": "sub_1"}
    assert record["status_transitions"]["paid_at"] == parse_time("2026-05-10 09:01")
    (line,) = found.records("stripe_invoice_lines").values()
    assert (line["amount"], line["quantity"]) == (2000, 1)
    assert line["period"] == {"start": parse_time("2026-05-10 09:00"), "end": parse_time("2026-06-10 09:00")}
    assert line["parent"]["subscription_item_details"]["subscription_item"] == "sub_1:price_pro"


def test_a_cycle_of_another_time_has_a_price_of_its_own(imported: Import) -> None:
    found = imported(
        [SUBSCRIPTIONS, subscription(interval="year", amount="200.00")],
        [INVOICES, invoice(subtotal="25.00", end="2026-08-10 09:00")],
    )
    (line,) = found.records("stripe_invoice_lines").values()
    price = found.records("stripe_prices")[line["pricing"]["price_details"]["price"]]
    assert (price["recurring"]["interval"], price["recurring"]["interval_count"]) == ("month", 3)
    assert line["quantity"] is None


def test_what_is_no_whole_cycle_is_left_out_and_counted(imported: Import) -> None:
    found = imported(
        [SUBSCRIPTIONS, subscription()],
        [
            INVOICES,
            invoice("in_2", start="2026-05-27 09:00", end="2026-07-10 09:00", subtotal="31.00"),
            invoice("in_3", subscription="sub_gone"),
            invoice("in_4", subscription=""),
        ],
    )
    assert not found.records("stripe_invoice_lines")
    assert len(found.records("stripe_invoices")) == 3
    assert any("files): 2; what they changed" in note for note in found.notes)


def test_an_open_invoice_of_long_ago_without_a_status(imported: Import) -> None:
    header = "id,Amount Due,Closed,Currency,Customer,Date (UTC),Paid,Subscription,Total,Forgiven"
    found = imported(
        [
            header,
            "in_1,12.00,FALSE,eur,cus_1,2016-01-01 10:00,FALSE,,12.00,",
            "in_2,12.00,TRUE,eur,cus_1,2016-01-01 10:00,TRUE,,12.00,",
            "in_3,12.00,TRUE,eur,cus_1,2016-01-01 10:00,FALSE,,12.00,true",
        ]
    ).records("stripe_invoices")
    told = {name: (one["status"], one["amount_remaining"]) for name, one in found.items()}
    assert told == {"in_1": ("open", 1200), "in_2": ("paid", 0), "in_3": ("uncollectible", 1200)}


def test_the_customers_file_wins_over_what_others_mention(imported: Import) -> None:
    lines = [CUSTOMERS, "cus_1,,pay@globex.example,Globex Corporation,2025-01-01 10:00,eur,,,9001"]
    found = imported([SUBSCRIPTIONS, subscription(), subscription("sub_2", customer="cus_2")], lines)
    known = found.records("stripe_customers")
    assert known["cus_1"]["name"] == "Globex Corporation"
    assert known["cus_1"]["metadata"] == {"hubspot_company_id": "9001"}
    assert known["cus_2"]["email"] == "a@globex.example"


def test_a_customer_with_an_unknown_currency_is_kept_aside(imported: Import) -> None:
    bad, good = (f"cus_{code},,,Globex {code},2025-01-01 10:00,{code},,," for code in ("nan", "EUR"))
    found = imported([CUSTOMERS, bad, good])
    assert list(found.records("stripe_customers")) == ["cus_EUR"]
    assert [(row.line, row.reason) for row in found.kept_aside] == [(2, "Currency 'nan' is not known.")]


def test_bad_rows_are_kept_aside_and_the_rest_goes_on(imported: Import) -> None:
    bad = {
        3: subscription("sub_b", interval="fortnight"),
        4: subscription("sub_c", currency="xyz"),
        5: subscription("sub_d", created="10/31/2026"),
        6: subscription("sub_e", status="frozen"),
        7: subscription("sub_f", amount="=2+3"),
        8: subscription("sub_g", quantity="-1"),
        9: subscription(""),
        10: "sub_h,cus_1",
        11: subscription("sub_i", start_date="2999-01-01"),
        12: subscription("sub_j", customer=""),
    }
    found = imported([SUBSCRIPTIONS, subscription(), *bad.values(), subscription("sub_z")])
    assert [row.line for row in found.kept_aside] == list(bad)
    assert all(row.reason.endswith(".") and row.file == "file0.csv" for row in found.kept_aside)
    assert set(found.records("stripe_subscriptions")) == {"sub_1", "sub_z"}


def test_names_are_taken_literally(imported: Import) -> None:
    other = subscription("sub_2", customer="cus_2", name='"Ö, ""x"""')
    found = imported([SUBSCRIPTIONS, subscription(name="=HYPERLINK(0)"), other])
    names = {one["id"]: one["name"] for one in found.records("stripe_customers").values()}
    assert names == {"cus_1": "=HYPERLINK(0)", "cus_2": 'Ö, "x"'}


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.encode("utf-16"),
        lambda text: text.replace(",", ";").encode(),
        lambda text: text.replace(",", "\t").encode(),
        lambda text: ("\n\n" + text + "\n\n,,,\n").encode(),
        lambda text: text.upper().replace("SUB_", "sub_").replace("CUS_", "cus_").encode(),
    ],
    ids=["bom", "crlf", "utf-16", "semicolons", "tabs", "blank lines", "capitals"],
)
def test_files_as_people_have_them(tmp_path: Path, encode: Callable[[str], bytes]) -> None:
    path = tmp_path / "subscriptions.csv"
    path.write_bytes(encode("\n".join([SUBSCRIPTIONS, subscription(), subscription("sub_2")]) + "\n"))
    file = read_csv(path)
    assert kind_of(file) == "subscriptions"
    found = convert([(file, "subscriptions")])
    assert set(found.records("stripe_subscriptions")) == {"sub_1", "sub_2"}
    assert not found.kept_aside


def test_decimal_commas_of_a_whole_file(imported: Import) -> None:
    lines = [line.replace("20.00", "1.020,00") for line in (subscription(), subscription("sub_2"))]
    semicolons = [line.replace(",", ";").replace("1.020;00", "1.020,00") for line in (SUBSCRIPTIONS, *lines)]
    (price,) = imported(semicolons).records("stripe_prices").values()
    assert price["unit_amount"] == 102000


def test_another_encoding_is_read_and_said(tmp_path: Path) -> None:
    path = tmp_path / "subscriptions.csv"
    path.write_bytes("\n".join([SUBSCRIPTIONS, subscription(name="Müller")]).encode("cp1252"))
    file = read_csv(path)
    assert convert([(file, "subscriptions")]).records("stripe_customers")["cus_1"]["name"] == "Müller"
    assert "Windows-1252" in file.notes[0]


@pytest.mark.parametrize(
    "content, words",
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf  \n", "is empty"),
        (b"PK\x03\x04rest", "workbook"),
        (b"\x00\x01\x02", "no text file"),
        (b"id,Amount,Currency,Captured\nch_1,5.00,eur,true\n", "it lacks the columns"),
        (b'id,"Customer ID\n', "no CSV file"),
        (b"just some words\n", "it lacks the columns"),
    ],
)
def test_files_that_cannot_be_used_are_one_clear_error(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "payments.csv"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=words) as raised:
        kind_of(read_csv(path))
    assert "payments.csv" in raised.value.message
    assert raised.value.hint


def test_quotes_that_never_close_name_the_line(imported: Import) -> None:
    with pytest.raises(UsageError, match=r"file0.csv, line 4"):
        imported([SUBSCRIPTIONS, subscription(), subscription("sub_2", name='"open'), subscription("sub_3")])


def test_a_missing_column_is_named(imported: Import) -> None:
    with pytest.raises(UsageError, match="for subscriptions it lacks the columns amount"):
        imported([SUBSCRIPTIONS.replace("Amount,", "Fee,"), subscription()])


def test_a_header_without_rows_is_an_empty_export(imported: Import) -> None:
    assert not imported([SUBSCRIPTIONS]).records("stripe_subscriptions")


def test_twenty_thousand_rows(imported: Import) -> None:
    lines = [subscription(f"sub_{n}", customer=f"cus_{n}") for n in range(20_000)]
    began = time.process_time()
    found = imported([SUBSCRIPTIONS, *lines])
    assert len(found.records("stripe_subscription_items")) == 20_000
    assert time.process_time() - began < 30
