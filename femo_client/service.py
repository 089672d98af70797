"""What is in service, as the API tells it."""

from __future__ import annotations

from femo_client.jobs import Answer

__all__ = ["Backlog", "Endpoint", "ExpectedWait", "Lane", "Lanes", "Service", "WarmUp"]


class ExpectedWait(Answer):
    """How long a job that is sent now may take until it ends (s). No promise.

    Attributes
    ----------
    from_seconds, to_seconds : int or None
        None where `basis` says why not.
    basis : str
        Where the numbers come from: ``measured``, ``configured``, ``modelled``, or why there are
        none: ``no_model``, ``not_known``.
    """

    from_seconds: int | None
    to_seconds: int | None
    basis: str


class Lane(Answer):
    """One of the ways that jobs go.

    Attributes
    ----------
    state : str or None
        ``off``, ``cold``, ``starting`` or ``ready``; None where it is not known.
    current_instances, desired_instances : int or None
        That run, that are asked for; None where it is not told, and of the serverless lane.
    expected_wait : ExpectedWait or None
        Absent from the answer to `warm_up`.
    effect : str or None
        What a request to warm up has done here.
    """

    state: str | None
    current_instances: int | None = None
    desired_instances: int | None = None
    expected_wait: ExpectedWait | None = None
    effect: str | None = None


class Lanes(Answer):
    """Every lane: a queue with instances for what is large or many, and one for what is small."""

    asynchronous: Lane
    serverless: Lane


class Endpoint(Answer):
    """The endpoint that analyses recordings; its status is SageMaker's, or ``NotDeployed``."""

    status: str


class Backlog(Answer):
    """Jobs of the asynchronous lane that wait or are analysed; None where not counted."""

    open_jobs: int | None


class Service(Answer):
    """What is in service, how soon each lane can begin, and how much there is to do."""

    endpoint: Endpoint
    model_package: str | None
    lanes: Lanes
    backlog: Backlog


class WarmUp(Answer):
    """What a request to warm up has done."""

    lanes: Lanes
