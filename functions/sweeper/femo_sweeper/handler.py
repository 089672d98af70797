"""Entry point of the sweeper function, on a schedule."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from femo_jobs.configuration import configuration
from femo_jobs.observability import count, instrumented, logger
from femo_jobs.table import job_table
from femo_sweeper.sweeping import sweep

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SPARE_MILLISECONDS = 30_000  # more than one job can take, with all its retries


@instrumented
def handler(_event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """See to the overdue jobs, and answer what was done."""
    done = sweep(
        job_table(),
        configuration(),
        has_time=lambda: context.get_remaining_time_in_millis() > SPARE_MILLISECONDS,
    )
    count("JobsSettledBySweeper", done.settled)
    count("JobsQueuedBySweeper", done.resubmitted)
    count("RowsUnreadable", done.unreadable)
    count("JobsNotSwept", done.failed)
    report = asdict(done)
    logger.info("swept", **{name: value for name, value in report.items() if name != "is_complete"})
    return report
