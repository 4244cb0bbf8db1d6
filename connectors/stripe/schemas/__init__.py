"""JSON schemas of the Stripe streams, made from Stripe's OpenAPI document (see NOTICE)."""
