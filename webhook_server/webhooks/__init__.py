"""The routes that events come in by: checked, put on disk, answered; what they mean is worked out later."""

from webhook_server.webhooks.routes import create_blueprint

__all__ = ["create_blueprint"]
