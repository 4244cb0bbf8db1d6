"""Flags that a user declares in the settings: a condition over documented columns, a severity, a sentence."""

from __future__ import annotations

from enrichment.health.rules.declaring import UserRule, read_rules
from enrichment.health.rules.parsing import parse

__all__ = ["UserRule", "parse", "read_rules"]
