"""Holds back the answer to a request that changed something until the change is on disk.

What a function or a state machine asks for is not held back: each write holds the whole state at
one moment, and what they did counts only once their own caller is answered, or their event or
progress is written too.
"""

import json
import logging
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from ministack import app as gateway
from ministack.core import persistence
from ministack.services import sts

from local_stack.launcher import durability
from local_stack.launcher.asgi import Application, Message, Receive, Send
from local_stack.launcher.private_names import PrivateName

logger = logging.getLogger(__name__)

PRIVATE_NAMES = (
    PrivateName("app", "_build_persistence_save_dict"),
    PrivateName("core.persistence", "PERSIST_STATE", kind=bool),
    PrivateName("core.persistence", "STATE_DIR", kind=str),
    PrivateName("core.persistence", "_json_default", ("obj",)),
    PrivateName("core.persistence", "_state_format_version", ("service",)),
    PrivateName("core.persistence", "save_all", ("services",)),
    PrivateName("core.persistence", "save_state", ("service", "data")),
    PrivateName("services.sts", "_sessions", kind=dict),
)

Commit = Callable[[bool], Awaitable[None]]

# What jobs and executions rest on, written before each answer
DATA_STATE = ("dynamodb", "eventbridge", "s3", "sns", "sqs", "stepfunctions", "sts")
# Changed by deployments, whose answers wait for everything to be written
STRUCTURAL_SERVICES = ("lambda", "cloudformation", "iam")
# How long everything else, such as logs and metrics, may wait; longer where it has become so much
# that writing it would take a larger share of the time than this
REST_SECONDS = 5.0
REST_SHARE = 0.05
_READS = re.compile(r"(?:Describe|Get|List|Query|Scan|BatchGet|Simulate|Lookup|Head|Receive)")
_SCOPE = re.compile(rb"Credential=([^/]+)/\d+/[^/]+/([a-z0-9-]+)/")


def apply() -> None:
    """Watch requests for changes, if the state is kept."""
    if not persistence.PERSIST_STATE:
        return
    # Each write logs a line a service, which would bury everything else
    logging.getLogger("persistence").setLevel(logging.WARNING)
    persistence.save_state = save_state
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


def save_state(service: str, data: Any) -> None:
    """Write one service's state as MiniStack does, in a tenth of the time.

    json.dump writes in small pieces from Python; json.dumps is one call into C.
    """
    document = {
        "__ministack_format__": persistence._state_format_version(service),
        "payload": data,
    }
    path = Path(persistence.STATE_DIR) / f"{service}.json"
    temporary = path.with_suffix(".json.tmp")
    try:
        text = json.dumps(document, default=persistence._json_default)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text)
        temporary.replace(path)
    except (OSError, TypeError, ValueError, RuntimeError):  # the other services are written
        logger.exception("The state of %s is not written", service)


class _Saver:
    """Writes what must be written now, and the rest once in a while."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, structural: bool) -> None:
        services = gateway._build_persistence_save_dict()
        began = time.monotonic()
        if structural or began > self._next:
            persistence.save_all(services)
            ended = time.monotonic()
            self._next = ended + max(REST_SECONDS, (ended - began) / REST_SHARE)
        else:
            persistence.save_all({key: services[key] for key in DATA_STATE if key in services})
