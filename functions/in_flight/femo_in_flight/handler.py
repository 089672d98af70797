"""Entry point of the in-flight function, on a schedule of a minute, as scaling looks each minute.

SageMaker's own metrics can show an idle endpoint while a long job is being processed; by them
alone an instance would be taken away under its job. Jobs of the fast lane need none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from femo_jobs.observability import count, instrumented
from femo_jobs.open_jobs import count_queue
from femo_jobs.table import job_table

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@instrumented
def handler(_event: dict[str, Any], _context: LambdaContext) -> dict[str, int]:
    """Publish the metric JobsInFlight, zero included, and answer its value."""
    jobs = count_queue(job_table())
    count("JobsInFlight", jobs)
    return {"jobsInFlight": jobs}
