"""Fills a CRM from the simulated company, and keeps it up to date as the company moves on."""

from sandbox.crm.store import Crm, wall_clock
from sandbox.crm.times import to_ms
from sandbox.world import World


def build_crm(world: World) -> Crm:
    """The CRM of the world's company, everything up to ``world.now`` having happened.

    Deterministic by the world's seed. Call :meth:`Crm.advance` after the world advances.
    """
    return Crm(140_000_000 + world.config.seed, wall_clock(lambda: to_ms(world.now)))
