"""Stripe's HTTP API, reading side, in the shapes of version 2026-05-27.dahlia."""

from sandbox.stripe_api.access import API_VERSION, Access
from sandbox.stripe_api.api import StripeApi
from sandbox.stripe_api.app import create_app
from sandbox.stripe_api.webhook_endpoints import WebhookEndpoints

__all__ = ["API_VERSION", "Access", "StripeApi", "WebhookEndpoints", "create_app"]
