"""Risks and opportunities of an account, each with its severity and its evidence in words."""

from __future__ import annotations

from enrichment.health.flags.config import FlagConfig
from enrichment.health.flags.raising import RULES, find_flags, raise_flags
from enrichment.health.flags.rule import OPPORTUNITY, RISK

__all__ = ["OPPORTUNITY", "RISK", "RULES", "FlagConfig", "find_flags", "raise_flags"]
