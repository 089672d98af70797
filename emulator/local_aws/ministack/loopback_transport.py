"""Requests over the loopback count as TLS, so that TLS-only bucket policies can be deployed.

Nothing leaves the machine, and a certificate of our own would have to be trusted by every SDK in
every process. A request that says ``X-Forwarded-Proto: http`` itself is refused by such a policy.
"""

from ministack import app as gateway

from local_aws.ministack.asgi import Application, Message, Receive, Send
from local_aws.ministack.private_names import PrivateName

PRIVATE_NAMES = (PrivateName("app", "app", ("scope", "receive", "send")),)

HEADER = b"x-forwarded-proto"


def apply() -> None:
    """Add the header that a TLS-terminating load balancer would."""
    gateway.app = as_tls(gateway.app)


def as_tls(application: Application) -> Application:
    """Return an ASGI application whose requests came over TLS, unless they say otherwise."""

    async def forwarded(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and all(name.lower() != HEADER for name, _ in scope["headers"]):
            scope = {**scope, "headers": [*scope["headers"], (HEADER, b"https")]}
        await application(scope, receive, send)

    return forwarded
