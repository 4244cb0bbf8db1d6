"""Which accounts were computed anew after a plan was made."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from warehouse.patches import MOST, Patch, Patches, table_bytes


def patch_of(account: str) -> Patch:
    rows = table_bytes(pa.table({"account_id": [account]}))
    return Patch({"accounts": rows}, {"accounts": "account_id"}, {"account_id": {account}})


@pytest.fixture
def patches(tmp_path: Path) -> Patches:
    return Patches(tmp_path)


def test_only_later_patches_count(patches: Patches) -> None:
    assert patches.ids_since(0, "account_id") == set()
    for account in ("1", "2", "3"):
        patches.add(patch_of(account))
    assert patches.last() == 3
    assert [patches.ids_since(number, "account_id") for number in (0, 2, 3)] == [
        {"1", "2", "3"},
        {"3"},
        set(),
    ]
    assert patches.ids_since(0, "customer_id") == set()


def test_after_folding_no_later_one_is_missed(patches: Patches) -> None:
    for number in range(MOST):
        patches.add(patch_of(str(number)))
    last = patches.last()
    patches.add(patch_of("new"))
    assert patches.ids_since(last, "account_id") >= {"new"}
    assert patches.ids_since(patches.last(), "account_id") == set()


def test_a_choice_of_patched_rows_needs_no_others(patches: Patches) -> None:
    for account in ("1", "2"):
        patches.add(patch_of(account))
    overlay = patches.overlay("accounts")
    assert overlay.covers({"account_id": {"1", "2"}})
    assert not overlay.covers({"account_id": {"1", "3"}})
    assert not overlay.covers({"account_id": {"1"}, "company_id": {"1"}})
    assert not overlay.covers(None)
    assert not patches.overlay("unpatched").covers({"account_id": {"1"}})
