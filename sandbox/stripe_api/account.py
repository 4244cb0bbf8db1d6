"""The Stripe account that the sandbox's company bills with."""

from typing import Any

ACCOUNT: dict[str, Any] = {
    "id": "acct_sandbox",
    "object": "account",
    "business_profile": {
        "mcc": "5734",
        "name": "Tidewater Software",
        "product_description": "Planning software for teams",
        "support_address": None,
        "support_email": "billing@tidewater.example",
        "support_phone": None,
        "support_url": None,
        "url": "https://tidewater.example",
    },
    "business_type": "company",
    "capabilities": {"card_payments": "active", "transfers": "active"},
    "charges_enabled": True,
    "country": "IE",
    "default_currency": "eur",
    "details_submitted": True,
    "email": "billing@tidewater.example",
    "payouts_enabled": True,
    "settings": {
        "branding": {"icon": None, "logo": None, "primary_color": None, "secondary_color": None},
        "card_payments": {
            "statement_descriptor_prefix": None,
            "statement_descriptor_prefix_kana": None,
            "statement_descriptor_prefix_kanji": None,
        },
        "dashboard": {"display_name": "Tidewater Software", "timezone": "Etc/UTC"},
        "payments": {
            "statement_descriptor": "TIDEWATER",
            "statement_descriptor_kana": None,
            "statement_descriptor_kanji": None,
        },
    },
    "type": "standard",
}
