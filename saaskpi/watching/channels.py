"""Ways to tell somebody: a webhook of a chat tool, an e-mail."""

from __future__ import annotations

import ipaddress
import smtplib
import ssl
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Final, Protocol
from urllib.parse import urlsplit

import requests

from saaskpi.errors import UsageError
from saaskpi.settings import AlertSettings

_TIMEOUT: Final = (5.0, 15.0)
_SMTPS: Final = 465


class ChannelError(Exception):
    """Somebody could not be told; the words hold no address and no secret."""


class Channel(Protocol):
    """A way to tell somebody."""

    @property
    def name(self) -> str:
        """What it is called."""

    def send(self, title: str, text: str) -> None:
        """Tell it.

        Args:
            title: one line.
            text: the whole, without secrets and personal data.

        Raises:
            ChannelError: it could not be told.
        """


class WebhookChannel:
    """Posts ``{"text": ...}``, as Slack, Teams and others take it.

    Args:
        url: https, or http to this machine; it is a secret.

    Raises:
        UsageError: it is neither.
    """

    name = "webhook"

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if not parts.hostname or not (parts.scheme == "https" or _is_here(parts.hostname)):
            raise UsageError(
                "The alerts cannot be posted: the URL must begin with https://.",
                hint="Mend alerts.webhook_url; http:// is for addresses of this machine.",
            )
        self._url = url

    def send(self, title: str, text: str) -> None:
        """Post it; an answer that leads elsewhere is a refusal."""
        body = {"text": f"{title}\n{text}"}
        try:
            answer = requests.post(self._url, json=body, timeout=_TIMEOUT, allow_redirects=False, stream=True)
        except requests.RequestException as error:
            raise ChannelError(f"The webhook cannot be reached ({type(error).__name__}).") from None
        answer.close()
        if not 200 <= answer.status_code < 300:
            raise ChannelError(f"The webhook answers {answer.status_code}.")


class EmailChannel:
    """Sends an e-mail.

    Args:
        settings: say by which server, from whom and to whom.

    Raises:
        UsageError: the password would go over the network in the clear.
    """

    name = "email"

    def __init__(self, settings: AlertSettings) -> None:
        self._settings = settings
        is_safe = settings.smtp_tls or settings.smtp_port == _SMTPS or _is_here(settings.smtp_host)
        if settings.smtp_password and not is_safe:
            raise UsageError(
                "The e-mails of alerts cannot be sent: the password would be readable on the way.",
                hint="Set alerts.smtp_tls = true.",
            )

    def send(self, title: str, text: str) -> None:
        """Send it to all receivers in one message."""
        settings = self._settings
        message = EmailMessage()
        message["Subject"] = " ".join(title.split())
        message["From"] = settings.email_from
        message["To"] = ", ".join(settings.email_to)
        message["Date"] = formatdate()
        message["Message-ID"] = make_msgid(domain="saaskpi.invalid")
        message.set_content(text)
        try:
            self._hand_over(message)
        except (OSError, smtplib.SMTPException) as error:
            raise ChannelError(f"The mail server refuses ({type(error).__name__}).") from None

    def _hand_over(self, message: EmailMessage) -> None:
        settings, context = self._settings, ssl.create_default_context()
        where = (settings.smtp_host, settings.smtp_port)
        is_ssl = settings.smtp_port == _SMTPS
        server: smtplib.SMTP
        if is_ssl:
            server = smtplib.SMTP_SSL(*where, timeout=_TIMEOUT[1], context=context)
        else:
            server = smtplib.SMTP(*where, timeout=_TIMEOUT[1])
        with server:
            if settings.smtp_tls and not is_ssl:
                server.starttls(context=context)
            if settings.smtp_user and settings.smtp_password:
                server.login(settings.smtp_user, settings.smtp_password.get_secret_value())
            server.send_message(message)


def channels_of(settings: AlertSettings) -> Sequence[Channel]:
    """Return the channels that are set.

    Raises:
        UsageError: one of them is set wrongly.
    """
    found: list[Channel] = []
    if settings.webhook_url:
        found.append(WebhookChannel(settings.webhook_url.get_secret_value()))
    if settings.email_to:
        found.append(EmailChannel(settings))
    return found


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
