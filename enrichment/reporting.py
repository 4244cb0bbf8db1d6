"""What a company declares beside its data: reporting currency, margin, segments, spend, exchange rates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import pandas as pd

from enrichment.exchange import FX_RATES
from enrichment.kpis.catalogue import MARKETING_SPEND


@dataclass(frozen=True)
class Reporting:
    """How the company wants to see its figures; the default declares nothing.

    Attributes:
        currency: ISO 4217 code in which everything is summed up; None keeps each currency by itself.
        gross_margin: per cent of revenue that is left after the cost of delivering it.
        segments: name to source, as for :func:`enrichment.segments.build_segments`.
        rates: exchange rates, rows of ``FX_RATES``.
        spend: on sales and marketing, rows of ``MARKETING_SPEND``.
        rejected: (stream, id, reason) of rates and spend that were kept aside.
    """

    currency: str | None = None
    gross_margin: float = 100
    segments: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    rates: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(FX_RATES)))
    spend: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(MARKETING_SPEND)))
    rejected: tuple[tuple[str, str, str], ...] = ()
