"""A CRM that fits the simulated company: records, the rules for writing them, and who made them up."""

from sandbox.crm.generator import build_crm
from sandbox.crm.store import Crm

__all__ = ["Crm", "build_crm"]
