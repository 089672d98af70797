"""Check MiniStack, fill its gaps, then hand over to its own main()."""

import logging
import os
import sys

from local_aws.ministack import control_routes, loopback_transport, sagemaker_link
from local_aws.ministack.api_gateway import bodies as api_gateway_bodies
from local_aws.ministack.cloudformation import metric_math_alarms, model_package_groups
from local_aws.ministack.cloudwatch import alarms, evaluation
from local_aws.ministack.cognito import authentication_times, sign_in_page, sign_in_sessions
from local_aws.ministack.eventbridge import rule_targets
from local_aws.ministack.iam import checked_resources
from local_aws.ministack.lambda_functions import async_invocations, queue_concurrency
from local_aws.ministack.lambda_functions import environments as function_environments
from local_aws.ministack.lambda_functions import logs as function_logs
from local_aws.ministack.lambda_functions import runtime as functions
from local_aws.ministack.private_names import MinistackMismatchError, check
from local_aws.ministack.s3 import bucket_properties, missing_objects, ranges_of_versions
from local_aws.ministack.sns import delivery as sns_delivery
from local_aws.ministack.sns import encrypted_topics
from local_aws.ministack.step_functions import executions as state_machine_executions
from local_aws.ministack.step_functions import tasks as state_machine_tasks

PATCHES = (
    alarms,
    api_gateway_bodies,
    async_invocations,
    authentication_times,
    bucket_properties,
    checked_resources,
    encrypted_topics,
    evaluation,
    function_environments,
    function_logs,
    functions,
    metric_math_alarms,
    missing_objects,
    model_package_groups,
    queue_concurrency,
    ranges_of_versions,
    rule_targets,
    sign_in_page,
    sign_in_sessions,
    sns_delivery,
    state_machine_executions,
    state_machine_tasks,
    sagemaker_link,
    loopback_transport,
    control_routes,
)


def main() -> None:
    """Start MiniStack, or exit with a message if it is not the one this was written for."""
    try:
        check(name for patch in PATCHES for name in patch.PRIVATE_NAMES)
        for patch in PATCHES:
            patch.apply()
    except MinistackMismatchError as error:
        sys.exit(f"{error}")
    from ministack import app

    sys.argv = ["ministack"]
    app.main()
    # The state is written. A task's thread may wait for minutes, and Python would wait for it
    logging.shutdown()
    os._exit(0)


if __name__ == "__main__":
    main()
