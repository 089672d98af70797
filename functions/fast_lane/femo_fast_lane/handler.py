"""Entry point of the fast lane's function: each message of its queue is one job."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from femo_fast_lane.serving import Served, Server
from femo_fast_lane.settings import fast_lane_settings
from femo_jobs.configuration import configuration
from femo_jobs.errors import UnreadableRowError
from femo_jobs.observability import count, instrumented, logger
from femo_jobs.table import job_table

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@instrumented
def handler(event: dict[str, Any], _context: LambdaContext) -> None:
    """Serve the jobs of one event, which is one.

    A fault of AWS's is raised: the queue repeats the message, and what it finds half done then is
    finished or sent on.
    """
    server = Server(job_table(), configuration(), fast_lane_settings())
    for record in event["Records"]:
        document = json.loads(record["body"])
        job_id = str(document["jobId"])
        sent = int(record["attributes"]["SentTimestamp"]) / 1000
        try:
            served = server.serve(
                job_id, str(document["submissionId"]), waited_seconds=time.time() - sent
            )
        except UnreadableRowError as error:
            # The sweeper sets it aside; nothing is gained by trying again
            count("RowsUnreadable")
            logger.error("row cannot be read", job_id=job_id, why=error.why)
            served = Served.NOT_OURS
        logger.info("message served", job_id=job_id, reason=str(served))
