"""Stripe and HubSpot look-alikes over real HTTP, with a clock, a generated company and faults."""

from sandbox.service import Sandbox

__all__ = ["Sandbox"]
