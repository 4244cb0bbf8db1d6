"""The pure core: data in, numbers out. No network, no clock, no files."""

from enrichment.computing import TABLES, compute
from enrichment.config import HealthConfig
from enrichment.policy import Policy
from enrichment.sources import SOURCES

__all__ = ["SOURCES", "TABLES", "HealthConfig", "Policy", "compute"]
