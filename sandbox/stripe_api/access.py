"""Who may ask, how often, and of which version."""

import base64
import binascii
import hmac
import re
from collections.abc import Collection
from dataclasses import dataclass, field

from werkzeug.datastructures import Headers

from sandbox.rate_limit import TokenBucket
from sandbox.stripe_api.errors import ApiError, invalid_value, rate_limited

API_VERSION = "2026-05-27.dahlia"
_VERSION = re.compile(r"^\d{4}-\d{2}-\d{2}(\.[a-z]+)?$")


@dataclass
class Access:
    """The account's key, permissions and limit.

    Attributes:
        api_key: The one key that is let in (Bearer, or Basic with an empty password).
        denied: Resources that the key may not read ("charges", "billing"): 403, as with a restricted key.
        bucket: The account's rate limit.
    """

    api_key: str
    bucket: TokenBucket
    denied: Collection[str] = field(default_factory=set)

    def check(self, headers: Headers, resource: str) -> None:
        """Let a request to ``/v1/<resource>...`` through.

        Raises:
            ApiError: 401 without the key, 403 without the permission, 429 over the limit, 400 for a version
                that is none.
        """
        sent = _key(headers.get("Authorization", ""))
        if not sent:
            raise ApiError(401, _NO_KEY)
        if not hmac.compare_digest(sent.encode(), self.api_key.encode()):
            raise ApiError(401, f"Invalid API Key provided: {_masked(sent)}")
        if self.bucket.take() > 0:
            raise rate_limited()
        version = headers.get("Stripe-Version", API_VERSION)
        if not _VERSION.match(version):
            raise invalid_value("Stripe-Version", f"Invalid Stripe API version: {version}")
        if resource in self.denied:
            permission = resource.removesuffix("s")
            raise ApiError(403, _NO_PERMISSION.format(key=_masked(sent), permission=permission))


_NO_KEY = (
    "You did not provide an API key. You need to provide your API key in the Authorization header, using "
    "Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See "
    "https://stripe.com/docs/api#authentication for details, or we can help at https://support.stripe.com/."
)
_NO_PERMISSION = (
    "The provided key '{key}' does not have the required permissions for this endpoint on account "
    "'acct_sandbox'. Having the 'rak_{permission}_read' permission would allow this request to continue."
)


def _key(authorization: str) -> str:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _masked(key: str) -> str:
    return f"{key[:8]}{'*' * max(0, len(key) - 12)}{key[-4:]}" if len(key) > 12 else "*" * len(key)
