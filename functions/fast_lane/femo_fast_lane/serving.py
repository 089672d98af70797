"""One job's try in the fast lane: answered and told, or sent on to the queue, once.

The row decides who has the job. Every step may be the last before this function ends, and each
message may come twice: what is found half done is finished or sent on, never begun anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from botocore.exceptions import BotoCoreError, ClientError

from femo_fast_lane.endpoint import Reply, Verdict, ask
from femo_fast_lane.settings import FastLaneSettings
from femo_fast_lane.telling import tell
from femo_jobs import clients, fast_lane, outcomes
from femo_jobs.attempts import conclude, queue
from femo_jobs.configuration import Configuration
from femo_jobs.errors import ForeignResultError
from femo_jobs.fast_lane_limits import PATIENCE_SECONDS
from femo_jobs.jobs import Job, JobStatus, Lane, Outcome, Settlement, timestamp
from femo_jobs.locations import Location
from femo_jobs.observability import count, logger
from femo_jobs.submission import write_request
from femo_jobs.table import JobTable

_ENDED = (Settlement.SETTLED, Settlement.ALREADY_SETTLED)


class Served(StrEnum):
    """What became of a message."""

    ANSWERED = "answered"
    SENT_ON = "sent on"
    REPEATED = "repeated"
    NOT_OURS = "not ours"


@dataclass(frozen=True)
class Server:
    """Serves the jobs of one invocation of the function."""

    table: JobTable
    settings: Configuration
    lane: FastLaneSettings

    def serve(self, job_id: str, submission_id: str, *, waited_seconds: float) -> Served:
        """See one job through its try.

        Parameters
        ----------
        submission_id
            Of the attempt that was handed over: no other is touched.
        waited_seconds
            Since it was handed over.
        """
        job = self.table.get(job_id)
        if job is None or job.submission_id != submission_id or job.lane is not Lane.SERVERLESS:
            return Served.NOT_OURS
        if job.status is not JobStatus.QUEUED:
            # Ended by an earlier run of this message, which may not have told it
            return self._told(job)
        if job.output_location is not None:
            return self._finish(job)
        if waited_seconds > PATIENCE_SECONDS:
            return self._send_on(job, "late")
        entered = fast_lane.enter(
            self.table,
            job,
            output_location=self._uri(f"results/{job.submission_id}.out"),
            failure_location=self._uri(f"failures/{job.submission_id}-error.out"),
        )
        return Served.NOT_OURS if entered is None else self._try(entered)

    def _try(self, job: Job) -> Served:
        try:
            _, body = write_request(job, self.settings)
            reply = ask(self.lane.endpoint_name, job, body)
            if reply.verdict is Verdict.NOT_SERVED:
                return self._send_on(job, reply.code, reply.status)
            self._keep(job, reply)
        except (BotoCoreError, ClientError) as error:
            return self._send_on(job, type(error).__name__)
        return self._finish(job)

    def _finish(self, job: Job) -> Served:
        """End a job with what lies in S3; send it on where nothing does."""
        try:
            outcome = outcomes.from_s3(job, requests_bucket=self.settings.requests_bucket)
        except ForeignResultError as error:
            logger.exception("outcome not ours", job_id=job.job_id, error_type=type(error).__name__)
            outcome = Outcome(JobStatus.FAILED, timestamp(), error=outcomes.OUTCOME_MISPLACED)
        if outcome is None:
            return self._send_on(job, "interrupted")
        settlement = conclude(job, outcome, self.table, self.settings)
        if settlement is Settlement.REPEATED:
            return Served.REPEATED
        now = self.table.get(job.job_id)
        is_ours = now is not None and now.submission_id == job.submission_id
        return self._told(job) if is_ours and settlement in _ENDED else Served.NOT_OURS

    def _told(self, job: Job) -> Served:
        """Publish what subscribers of the topics wait for. A fault here repeats the message."""
        is_completed = self._exists(job.output_location)
        tell(job, is_completed=is_completed, lane=self.lane, settings=self.settings)
        count("FastLaneAnswers")
        return Served.ANSWERED

    def _send_on(self, job: Job, why: str, status: int = 0) -> Served:
        left = fast_lane.leave(self.table, job, self.settings)
        if left is None:
            return Served.NOT_OURS
        count("FastLaneSentOn")
        logger.info("sent on to the queue", job_id=job.job_id, error_code=why, http_status=status)
        queue(left, self.table, self.settings)
        return Served.SENT_ON

    def _keep(self, job: Job, reply: Reply) -> None:
        uri = job.output_location if reply.verdict is Verdict.ANSWERED else job.failure_location
        place = Location.parse(uri or "")
        clients.s3().put_object(
            Bucket=place.bucket, Key=place.key, Body=reply.body, ContentType=reply.content_type
        )

    def _exists(self, uri: str | None) -> bool:
        place = outcomes.result_location(uri or "", self.settings.requests_bucket)
        return outcomes.read_object(place, 0) is not None

    def _uri(self, key: str) -> str:
        return f"s3://{self.settings.requests_bucket}/{key}"
