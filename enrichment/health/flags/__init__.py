"""Risks and opportunities of an account, each with its severity and its evidence in words."""

from __future__ import annotations

from enrichment.health.flags.raising import OPPORTUNITY, RISK, RULES, raise_flags

__all__ = ["OPPORTUNITY", "RISK", "RULES", "raise_flags"]
