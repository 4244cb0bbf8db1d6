"""HubSpot's streams: each a short declaration over one base.

Objects keep HubSpot's shape ``{id, createdAt, updatedAt, archived, properties}``; the schema of
``properties`` is discovered from the portal, custom properties with their real types included.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from singer_sdk import Stream, Tap
from singer_sdk import typing as th
from typing_extensions import override

from connectors.http import Json, JsonRows
from connectors.hubspot.client import HEALTH_TYPES, OPTIONAL_TYPES, PIPELINE_TYPES, HubSpotClient
from connectors.hubspot.values import PropertyReader, schema_of
from connectors.streams import ApiStream, ChildStream

LONG_TEXTS = ("html", "textarea")
"""Field types of what people wrote: bodies of e-mails, of calls, of notes."""
PAGES_AT_ONCE = 10
"""Pages handed to the associations together: its batch read takes 1,000 ids, a page has 100."""


class HubSpotStream(ApiStream[HubSpotClient]):
    """Anything read from HubSpot.

    Attributes:
        fields: the schema of the records, declared.
    """

    fields: ClassVar[th.PropertiesList]

    @override
    def make_schema(self) -> dict[str, Any]:
        return self.fields.to_dict()


class ObjectStream(HubSpotStream):
    """CRM objects of one type, unarchived, with all properties that are selected.

    Attributes:
        object_type: as in HubSpot's paths.
        linked_to: types whose associations with this one are read.
        with_texts: whether long texts are read too.
    """

    object_type: ClassVar[str]
    linked_to: ClassVar[tuple[str, ...]] = ()
    replicated_by = "updatedAt"
    with_texts = True

    @override
    def make_schema(self) -> dict[str, Any]:
        """Put the portal's property definitions into the schema."""
        return object_schema(self.client.properties(self.object_type))

    @override
    def pages(self) -> Iterator[JsonRows]:
        definitions = self.client.properties(self.object_type)
        reader = PropertyReader(definitions)
        names = [name for name in sorted(definitions) if self._wants(name, definitions[name])]
        for rows in gather(self.client.objects(self.object_type, names)):
            yield [object_record(row, reader) for row in rows]
        if reader.misfits:
            counts = ", ".join(f"{name} ({count})" for name, count in sorted(reader.misfits.items()))
            self.logger.warning(
                "%s: values that do not fit their property's type are null, their text is in "
                "unfit_properties: %s.",
                self.name,
                counts,
            )

    def _wants(self, name: str, definition: Json) -> bool:
        is_selected = self.mask.get(("properties", "properties", "properties", name), True)
        return is_selected and (self.with_texts or not is_long_text(definition))


class Companies(ObjectStream):
    """Companies."""

    name = "hubspot_companies"
    object_type = "companies"


class Contacts(ObjectStream):
    """Contacts."""

    name = "hubspot_contacts"
    object_type = "contacts"
    linked_to = ("companies",)


class Deals(ObjectStream):
    """Deals."""

    name = "hubspot_deals"
    object_type = "deals"
    linked_to = ("companies",)


class Tickets(ObjectStream):
    """Support tickets."""

    name = "hubspot_tickets"
    object_type = "tickets"
    linked_to = ("companies",)


class Calls(ObjectStream):
    """Calls logged."""

    name = "hubspot_calls"
    object_type = "calls"
    linked_to = ("companies", "contacts")


class Emails(ObjectStream):
    """E-mails logged."""

    name = "hubspot_emails"
    object_type = "emails"
    linked_to = ("companies", "contacts")


class Meetings(ObjectStream):
    """Meetings."""

    name = "hubspot_meetings"
    object_type = "meetings"
    linked_to = ("companies", "contacts")


class Notes(ObjectStream):
    """Notes."""

    name = "hubspot_notes"
    object_type = "notes"
    linked_to = ("companies", "contacts")


class Tasks(ObjectStream):
    """Tasks, open and done."""

    name = "hubspot_tasks"
    object_type = "tasks"
    linked_to = ("companies", "contacts")


class FeedbackSubmissions(ObjectStream):
    """Survey answers; not in portals without Service Hub, where the stream is left out."""

    name = "hubspot_feedback_submissions"
    object_type = "feedback_submissions"
    linked_to = ("contacts",)


class Associations(ChildStream[HubSpotClient], HubSpotStream):
    """Links between objects, one record per link and type: read 1,000 objects at a time."""

    name = "hubspot_associations"
    keys = ("from_object_type", "from_id", "to_object_type", "to_id", "type_id")
    parent_stream_type = Contacts
    fields = th.PropertiesList(
        th.Property("from_object_type", th.StringType, required=True),
        th.Property("from_id", th.StringType, required=True),
        th.Property("to_object_type", th.StringType, required=True),
        th.Property("to_id", th.StringType, required=True),
        th.Property("type_id", th.IntegerType, required=True),
        th.Property("category", th.StringType),
        th.Property("label", th.StringType),
    )

    @override
    def children(self, parent: ApiStream[Any]) -> Iterable[Json]:
        if isinstance(parent, ObjectStream):
            ids = [row["id"] for row in parent.page]
            for to_type in parent.linked_to:
                yield from links(self.client, parent.object_type, to_type, ids)


class Owners(HubSpotStream):
    """Users who own records, those who left (archived) included."""

    name = "hubspot_owners"
    replicated_by = "updatedAt"
    fields = th.PropertiesList(
        th.Property("id", th.StringType, required=True),
        th.Property("email", th.StringType),
        th.Property("type", th.StringType),
        th.Property("firstName", th.StringType),
        th.Property("lastName", th.StringType),
        th.Property("userId", th.IntegerType),
        th.Property("userIdIncludingInactive", th.IntegerType),
        th.Property("createdAt", th.DateTimeType),
        th.Property("updatedAt", th.DateTimeType),
        th.Property("archived", th.BooleanType),
        th.Property("teams", th.ArrayType(th.ObjectType())),
    )

    @override
    def pages(self) -> Iterator[JsonRows]:
        return self.client.owners()


class Pipelines(HubSpotStream):
    """Pipelines of deals and tickets, with their stages.

    Args:
        tap: that it belongs to.
        client: reads the portal.
        object_types: whose pipelines are read.
    """

    name = "hubspot_pipelines"
    keys = ("object_type", "id")
    replicated_by = "updatedAt"
    fields = th.PropertiesList(
        th.Property("object_type", th.StringType, required=True),
        th.Property("id", th.StringType, required=True),
        th.Property("label", th.StringType),
        th.Property("displayOrder", th.IntegerType),
        th.Property("stages", th.ArrayType(th.ObjectType())),
        th.Property("createdAt", th.DateTimeType),
        th.Property("updatedAt", th.DateTimeType),
        th.Property("archived", th.BooleanType),
        th.Property("archivedAt", th.DateTimeType),
    )

    def __init__(self, tap: Tap, client: HubSpotClient, object_types: Sequence[str]) -> None:
        super().__init__(tap, client)
        self._object_types = object_types

    @override
    def pages(self) -> Iterator[JsonRows]:
        for object_type in self._object_types:
            yield [{"object_type": object_type, **row} for row in self.client.pipelines(object_type)]


class Properties(HubSpotStream):
    """Property definitions of every object type that is read.

    Args:
        tap: that it belongs to.
        client: reads the portal.
        object_types: whose definitions are read.
    """

    name = "hubspot_properties"
    keys = ("object_type", "name")
    replicated_by = "updatedAt"
    fields = th.PropertiesList(
        th.Property("object_type", th.StringType, required=True),
        th.Property("name", th.StringType, required=True),
        *(
            th.Property(field, th.StringType)
            for field in (
                "label", "description", "type", "fieldType", "groupName", "calculationFormula",
                "createdUserId", "updatedUserId", "referencedObjectType", "numberDisplayHint",
                "dateDisplayHint", "textDisplayHint", "currencyPropertyName", "dataSensitivity",
            )
        ),
        *(
            th.Property(field, th.BooleanType)
            for field in (
                "archived", "calculated", "externalOptions", "formField", "hasUniqueValue", "hidden",
                "hubspotDefined", "showCurrencySymbol",
            )
        ),
        th.Property("displayOrder", th.IntegerType),
        th.Property("options", th.ArrayType(th.ObjectType())),
        th.Property("sensitiveDataCategories", th.ArrayType(th.StringType)),
        th.Property("modificationMetadata", th.ObjectType()),
        th.Property("createdAt", th.DateTimeType),
        th.Property("updatedAt", th.DateTimeType),
        th.Property("archivedAt", th.DateTimeType),
    )  # fmt: skip

    def __init__(self, tap: Tap, client: HubSpotClient, object_types: Sequence[str]) -> None:
        super().__init__(tap, client)
        self._object_types = object_types

    @override
    def pages(self) -> Iterator[JsonRows]:
        for object_type in self._object_types:
            definitions = self.client.properties(object_type).values()
            yield [{"object_type": object_type, **definition} for definition in definitions]


OBJECT_STREAMS: tuple[type[ObjectStream], ...] = (
    Companies, Contacts, Deals, Tickets, Calls, Emails, Meetings, Notes, Tasks, FeedbackSubmissions,
)  # fmt: skip
STREAMS: tuple[type[HubSpotStream], ...] = (*OBJECT_STREAMS, Associations, Owners, Pipelines, Properties)


def hubspot_streams(tap: Tap, client: HubSpotClient, only: Collection[str] | None = None) -> list[Stream]:
    """Make the HubSpot streams for a tap; optional objects that cannot be read are left out, with a warning.

    Args:
        tap: that they belong to.
        client: reads the portal.
        only: names of the streams wanted; of objects that nobody wants not even the definitions are read,
            so their scopes are not needed. What only health is made from is optional then, and read without
            its long texts: what was written to whom is nobody's business here. None for all, whole: then
            objects that every portal has must be readable.
    """
    wanted = {kind.name for kind in STREAMS} if only is None else set(only)
    optional = OPTIONAL_TYPES if only is None else HEALTH_TYPES
    linked = Associations(tap, client) if Associations.name in wanted else None
    objects: list[HubSpotStream] = []
    refused: set[str] = set()
    for kind in OBJECT_STREAMS:
        if not (kind.name in wanted or (linked and kind.linked_to)):
            continue
        if kind.object_type in optional and (reason := client.refusal(kind.object_type)):
            tap.logger.warning("%s is left out: %s.", kind.name, reason)
            refused.add(kind.object_type)
            continue
        stream = kind(tap, client)
        stream.with_texts = only is None or kind.object_type not in HEALTH_TYPES
        # The SDK knows one parent per child and adds it itself; these are the others.
        if linked and stream.linked_to and kind is not Associations.parent_stream_type:
            stream.child_streams.append(linked)
        objects.append(stream)
    types = [stream.object_type for stream in objects if isinstance(stream, ObjectStream)]
    staged = [object_type for object_type in PIPELINE_TYPES if object_type not in refused]
    others = [Owners(tap, client), Pipelines(tap, client, staged), Properties(tap, client, types)]
    return [*objects, *([linked] if linked else []), *(one for one in others if one.name in wanted)]


def gather(pages: Iterable[JsonRows]) -> Iterator[JsonRows]:
    """Put pages together, but let the first one through at once."""
    gathered: JsonRows = []
    for count, page in enumerate(pages):
        gathered += page
        if count % PAGES_AT_ONCE == 0:
            yield gathered
            gathered = []
    if gathered:
        yield gathered


def object_schema(definitions: Mapping[str, Json]) -> dict[str, Any]:
    """Make the schema of objects from their property definitions, by name."""
    properties = {name: schema_of(definition) for name, definition in sorted(definitions.items())}
    schema: dict[str, Any] = th.PropertiesList(
        th.Property("id", th.StringType, required=True),
        th.Property("createdAt", th.DateTimeType),
        th.Property("updatedAt", th.DateTimeType),
        th.Property("archived", th.BooleanType),
        th.Property("unfit_properties", th.ObjectType(additional_properties=th.StringType)),
    ).to_dict()
    schema["properties"]["properties"] = {"type": ["object", "null"], "properties": properties}
    return schema


def object_record(row: Mapping[str, Any], reader: PropertyReader) -> Json:
    """Make the record of an object as HubSpot answers it."""
    values, unfit = reader.read(row["properties"])
    return {
        "id": row["id"],
        "createdAt": row["createdAt"],
        "updatedAt": row["updatedAt"],
        "archived": row["archived"],
        "properties": values,
        "unfit_properties": unfit or None,
    }


def is_long_text(definition: Mapping[str, Any]) -> bool:
    """Tell whether a property is what people wrote."""
    return definition.get("fieldType") in LONG_TEXTS


def links(client: HubSpotClient, from_type: str, to_type: str, ids: Sequence[str]) -> Iterator[Json]:
    """Read the records of hubspot_associations from some objects to those of another type."""
    ends = {"from_object_type": from_type, "to_object_type": to_type}
    for link in client.associations(from_type, to_type, ids):
        yield ends | link
