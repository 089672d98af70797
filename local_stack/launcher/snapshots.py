"""Holds back the answer to a request that changed something until the change is on disk."""

import logging
import re
from collections.abc import Awaitable, Callable

from ministack import app as gateway
from ministack.core import persistence

from local_stack.launcher import durability
from local_stack.launcher.asgi import Application, Message, Receive, Send
from local_stack.launcher.private_names import PrivateName

PRIVATE_NAMES = (
    PrivateName("app", "_build_persistence_save_dict"),
    PrivateName("core.persistence", "PERSIST_STATE", kind=bool),
    PrivateName("core.persistence", "save_all", ("services",)),
)

Commit = Callable[[bool], Awaitable[None]]

# Large, slow to write, and changed by deployments alone
STRUCTURAL_STATE = ("lambda", "cloudformation")
_READS = re.compile(r"(?:Describe|Get|List|Query|Scan|BatchGet|Simulate|Lookup|Head|Receive)")
_SCOPE = re.compile(rb"Credential=[^/]+/\d+/[^/]+/([a-z0-9-]+)/")


def apply() -> None:
    """Watch requests for changes, if the state is kept."""
    if not persistence.PERSIST_STATE:
        return
    # Each write logs a line a service, which would bury everything else
    logging.getLogger("persistence").setLevel(logging.WARNING)
    committer = durability.committer = durability.Committer(_save)

    async def commit(structural: bool) -> None:
        await committer.committed(structural=structural)

    gateway.app = with_commits(gateway.app, commit)


def with_commits(application: Application, commit: Commit) -> Application:
    """Return an ASGI application whose answers to changes wait for ``commit``."""

    async def watched(scope: Message, receive: Receive, send: Send) -> None:
        if not may_change(scope):
            await application(scope, receive, send)
            return

        async def send_committed(message: Message) -> None:
            if message["type"] == "http.response.start":
                await commit(is_structural(scope))
            await send(message)

        await application(scope, receive, send_committed)

    return watched


def may_change(scope: Message) -> bool:
    """Say whether a request can change the state."""
    if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
        return False
    target = dict(scope["headers"]).get(b"x-amz-target", b"").decode("latin-1")
    return not _READS.match(target.rpartition(".")[2])


def is_structural(scope: Message) -> bool:
    """Say whether a request can change functions or stacks."""
    found = _SCOPE.search(dict(scope["headers"]).get(b"authorization", b""))
    if found is None:
        return False
    is_call = scope["path"].endswith(("/invocations", "/invoke-async"))
    return found[1].decode() in STRUCTURAL_STATE and not is_call


def _save(structural: bool) -> None:
    services = gateway._build_persistence_save_dict()
    if not structural:
        services = {name: state for name, state in services.items() if name not in STRUCTURAL_STATE}
    persistence.save_all(services)
