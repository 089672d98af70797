"""Who breaks the stack under `bench.jobs`, and repairs it."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from bench.jobs_callers import Progress
from bench.jobs_plan import Incident, IncidentKind, Plan
from bench.jobs_stack import POLL_SECONDS, KeptStack, patiently, send

__all__ = ["Saboteur"]


class Saboteur:
    """Breaks the stack when its time has come, and repairs it."""

    def __init__(self, stack: KeptStack, plan: Plan, progress: Progress) -> None:
        self._stack = stack
        self._incidents = plan.incidents
        self._jobs = len(plan.jobs)
        self._progress = progress
        self.unreadable = 0
        self.kept_in_queue: set[str] = set()  # jobs whose messages must be in the dead-letter queue

    def run(self) -> None:
        """Cause every incident, one after the other."""
        for incident in self._incidents:
            while self._progress.submitted < incident.after:
                if self._progress.stopping.wait(POLL_SECONDS):
                    return
            self._cause(incident)
            self._progress.count(incident.kind)

    def _cause(self, incident: Incident) -> None:
        stack = self._stack
        match incident.kind:
            case IncidentKind.SERVER_KILLED:
                self._wait_for(lambda: "running" in stack.queued().values())
                send(stack.containers(stack.outputs["EndpointName"]), signal.SIGKILL)
            case IncidentKind.FAST_SERVER_KILLED:
                self._wait_for(lambda: stack.handed_over()[1] > 0)
                send(stack.containers(stack.outputs["FastLaneEndpointName"]), signal.SIGKILL)
            case IncidentKind.FUNCTION_KILLED:
                self._wait_for(self._at_work(incident.function))
                send(stack.functions(stack.outputs[incident.function]), signal.SIGKILL)
            case IncidentKind.FAST_LANE_DENIED:
                self._deny_fast_lane(incident)
            case IncidentKind.FAST_MESSAGES_LOST:
                self._wait_for(lambda: stack.handed_over()[0] > 0)
                url = stack.outputs["FastLaneQueueUrl"]
                patiently(lambda: stack.client("sqs").purge_queue(QueueUrl=url))
            case IncidentKind.SUBSCRIPTIONS_LOST:
                topics = [stack.outputs["SuccessTopicArn"], stack.outputs["ErrorTopicArn"]]
                self._while(stack.unsubscribed(topics), incident)
            case IncidentKind.PUBLISHING_DENIED:
                self._while(stack.denied("HostingRole", "sns:Publish"), incident)
            case IncidentKind.TABLE_DENIED:
                action = "dynamodb:UpdateItem"
                denied = stack.denied("CompletionFunctionRole", action)
                self.kept_in_queue |= self._while(denied, incident)
            case IncidentKind.UNREADABLE_MESSAGE:
                topic = stack.outputs["SuccessTopicArn"]
                patiently(lambda: stack.client("sns").publish(TopicArn=topic, Message="not JSON"))
                self.unreadable += 1
            case IncidentKind.SAGEMAKER_KILLED:
                stack.kill_sagemaker()
                stack.start()

    def _wait_for(self, look: Callable[[], bool]) -> None:
        """Look until there is something to break, or nothing more comes."""
        while not patiently(look):
            if self._progress.submitted >= self._jobs or self._progress.stopping.wait(0.02):
                return

    def _deny_fast_lane(self, incident: Incident) -> None:
        """Keep the fast lane's function from writing until it has failed at some jobs."""
        with self._stack.denied("FastLaneFunctionRole", ["dynamodb:UpdateItem", "sns:Publish"]):
            _, before = patiently(self._stack.handed_over)
            # Those that have failed stay out of sight for minutes
            self._wait_for(lambda: self._stack.handed_over()[1] >= before + incident.outcomes)

    def _at_work(self, function: str) -> Callable[[], bool]:
        """Return how to see that a function has something to do."""
        stack = self._stack
        if function == "FastLaneFunctionName":
            return lambda: stack.handed_over()[1] > 0
        if function == "CompletionFunctionName":
            return lambda: stack.undelivered() > 0
        return lambda: True  # callers ask the API all the time

    def _while(self, broken: AbstractContextManager[None], incident: Incident) -> set[str]:
        """Keep something broken until enough inferences have ended; return their jobs."""
        ended: set[str] = set()
        with broken:
            waiting = set(self._stack.queued())
            while len(ended) < incident.outcomes and not self._progress.stopping.wait(0.1):
                now = set(self._stack.queued())
                ended |= waiting - now
                waiting |= now
                if self._progress.submitted >= self._jobs and not now:
                    break
            until = time.monotonic() + 60
            while self._stack.undelivered() and time.monotonic() < until:
                # What is under way must meet the broken part, not the repaired one
                if self._progress.stopping.wait(POLL_SECONDS):
                    break
        self._progress.count(f"{incident.kind}: jobs", len(ended))
        return ended
