"""The property definitions that every account starts with, and the custom ones of the simulated company."""

from collections.abc import Iterable
from dataclasses import replace

from sandbox.crm.definitions import Catalog, Group, Option, PropertyDefinition
from sandbox.crm.object_types import ENGAGEMENTS, OBJECT_TYPES, ObjectType

INDUSTRIES = (
    "ACCOUNTING",
    "COMPUTER_SOFTWARE",
    "CONSTRUCTION",
    "CONSUMER_GOODS",
    "EDUCATION_MANAGEMENT",
    "FINANCIAL_SERVICES",
    "FOOD_BEVERAGES",
    "HOSPITAL_HEALTH_CARE",
    "INFORMATION_TECHNOLOGY_AND_SERVICES",
    "INSURANCE",
    "INTERNET",
    "LAW_PRACTICE",
    "LOGISTICS_AND_SUPPLY_CHAIN",
    "MACHINERY",
    "MANAGEMENT_CONSULTING",
    "MARKETING_AND_ADVERTISING",
    "MEDIA_PRODUCTION",
    "NON_PROFIT_ORGANIZATION_MANAGEMENT",
    "PROFESSIONAL_TRAINING_COACHING",
    "REAL_ESTATE",
    "RENEWABLES_ENVIRONMENT",
    "RETAIL",
    "STAFFING_AND_RECRUITING",
    "TELECOMMUNICATIONS",
    "UTILITIES",
)
CALL_DISPOSITIONS = {
    "Busy": "9d9162e7-6cf3-4944-bf63-4dff82258764",
    "Connected": "f240bbac-87c9-4f6e-bf70-924b57d47db7",
    "Left live message": "a4c4c377-d246-4b32-a13b-75a56a4cd0ff",
    "Left voicemail": "b2cf5968-551e-4856-9783-52b3da59a7d0",
    "No answer": "73a0d17f-1163-4015-bdd5-ec830791da20",
    "Wrong number": "17b47fee-58de-441e-a44c-c6300d46f273",
}
PRODUCTS = ("analytics", "api", "automation", "dashboards", "integrations", "mobile", "reporting")
SUPPORT_TIERS = ("basic", "standard", "premium")
BOUNCE_REASONS = ("CONTENT", "MAILBOX_FULL", "OTHER", "POLICY", "SPAM", "UNKNOWN_USER")
LIFECYCLE_STAGES = (
    "subscriber",
    "lead",
    "marketingqualifiedlead",
    "salesqualifiedlead",
    "opportunity",
    "customer",
    "evangelist",
    "other",
)
BUYING_ROLES = (
    "BLOCKER",
    "BUDGET_HOLDER",
    "CHAMPION",
    "DECISION_MAKER",
    "END_USER",
    "EXECUTIVE_SPONSOR",
    "INFLUENCER",
    "LEGAL_AND_COMPLIANCE",
    "OTHER",
)
_PRIORITIES = ("LOW", "MEDIUM", "HIGH")

_FORMS = {
    # kind in the tables below: type, field type
    "string": ("string", "text"),
    "text": ("string", "textarea"),
    "html": ("string", "html"),
    "phone": ("string", "phonenumber"),
    "number": ("number", "number"),
    "date": ("date", "date"),
    "datetime": ("datetime", "date"),
    "bool": ("bool", "booleancheckbox"),
    "select": ("enumeration", "select"),
    "radio": ("enumeration", "radio"),
    "checkbox": ("enumeration", "checkbox"),
    "owner": ("enumeration", "select"),
    "pipeline": ("enumeration", "select"),
    "stage": ("enumeration", "radio"),
}
_EXTERNAL = {"owner": "OWNER", "pipeline": "PIPELINE", "stage": "STAGE"}
_YES_NO = (Option("Yes", "true", 0), Option("No", "false", 1))


def options(values: Iterable[str]) -> tuple[Option, ...]:
    """Options whose labels are their values in words."""
    return tuple(
        Option(value.replace("_", " ").capitalize(), value, order) for order, value in enumerate(values)
    )


def _define(
    group: str, rows: Iterable[tuple[str, str, str, str, tuple[str, ...]]]
) -> list[PropertyDefinition]:
    """Definitions from rows of name, label, kind, flags (r read-only, u unique, c calculated), choices."""
    found = []
    for name, label, kind, flags, choices in rows:
        type_, field_type = _FORMS[kind]
        found.append(
            PropertyDefinition(
                name,
                label,
                type_,
                field_type,
                group,
                options=_YES_NO if kind == "bool" else options(choices),
                unique="u" in flags,
                read_only="r" in flags or "c" in flags,
                calculated="c" in flags,
                hubspot_defined=True,
                external=_EXTERNAL.get(kind, ""),
            )
        )
    return found


_COMPANIES = (
    ("name", "Company name", "string", "", ()),
    ("domain", "Company domain name", "string", "", ()),
    ("website", "Website URL", "string", "", ()),
    ("description", "Description", "text", "", ()),
    ("phone", "Phone number", "phone", "", ()),
    ("industry", "Industry", "select", "", INDUSTRIES),
    ("country", "Country/Region", "string", "", ()),
    ("city", "City", "string", "", ()),
    ("state", "State/Region", "string", "", ()),
    ("zip", "Postal code", "string", "", ()),
    ("address", "Street address", "string", "", ()),
    ("timezone", "Time zone", "string", "", ()),
    ("numberofemployees", "Number of employees", "number", "", ()),
    ("annualrevenue", "Annual revenue", "number", "", ()),
    ("founded_year", "Year founded", "string", "", ()),
    ("is_public", "Is public", "bool", "", ()),
    ("type", "Type", "select", "", ("PROSPECT", "PARTNER", "RESELLER", "VENDOR", "OTHER")),
    ("lifecyclestage", "Lifecycle stage", "radio", "", LIFECYCLE_STAGES),
    (
        "hs_lead_status",
        "Lead status",
        "radio",
        "",
        ("NEW", "OPEN", "IN_PROGRESS", "CONNECTED", "UNQUALIFIED"),
    ),
    ("hubspot_owner_id", "Company owner", "owner", "", ()),
    ("hubspot_owner_assigneddate", "Owner assigned date", "datetime", "r", ()),
    ("closedate", "Close date", "datetime", "", ()),
    ("num_associated_contacts", "Number of associated contacts", "number", "c", ()),
    ("num_associated_deals", "Number of associated deals", "number", "c", ()),
    ("hs_num_open_deals", "Number of open deals", "number", "c", ()),
    ("notes_last_contacted", "Last contacted", "datetime", "c", ()),
    ("hs_merged_object_ids", "Merged record ids", "checkbox", "r", ()),
    ("hs_mrr", "Monthly recurring revenue", "number", "c", ()),
    ("hs_arr", "Annual recurring revenue", "number", "c", ()),
    ("createdate", "Create date", "datetime", "r", ()),
    ("hs_lastmodifieddate", "Last modified date", "datetime", "r", ()),
    ("hs_object_id", "Record ID", "number", "r", ()),
)
_CONTACTS = (
    ("email", "Email", "string", "u", ()),
    ("firstname", "First name", "string", "", ()),
    ("lastname", "Last name", "string", "", ()),
    ("jobtitle", "Job title", "string", "", ()),
    ("phone", "Phone number", "phone", "", ()),
    ("company", "Company name", "string", "", ()),
    ("country", "Country/Region", "string", "", ()),
    ("lifecyclestage", "Lifecycle stage", "radio", "", LIFECYCLE_STAGES),
    (
        "hs_lead_status",
        "Lead status",
        "radio",
        "",
        ("NEW", "OPEN", "IN_PROGRESS", "CONNECTED", "UNQUALIFIED"),
    ),
    ("hs_buying_role", "Buying role", "checkbox", "", BUYING_ROLES),
    ("hubspot_owner_id", "Contact owner", "owner", "", ()),
    ("hs_email_optout", "Unsubscribed from all email", "bool", "", ()),
    ("hs_email_hard_bounce_reason_enum", "Email hard bounce reason", "select", "r", BOUNCE_REASONS),
    ("hs_email_bounce", "Emails bounced", "number", "r", ()),
    ("associatedcompanyid", "Primary associated company ID", "number", "c", ()),
    ("num_associated_deals", "Number of associated deals", "number", "c", ()),
    ("notes_last_contacted", "Last contacted", "datetime", "c", ()),
    ("hs_merged_object_ids", "Merged record ids", "checkbox", "r", ()),
    ("createdate", "Create date", "datetime", "r", ()),
    ("lastmodifieddate", "Last modified date", "datetime", "r", ()),
    ("hs_object_id", "Record ID", "number", "r", ()),
)
_DEALS = (
    ("dealname", "Deal name", "string", "", ()),
    ("amount", "Amount", "number", "", ()),
    ("deal_currency_code", "Currency", "select", "", ("EUR", "USD", "JPY", "GBP")),
    ("dealtype", "Deal type", "radio", "", ("newbusiness", "existingbusiness")),
    ("pipeline", "Pipeline", "pipeline", "", ()),
    ("dealstage", "Deal stage", "stage", "", ()),
    ("closedate", "Close date", "datetime", "", ()),
    ("description", "Description", "text", "", ()),
    ("closed_lost_reason", "Closed lost reason", "text", "", ()),
    ("hubspot_owner_id", "Deal owner", "owner", "", ()),
    ("hs_is_closed", "Is closed", "bool", "c", ()),
    ("hs_is_closed_won", "Is closed won", "bool", "c", ()),
    ("hs_deal_stage_probability", "Deal probability", "number", "c", ()),
    ("hs_mrr", "Monthly recurring revenue", "number", "c", ()),
    ("hs_arr", "Annual recurring revenue", "number", "c", ()),
    ("num_associated_contacts", "Number of associated contacts", "number", "c", ()),
    ("hs_merged_object_ids", "Merged record ids", "checkbox", "r", ()),
    ("createdate", "Create date", "datetime", "", ()),
    ("hs_lastmodifieddate", "Last modified date", "datetime", "r", ()),
    ("hs_object_id", "Record ID", "number", "r", ()),
)
_CATEGORIES = ("PRODUCT_ISSUE", "BILLING_ISSUE", "FEATURE_REQUEST", "GENERAL_INQUIRY")
_TICKETS = (
    ("subject", "Ticket name", "string", "", ()),
    ("content", "Ticket description", "text", "", ()),
    ("hs_pipeline", "Pipeline", "pipeline", "", ()),
    ("hs_pipeline_stage", "Ticket status", "stage", "", ()),
    ("hs_ticket_priority", "Priority", "select", "", _PRIORITIES),
    ("hs_ticket_category", "Category", "select", "", _CATEGORIES),
    ("source_type", "Source", "select", "", ("CHAT", "EMAIL", "FORM", "PHONE")),
    ("hubspot_owner_id", "Ticket owner", "owner", "", ()),
    ("closed_date", "Close date", "datetime", "", ()),
    ("hs_merged_object_ids", "Merged record ids", "checkbox", "r", ()),
    ("createdate", "Create date", "datetime", "r", ()),
    ("hs_lastmodifieddate", "Last modified date", "datetime", "r", ()),
    ("hs_object_id", "Record ID", "number", "r", ()),
)
_FEEDBACK = (
    ("hs_survey_type", "Survey type", "select", "r", ("CES", "CSAT", "NPS")),
    ("hs_survey_name", "Survey name", "string", "r", ()),
    ("hs_survey_channel", "Survey channel", "select", "r", ("EMAIL", "WEB")),
    ("hs_submission_timestamp", "Date submitted", "datetime", "r", ()),
    ("hs_value", "Rating", "number", "r", ()),
    ("hs_response_group", "Response group", "string", "r", ()),
    ("hs_content", "Response", "text", "r", ()),
    ("hs_contact_email_rollup", "Contact email", "string", "r", ()),
)
_ENGAGEMENT_OF = {
    "calls": (
        ("hs_call_title", "Call title", "string", "", ()),
        ("hs_call_body", "Call notes", "html", "", ()),
        ("hs_call_direction", "Call direction", "select", "", ("INBOUND", "OUTBOUND")),
        ("hs_call_disposition", "Call outcome", "select", "", tuple(CALL_DISPOSITIONS.values())),
        ("hs_call_duration", "Call duration", "number", "", ()),
        (
            "hs_call_status",
            "Call status",
            "select",
            "",
            ("BUSY", "CANCELED", "COMPLETED", "FAILED", "NO_ANSWER", "QUEUED", "RINGING"),
        ),
    ),
    "emails": (
        ("hs_email_subject", "Email subject", "string", "", ()),
        ("hs_email_text", "Text body", "text", "", ()),
        (
            "hs_email_direction",
            "Email direction",
            "select",
            "",
            ("EMAIL", "FORWARDED_EMAIL", "INCOMING_EMAIL"),
        ),
        ("hs_email_status", "Email send status", "select", "", ("BOUNCED", "FAILED", "SENT")),
    ),
    "meetings": (
        ("hs_meeting_title", "Meeting name", "string", "", ()),
        ("hs_meeting_body", "Meeting description", "html", "", ()),
        ("hs_meeting_start_time", "Meeting start time", "datetime", "", ()),
        ("hs_meeting_end_time", "Meeting end time", "datetime", "", ()),
        (
            "hs_meeting_outcome",
            "Meeting outcome",
            "select",
            "",
            ("CANCELED", "COMPLETED", "NO_SHOW", "RESCHEDULED", "SCHEDULED"),
        ),
    ),
    "notes": (("hs_note_body", "Note body", "html", "", ()),),
    "tasks": (
        ("hs_task_subject", "Task title", "string", "", ()),
        ("hs_task_body", "Notes", "html", "", ()),
        (
            "hs_task_status",
            "Task status",
            "select",
            "",
            ("COMPLETED", "DEFERRED", "IN_PROGRESS", "NOT_STARTED", "WAITING"),
        ),
        ("hs_task_priority", "Priority", "select", "", ("NONE", *_PRIORITIES)),
        ("hs_task_type", "Task type", "select", "", ("CALL", "EMAIL", "TODO")),
        ("hs_task_completion_date", "Completed at", "datetime", "r", ()),
        ("hs_unique_creation_key", "Unique creation key", "string", "r", ()),
    ),
}
_ENGAGEMENT = (
    ("hs_timestamp", "Activity date", "datetime", "", ()),
    ("hubspot_owner_id", "Activity assigned to", "owner", "", ()),
)
_RECORD = (
    ("hs_createdate", "Create date", "datetime", "r", ()),
    ("hs_lastmodifieddate", "Last modified date", "datetime", "r", ()),
    ("hs_object_id", "Record ID", "number", "r", ()),
)
_GROUPS = {
    "companies": ("companyinformation", "Company information"),
    "contacts": ("contactinformation", "Contact information"),
    "deals": ("dealinformation", "Deal information"),
    "tickets": ("ticketinformation", "Ticket information"),
    "feedback_submissions": ("feedback_submission_information", "Feedback submission information"),
}
_ROWS = {"companies": _COMPANIES, "contacts": _CONTACTS, "deals": _DEALS, "tickets": _TICKETS}

CUSTOM_GROUP = Group("product_and_billing", "Product and billing")
_CUSTOM = {
    "companies": (
        ("stripe_customer_id", "Stripe customer", "string", "", ()),
        ("contract_end", "Contract end", "date", "", ()),
        ("support_tier", "Support tier", "select", "", SUPPORT_TIERS),
        ("nps_score", "Latest NPS", "number", "", ()),
        ("is_reference", "Is a reference", "bool", "", ()),
        ("product_events_28d", "Product events in 28 days", "number", "", ()),
        ("product_last_active_at", "Last active in the product", "datetime", "", ()),
        ("products_used", "Products used", "checkbox", "", PRODUCTS),
    ),
    "deals": (("expansion_seats", "Seats to add", "number", "", ()),),
    "contacts": (("product_user_id", "Product user", "string", "", ()),),
}


def _standard(kind: ObjectType) -> Catalog:
    if kind.name in ENGAGEMENTS:
        name, label = "engagement", "Activity information"
        rows = (*_ENGAGEMENT_OF[kind.name], *_ENGAGEMENT, *_RECORD)
    else:
        name, label = _GROUPS[kind.name]
        rows = _ROWS.get(kind.name, (*_FEEDBACK, *_RECORD))
    catalog = Catalog(groups={name: Group(name, label, 0)})
    catalog.add(_define(name, rows))
    custom = _CUSTOM.get(kind.name)
    if custom is not None:
        catalog.groups[CUSTOM_GROUP.name] = CUSTOM_GROUP
        own = _define(CUSTOM_GROUP.name, custom)
        catalog.add(replace(definition, hubspot_defined=False) for definition in own)
    return catalog


def standard_catalogs() -> dict[str, Catalog]:
    """A fresh catalogue for each object type."""
    return {name: _standard(kind) for name, kind in OBJECT_TYPES.items()}
