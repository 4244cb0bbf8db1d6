"""The CRM object types the sandbox keeps, and what tells them apart in the API."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ObjectType:
    """One kind of CRM record.

    Attributes:
        name: Plural name used in paths, for example "companies".
        singular: Singular name, used in association names and messages.
        type_id: HubSpot's object type id, for example "0-2".
        created: Property that repeats the record's creation time.
        modified: Property that repeats the time of its last change.
        defaults: Properties answered when the caller names none.
        scope: Prefix of the scopes that guard it; ".read" or ".write" follows.
        schema_scope: The same for its property definitions.
        read_only: True when the API offers no way to write it.
    """

    name: str
    singular: str
    type_id: str
    created: str
    modified: str
    defaults: tuple[str, ...]
    scope: str
    schema_scope: str
    read_only: bool = False

    @property
    def always(self) -> tuple[str, str, str]:
        """Properties that come with every answer, asked for or not."""
        return (self.created, self.modified, "hs_object_id")


def _engagement(name: str, singular: str, type_id: str) -> ObjectType:
    contacts = "crm.objects.contacts"
    created, modified = "hs_createdate", "hs_lastmodifieddate"
    return ObjectType(name, singular, type_id, created, modified, (), contacts, "crm.schemas.contacts")


OBJECT_TYPES: dict[str, ObjectType] = {
    kind.name: kind
    for kind in (
        ObjectType(
            "contacts",
            "contact",
            "0-1",
            "createdate",
            "lastmodifieddate",
            ("firstname", "lastname", "email"),
            "crm.objects.contacts",
            "crm.schemas.contacts",
        ),
        ObjectType(
            "companies",
            "company",
            "0-2",
            "createdate",
            "hs_lastmodifieddate",
            ("name", "domain"),
            "crm.objects.companies",
            "crm.schemas.companies",
        ),
        ObjectType(
            "deals",
            "deal",
            "0-3",
            "createdate",
            "hs_lastmodifieddate",
            ("dealname", "amount", "closedate", "dealstage", "pipeline"),
            "crm.objects.deals",
            "crm.schemas.deals",
        ),
        ObjectType(
            "tickets",
            "ticket",
            "0-5",
            "createdate",
            "hs_lastmodifieddate",
            (
                "subject",
                "content",
                "hs_pipeline",
                "hs_pipeline_stage",
                "hs_ticket_category",
                "hs_ticket_priority",
            ),
            "tickets",
            "tickets",
        ),
        ObjectType(
            "feedback_submissions",
            "feedback_submission",
            "0-19",
            "hs_createdate",
            "hs_lastmodifieddate",
            (),
            "crm.objects.feedback_submissions",
            "crm.objects.feedback_submissions",
            read_only=True,
        ),
        _engagement("tasks", "task", "0-27"),
        _engagement("notes", "note", "0-46"),
        _engagement("meetings", "meeting", "0-47"),
        _engagement("calls", "call", "0-48"),
        _engagement("emails", "email", "0-49"),
    )
}
ENGAGEMENTS = ("calls", "emails", "meetings", "notes", "tasks")
_BY_ANY_NAME = {
    alias: kind for kind in OBJECT_TYPES.values() for alias in (kind.name, kind.singular, kind.type_id)
}


def resolve(name: str) -> ObjectType | None:
    """Find a type by its plural, its singular or its type id, in any case, as HubSpot does."""
    return _BY_ANY_NAME.get(name.lower())
