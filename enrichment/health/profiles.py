"""Which accounts are scored by settings of their own."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from enrichment.health.config import HealthConfig
from saaskpi.errors import UsageError

NO_PROFILE = ""


def profile_of(
    account_ids: pd.Series[str], config: HealthConfig, segments: pd.DataFrame | None
) -> npt.NDArray[np.object_]:
    """Return the name of the profile that each account falls under, empty for none.

    The first profile of the settings that fits counts. A value that no account has is no error: accounts
    come and go.

    Args:
        account_ids: of the customers.
        config: with its profiles.
        segments: account_id, segment, segment_value; not read when there are no profiles.

    Raises:
        UsageError: a profile is for a segment that is not declared.
    """
    found = np.full(len(account_ids), NO_PROFILE, dtype=object)
    if not config.profiles or account_ids.empty:
        return found
    if segments is None:
        segments = pd.DataFrame(columns=["account_id", "segment", "segment_value"])
    _check(config, set(segments["segment"]))
    for name, profile in config.profiles.items():
        has_value = (segments["segment"] == profile.segment) & (segments["segment_value"] == profile.value)
        fits = account_ids.isin(segments.loc[has_value, "account_id"]).to_numpy(dtype=np.bool_)
        found[fits & (found == NO_PROFILE)] = name
    return found


def _check(config: HealthConfig, declared: set[str]) -> None:
    for name, profile in config.profiles.items():
        if profile.segment not in declared:
            known = ", ".join(sorted(declared)) or "none"
            raise UsageError(
                f"health.profiles.{name} is for the segment {profile.segment!r}, which is not declared.",
                hint=f"Declare it under [segments]; declared: {known}.",
            )
