"""Plans that wait in the home folder until somebody applies one of them by its hash."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from crm_sync.model import Plan
from saaskpi.errors import UsageError
from warehouse.files import make_directory, replace_file, writing

PLANS: Final = "plans"
"""Their folder in the home."""
MOST: Final = 20
"""Older ones go: a plan is stale anyway once the numbers have changed."""
_HASH: Final = re.compile(r"[0-9a-f]{64}")


class KeptPlans:
    """Plan files named by their hash.

    Args:
        folder: made when first needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, plan: Plan) -> str:
        """Keep a plan and return its hash.

        Raises:
            StoreError: it cannot be written.
        """
        with writing(make_directory(self._folder)):
            replace_file(self._folder / f"{plan.hash}.json", plan.to_json().encode())
        for old in sorted(self._files(), key=lambda path: path.stat().st_mtime)[:-MOST]:
            old.unlink(missing_ok=True)
        return plan.hash

    def get(self, plan_hash: str) -> Plan:
        """Return a kept plan.

        Raises:
            UsageError: there is none with this hash, or its file was changed.
        """
        path = self._folder / f"{plan_hash}.json"
        if not _HASH.fullmatch(plan_hash) or not path.is_file():
            raise UsageError("There is no plan with this hash.", hint="Make a new one, and look at it.")
        return Plan.from_json(path.read_bytes())

    def clear(self) -> None:
        """Forget all plans: they hold names of companies and words of tasks."""
        for path in self._files():
            path.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        return list(self._folder.glob("*.json"))
