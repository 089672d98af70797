"""Holds back the answer to a request that changed something until the change is on disk.

What a function or a state machine asks for is not held back: each write holds the whole state at
one moment, and what they did counts only once their own caller is answered, or their event or
progress is written too.
"""

import logging
import re
import time
from collections.abc import Awaitable, Callable

from ministack import app as gateway
from ministack.core import persistence
from ministack.services import sts

from local_stack.launcher import durability
from local_stack.launcher.asgi import Application, Message, Receive, Send
from local_stack.launcher.private_names import PrivateName

PRIVATE_NAMES = (
    PrivateName("app", "_build_persistence_save_dict"),
    PrivateName("core.persistence", "PERSIST_STATE", kind=bool),
    PrivateName("core.persistence", "save_all", ("services",)),
    PrivateName("services.sts", "_sessions", kind=dict),
)

Commit = Callable[[bool], Awaitable[None]]

# What jobs and executions rest on, written before each answer
DATA_STATE = ("dynamodb", "eventbridge", "s3", "sns", "sqs", "stepfunctions", "sts")
# Changed by deployments, whose answers wait for everything to be written
STRUCTURAL_SERVICES = ("lambda", "cloudformation", "iam")
# How long everything else, such as logs and metrics, may wait
REST_SECONDS = 5.0
_READS = re.compile(r"(?:Describe|Get|List|Query|Scan|BatchGet|Simulate|Lookup|Head|Receive)")
_SCOPE = re.compile(rb"Credential=([^/]+)/\d+/[^/]+/([a-z0-9-]+)/")


def apply() -> None:
    """Watch requests for changes, if the state is kept."""
    if not persistence.PERSIST_STATE:
        return
    # Each write logs a line a service, which would bury everything else
    logging.getLogger("persistence").setLevel(logging.WARNING)
    committer = durability.committer = durability.Committer(_Saver())

    async def commit(structural: bool) -> None:
        await committer.committed(structural=structural)

    gateway.app = with_commits(gateway.app, commit)


def with_commits(application: Application, commit: Commit) -> Application:
    """Return an ASGI application whose answers to changes wait for ``commit``."""

    async def watched(scope: Message, receive: Receive, send: Send) -> None:
        if not may_change(scope) or is_internal(scope):
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
    is_call = scope["path"].endswith(("/invocations", "/invoke-async"))
    return _signed(scope)[1] in STRUCTURAL_SERVICES and not is_call


def is_internal(scope: Message) -> bool:
    """Say whether a function or a state machine asks."""
    session = sts._sessions.get(_signed(scope)[0])
    if session is None:
        return False
    # MiniStack's sessions of functions do not expire
    return "Expiration" not in session or session["Arn"].endswith("/states")


def _signed(scope: Message) -> tuple[str, str]:
    found = _SCOPE.search(dict(scope["headers"]).get(b"authorization", b""))
    return ("", "") if found is None else (found[1].decode(), found[2].decode())


class _Saver:
    """Writes what must be written now, and the rest once in a while."""

    def __init__(self) -> None:
        self._last = 0.0

    def __call__(self, structural: bool) -> None:
        services = gateway._build_persistence_save_dict()
        if structural or time.monotonic() - self._last > REST_SECONDS:
            persistence.save_all(services)
            self._last = time.monotonic()
        else:
            persistence.save_all({key: services[key] for key in DATA_STATE if key in services})
