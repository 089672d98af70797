"""Addresses: the template names hosts as they are on AWS; here the gateway serves them all."""

import json
from typing import Any

from local_stack.target import Deployment

CONSOLE_URL, CONSOLE_PARAMETER = "ConsoleUrl", "ConsoleParameterName"


def local_outputs(outputs: dict[str, str], gateway: str) -> dict[str, str]:
    """Return outputs whose AWS host names are replaced by the gateway's address.

    The template names hosts as they are on AWS; here the gateway serves them all.
    """
    return {name: _local_url(value, gateway) for name, value in outputs.items()}


def _local_url(value: str, gateway: str) -> str:
    if not value.startswith("https://"):
        return value
    host, _, path = value.removeprefix("https://").partition("/")
    if ".execute-api." in host:
        return f"{gateway}/_aws/execute-api/{host.partition('.')[0]}/{path}"
    if ".auth." in host and host.endswith(".amazoncognito.com"):
        return f"{gateway}/{path}"
    if host.startswith("cognito-idp."):
        return f"{gateway}/{path}"
    return value


def make_local(deployment: Deployment, outputs: dict[str, str]) -> None:
    """Have people signed in by the gateway, and sent back to the console behind it.

    That is configuration, which is changed after the deployment: the template stays as it is.

    Parameters
    ----------
    outputs
        The stack's, with the hosts of AWS.
    """
    _configure_functions(deployment)
    if not {CONSOLE_URL, CONSOLE_PARAMETER} <= outputs.keys():
        return
    _configure_console(deployment, outputs[CONSOLE_PARAMETER])
    _admit_console(deployment, outputs)


def _configure_functions(deployment: Deployment) -> None:
    """Have functions name the gateway where the template has them name a host of AWS."""
    functions = deployment.client("lambda")
    for page in functions.get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            variables = function.get("Environment", {}).get("Variables", {})
            local = local_outputs(variables, deployment.gateway)
            if local != variables:
                functions.update_function_configuration(
                    FunctionName=function["FunctionName"], Environment={"Variables": local}
                )


def _configure_console(deployment: Deployment, parameter: str) -> None:
    ssm = deployment.client("ssm")
    found = json.loads(ssm.get_parameter(Name=parameter)["Parameter"]["Value"])
    document = {
        name: _local_url(value, deployment.gateway) if isinstance(value, str) else value
        for name, value in found.items()
    }
    document["storageOrigins"] = [deployment.gateway]
    ssm.put_parameter(Name=parameter, Value=json.dumps(document), Overwrite=True)


def _admit_console(deployment: Deployment, outputs: dict[str, str]) -> None:
    pool = deployment.client("cognito-idp")
    wanted = {"UserPoolId": outputs["UserPoolId"], "ClientId": outputs["PersonClientId"]}
    client: dict[str, Any] = pool.describe_user_pool_client(**wanted)["UserPoolClient"]
    # What an update leaves out goes back to its default
    taken = pool.meta.service_model.operation_model("UpdateUserPoolClient").input_shape.members
    kept = {name: value for name, value in client.items() if name in taken and value != ""}
    address = _local_url(outputs[CONSOLE_URL], deployment.gateway)
    for name in ("CallbackURLs", "LogoutURLs"):
        kept[name] = list(dict.fromkeys([*client.get(name, []), address]))
    pool.update_user_pool_client(**kept)
