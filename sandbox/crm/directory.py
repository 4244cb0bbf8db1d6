"""People and processes of the account: owners, and the pipelines of deals and tickets."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CrmOwner:
    """A user who can own records; ``archived`` when deactivated. Times in milliseconds since 1970."""

    id: int
    user_id: int
    email: str
    first_name: str
    last_name: str
    created_at: int
    updated_at: int
    archived: bool


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a pipeline.

    Attributes:
        probability: For deals, the chance to win, as text; None for tickets.
        closed: Whether the deal or ticket is over in this stage.
    """

    id: str
    label: str
    probability: str | None
    closed: bool


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline of deals or tickets."""

    id: str
    label: str
    stages: tuple[Stage, ...]


def _sales(prefix: str, *labels: tuple[str, str, str]) -> tuple[Stage, ...]:
    stages = tuple(Stage(prefix + key, label, chance, closed=False) for key, label, chance in labels)
    won = Stage(f"{prefix}closedwon", "Closed won", "1.0", closed=True)
    return (*stages, won, Stage(f"{prefix}closedlost", "Closed lost", "0.0", closed=True))


DEAL_PIPELINES = (
    Pipeline(
        "default",
        "New business",
        _sales(
            "",
            ("appointmentscheduled", "Appointment scheduled", "0.2"),
            ("qualifiedtobuy", "Qualified to buy", "0.4"),
            ("presentationscheduled", "Presentation scheduled", "0.6"),
            ("contractsent", "Contract sent", "0.9"),
        ),
    ),
    Pipeline(
        "renewal",
        "Renewals",
        _sales("renewal_", ("upcoming", "Upcoming", "0.7"), ("negotiation", "Negotiation", "0.8")),
    ),
    Pipeline(
        "expansion",
        "Expansion",
        _sales("expansion_", ("identified", "Identified", "0.3"), ("proposal", "Proposal", "0.6")),
    ),
)
TICKET_PIPELINES = (
    Pipeline(
        "0",
        "Support",
        (
            Stage("1", "New", None, closed=False),
            Stage("2", "Waiting on contact", None, closed=False),
            Stage("3", "Waiting on us", None, closed=False),
            Stage("4", "Closed", None, closed=True),
        ),
    ),
)
PIPELINES: dict[str, tuple[Pipeline, ...]] = {"deals": DEAL_PIPELINES, "tickets": TICKET_PIPELINES}
STAGES: dict[str, dict[str, Stage]] = {
    kind: {stage.id: stage for pipeline in pipelines for stage in pipeline.stages}
    for kind, pipelines in PIPELINES.items()
}
