"""Check MiniStack, fill its gaps, then hand over to its own main()."""

import sys

from local_stack.launcher import (
    api_gateway_bodies,
    async_invocations,
    bucket_properties,
    checked_resources,
    control_routes,
    encrypted_topics,
    function_environments,
    function_logs,
    functions,
    inert_resources,
    loopback_transport,
    missing_objects,
    prompt_exit,
    ranges_of_versions,
    rule_targets,
    sagemaker_resources,
    sns_delivery,
    state_machine_executions,
    state_machine_tasks,
)
from local_stack.launcher.private_names import MinistackMismatchError, check

PATCHES = (
    api_gateway_bodies,
    async_invocations,
    bucket_properties,
    checked_resources,
    encrypted_topics,
    function_environments,
    function_logs,
    functions,
    inert_resources,
    missing_objects,
    ranges_of_versions,
    rule_targets,
    sagemaker_resources,
    sns_delivery,
    state_machine_executions,
    state_machine_tasks,
    loopback_transport,
    control_routes,
    prompt_exit,
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


if __name__ == "__main__":
    main()
