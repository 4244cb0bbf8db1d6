"""Worlds that several tests read; built once per process."""

from functools import cache
from pathlib import Path

from sandbox.world import World, WorldConfig, build

ROOT = Path(__file__).parents[2]


@cache
def world(seed: int = 7, customers: int = 200, months: int = 36, causal: bool = True) -> World:
    return build(WorldConfig(seed=seed, customers=customers, months=months, causal=causal))
