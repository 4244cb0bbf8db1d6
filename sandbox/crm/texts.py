"""The words of generated CRM records."""

COUNTRY_NAMES = {
    "CA": "Canada",
    "DE": "Germany",
    "ES": "Spain",
    "FR": "France",
    "JP": "Japan",
    "NL": "Netherlands",
    "US": "United States",
}
JOB_TITLES = {
    "BUDGET_HOLDER": ("Finance Director", "Head of Procurement", "Controller"),
    "CHAMPION": ("Operations Manager", "Head of Data", "Product Operations Lead"),
    "DECISION_MAKER": ("Chief Operating Officer", "VP Operations", "Managing Director"),
    "END_USER": ("Analyst", "Coordinator", "Project Manager", "Specialist"),
    "": ("Assistant", "Consultant", "Engineer"),
}
MEETINGS = ("Quarterly review", "Onboarding session", "Roadmap preview", "Check-in", "Training")
CALLS = ("Check-in call", "Follow-up on open points", "Renewal talk", "Return call")
EMAILS_IN = (
    ("Question about reports", "Hello, how do we share a report with another team?"),
    ("Re: our next steps", "Thanks, that works for us. Let us start next week."),
    ("Access for a new colleague", "Could you add one more person to our workspace?"),
    ("Invoice question", "We could not match the last invoice with our order."),
)
EMAILS_OUT = (
    ("What is new this month", "A short summary of what we shipped for you."),
    ("Following up on our meeting", "As agreed, the notes and the next steps."),
    ("Your usage this quarter", "Here is how your team used the product."),
)
NOTES = (
    "Spoke to the team lead, happy with the dashboards.",
    "New budget round in the autumn, come back then.",
    "They compare us with another tool.",
    "Wants single sign-on before adding more people.",
)
TASKS = ("Send the proposal", "Call about the renewal", "Prepare the review", "Ask for a reference")
TICKETS = (
    ("PRODUCT_ISSUE", "Workflow stops after the first step", "The run ends without an error message."),
    ("PRODUCT_ISSUE", "Dashboard loads slowly", "It takes a minute until the numbers appear."),
    ("BILLING_ISSUE", "Wrong address on the invoice", "Please correct our billing address."),
    ("FEATURE_REQUEST", "Export to a spreadsheet", "We would like to export the table."),
    ("GENERAL_INQUIRY", "How to add a user", "Where can an administrator invite people?"),
)
PRAISE = ("Does what it promises.", "Support answers fast.", "Saves us hours each week.")
COMPLAINTS = ("Too slow lately.", "Our contact left and nobody took over.", "Hard to get help.")
LOST_REASONS = ("Price", "Chose another tool", "No budget", "Champion left")
PROSPECT_FIRST = (
    "Amber",
    "Blue",
    "Cedar",
    "Copper",
    "Delta",
    "Granite",
    "Harbor",
    "Juniper",
    "Maple",
    "North",
)
PROSPECT_SECOND = ("Bridge", "Creek", "Field", "Gate", "Grove", "Hill", "Lake", "Point", "Ridge", "Stone")
PROSPECT_KIND = ("Collective", "Group", "Partners", "Systems", "Works")
FREE_MAIL = ("gmail.com", "outlook.com", "yahoo.com", "gmx.de", "orange.fr")
