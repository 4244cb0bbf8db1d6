"""Faults that can be switched on: a slow, refusing, hanging or lying vendor."""

import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

KINDS = ("latency", "status", "hang", "cut", "429", "401")


@dataclass(frozen=True, slots=True)
class Fault:
    """One rule; it fires on requests that match vendor, method and path prefix ("" matches all).

    Attributes:
        kind: ``latency`` answers late; ``status`` answers ``status``; ``429`` and ``401`` the same with the
            vendor's own body (429 with ``Retry-After`` when ``seconds`` > 0); ``hang`` holds the connection
            for ``seconds`` and drops it without an answer; ``cut`` promises the whole body, sends half of
            it, holds for ``seconds`` and closes. A write under ``cut`` has happened: the caller cannot know.
        seconds: Seconds of the wait; of ``Retry-After`` for 429 and 5xx.
        times: How often it fires before it is used up; None for always.
        probability: Share of the matching requests that it hits, from a seeded generator.
        after: The number of matching requests let through first.
    """

    kind: str
    vendor: str = ""
    path: str = ""
    method: str = ""
    status: int = 500
    seconds: float = 0.0
    times: int | None = None
    probability: float = 1.0
    after: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"Unknown kind of fault {self.kind!r}; known: {', '.join(KINDS)}")

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Fault":
        """Build a rule from a control request.

        Raises:
            ValueError: An unknown field or kind, or none.
        """
        unknown = set(values) - {spec.name for spec in fields(cls)}
        if unknown or "kind" not in values:
            raise ValueError(f"Unknown fields {sorted(unknown)}" if unknown else "A fault needs its 'kind'")
        return cls(**values)

    def matches(self, vendor: str, method: str, path: str) -> bool:
        """Tell whether the rule is about this request."""
        return (
            self.vendor in ("", vendor) and self.method.upper() in ("", method) and path.startswith(self.path)
        )


@dataclass(frozen=True, slots=True)
class FaultyAnswer:
    """An answer given in place of the vendor's."""

    status: int
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Effect:
    """What the faults do to one request: wait, then answer, drop or cut."""

    wait: float = 0.0
    answer: FaultyAnswer | None = None
    drop: bool = False
    cut: bool = False
    cut_wait: float = 0.0


NO_EFFECT = Effect()


@dataclass
class Faults:
    """The switched-on rules. Thread-safe. The first rule that fires wins; latencies add to it."""

    seed: int = 0
    _rules: list[Fault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _random: random.Random = field(init=False)
    _released: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def pause(self, seconds: float) -> None:
        """Wait as a rule says; switching the rules off ends all waits at once."""
        if seconds > 0:
            self._released.wait(seconds)

    def add(self, fault: Fault) -> None:
        """Switch a rule on."""
        with self._lock:
            self._rules.append(fault)

    def clear(self) -> None:
        """Switch all rules off and let go of the requests that they hold."""
        with self._lock:
            self._rules.clear()
            released, self._released = self._released, threading.Event()
        released.set()

    def rules(self) -> list[Fault]:
        """The rules that may still fire, with what is left of ``times`` and ``after``."""
        with self._lock:
            return list(self._rules)

    def apply(self, vendor: str, method: str, path: str) -> Effect:
        """Decide about one request, and count it against the rules it matches."""
        if not self._rules:
            return NO_EFFECT
        effect = NO_EFFECT
        decided = False
        with self._lock:
            for position, rule in enumerate(self._rules):
                if not rule.matches(vendor, method, path) or (decided and rule.kind != "latency"):
                    continue
                if not self._fires(position, rule):
                    continue
                effect = _with(effect, rule, vendor)
                decided = decided or rule.kind != "latency"
            self._rules = [rule for rule in self._rules if rule.times is None or rule.times > 0]
        return effect

    def _fires(self, position: int, rule: Fault) -> bool:
        if rule.after > 0:
            self._rules[position] = replace(rule, after=rule.after - 1)
            return False
        if rule.times == 0 or self._random.random() >= rule.probability:
            return False
        if rule.times is not None:
            self._rules[position] = replace(rule, times=rule.times - 1)
        return True


def _with(effect: Effect, rule: Fault, vendor: str) -> Effect:
    if rule.kind == "latency":
        return replace(effect, wait=effect.wait + rule.seconds)
    if rule.kind == "hang":
        return replace(effect, wait=effect.wait + rule.seconds, drop=True)
    if rule.kind == "cut":
        return replace(effect, cut=True, cut_wait=rule.seconds)
    status = rule.status if rule.kind == "status" else int(rule.kind)
    return replace(effect, answer=faulty_answer(vendor, status, rule.seconds))


def faulty_answer(vendor: str, status: int, retry_after: float = 0.0) -> FaultyAnswer:
    """The vendor's own error body for a status, with ``Retry-After`` in whole seconds when asked."""
    headers = {"Retry-After": str(max(1, round(retry_after)))} if retry_after > 0 else {}
    if vendor == "stripe":
        if status == 429:
            headers["Stripe-Should-Retry"] = "true"
        return FaultyAnswer(status, headers, {"error": _stripe_error(status)})
    return FaultyAnswer(status, headers, _hubspot_error(status))


def _stripe_error(status: int) -> dict[str, Any]:
    if status == 429:
        message = (
            "Request rate limit exceeded. Learn more about rate limits: https://stripe.com/docs/rate-limits."
        )
        return {"code": "rate_limit", "message": message, "type": "invalid_request_error"}
    if status == 401:
        return {"message": "Invalid API Key provided: sk_test_****", "type": "invalid_request_error"}
    if status < 500:
        return {"message": f"The request was refused ({status}).", "type": "invalid_request_error"}
    return {"message": "An unknown error occurred.", "type": "api_error"}


def _hubspot_error(status: int) -> dict[str, Any]:
    error = {"status": "error", "correlationId": "00000000-0000-4000-8000-000000000000"}
    if status == 429:
        message = "You have reached your ten_secondly_rolling limit."
        policy = {"policyName": "TEN_SECONDLY_ROLLING", "errorType": "RATE_LIMIT"}
        return {**error, **policy, "message": message, "category": "RATE_LIMITS"}
    if status == 401:
        message = "Authentication credentials not found or invalid."
        return {**error, "message": message, "category": "INVALID_AUTHENTICATION"}
    return {
        **error,
        "message": "internal error",
        "category": "INTERNAL_ERROR" if status >= 500 else "VALIDATION_ERROR",
    }
