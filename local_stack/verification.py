"""Checks that a deployment is what the template says, where the local AWS is known to be silent."""

import functools
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from botocore.exceptions import ClientError

from local_stack.errors import DeploymentError
from local_stack.target import STACK_NAME, Deployment

Properties = dict[str, Any]


class _TemplateLoader(yaml.SafeLoader):
    """Reads CloudFormation's short forms (!Ref, !Sub, ...) as their long ones."""


def _construct(loader: _TemplateLoader, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_TemplateLoader.add_multi_constructor("!", _construct)


@functools.cache
def load_template(path: Path) -> dict[str, Any]:
    """Return a template as CloudFormation reads it."""
    document: dict[str, Any] = yaml.load(path.read_text(), _TemplateLoader)  # noqa: S506
    return document


def resources(template: dict[str, Any], *types: str) -> Iterator[tuple[str, Properties]]:
    """Yield name and properties of the resources of some types."""
    for name, resource in template.get("Resources", {}).items():
        if resource["Type"] in types:
            yield name, resource.get("Properties", {})


def local_sources(path: Path) -> set[Path]:
    """Return the files and folders that a template's resources are made of."""
    template = load_template(path)
    declared = [template.get("Globals", {}).get("Function", {})]
    declared += [item.get("Properties", {}) for item in template.get("Resources", {}).values()]
    names = {
        item[member]
        for item in declared
        for member in ("CodeUri", "ContentUri", "DefinitionUri")
        if isinstance(item.get(member), str) and not item[member].startswith("s3://")
    }
    return {path.parent / name for name in names}


def check_imports(deployment: Deployment, build: Path) -> None:
    """Import each built function with nothing but its package, its layers and boto3.

    Raises
    ------
    DeploymentError
        Naming the function and the module that is missing.
    """
    template = load_template(build / "template.yaml")
    layers = {
        name: build / properties["ContentUri"]
        for name, properties in resources(template, "AWS::Serverless::LayerVersion")
    }
    defaults = template.get("Globals", {}).get("Function", {})
    for name, properties in resources(template, "AWS::Serverless::Function"):
        package = build / properties.get("CodeUri", defaults.get("CodeUri", name))
        handler = properties.get("Handler", defaults.get("Handler", ""))
        named = [*defaults.get("Layers", []), *properties.get("Layers", [])]
        folders = [layers[item["Ref"]] for item in named if item.get("Ref") in layers]
        paths = [package, *(folder / "python" for folder in folders)]
        variables = {
            **_plain(defaults.get("Environment", {}).get("Variables", {})),
            **_plain(properties.get("Environment", {}).get("Variables", {})),
        }
        _import_alone(deployment, name, handler.rpartition(".")[0], paths, variables)


def _plain(variables: Properties) -> dict[str, str]:
    # What only the deployment knows is something, and never the empty text
    return {
        key: value if isinstance(value, str) else "x" if isinstance(value, dict) else str(value)
        for key, value in variables.items()
    }


def _import_alone(
    deployment: Deployment, name: str, module: str, paths: list[Path], variables: dict[str, str]
) -> None:
    interpreter = deployment.folder.scratch / "lambda-runtime" / "python3"
    program = (
        f"import sys; sys.path[:0] = {[str(path) for path in paths]!r}\n"
        f"import importlib; importlib.import_module({module.replace('/', '.')!r})"
    )
    result = subprocess.run(
        [str(interpreter), "-c", program],
        env={
            **variables,
            "PATH": os.environ.get("PATH", ""),
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REGION": "us-east-1",
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        cwd=paths[0],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if result.returncode != 0:
        raise DeploymentError(
            f"The function {name} does not import with what its package holds; on Lambda it would "
            f"fail at its first call. Add what is missing to its requirements:\n"
            f"{result.stderr.strip()}"
        )


def check_deployed(deployment: Deployment, build: Path) -> None:
    """Compare what security rests on between the template and the stack.

    Raises
    ------
    DeploymentError
        With every difference found.
    """
    differences = list(deployed_differences(deployment, load_template(build / "template.yaml")))
    if differences:
        raise DeploymentError(
            "The stack differs from its template:\n"
            + "\n".join(f"  {difference}" for difference in differences)
        )


def deployed_differences(deployment: Deployment, template: dict[str, Any]) -> Iterator[str]:
    """Yield what the deployed stack lacks: routes, authorizers, bucket protection, resources."""
    listed = deployment.client("cloudformation").get_paginator("list_stack_resources")
    physical = {
        item["LogicalResourceId"]: item["PhysicalResourceId"]
        for page in listed.paginate(StackName=STACK_NAME)
        for item in page["StackResourceSummaries"]
    }
    for name, resource in template.get("Resources", {}).items():
        renamed = resource["Type"] == "AWS::Serverless::LayerVersion"
        if "Condition" not in resource and name not in physical and not renamed:
            yield f"{name} ({resource['Type']}) was not deployed"
    if any(resources(template, "AWS::Serverless::HttpApi")):
        yield "AWS::Serverless::HttpApi deploys without routes here: use AWS::Serverless::Api"
    yield from _api_differences(deployment, template, physical)
    for name, properties in resources(template, "AWS::S3::Bucket"):
        if name in physical:
            yield from _bucket_differences(deployment, name, physical[name], properties)
    policies = dict(resources(template, "AWS::S3::BucketPolicy"))
    for name, properties in policies.items():
        yield from _policy_differences(deployment, name, properties, physical)


def expected_routes(template: dict[str, Any]) -> dict[tuple[str, str], bool]:
    """Return (path, METHOD) of each API event, and whether it is open."""
    routes = {}
    for _name, properties in resources(template, "AWS::Serverless::Function"):
        for event in (properties.get("Events") or {}).values():
            if event["Type"] == "Api":
                about = event["Properties"]
                is_open = about.get("Auth", {}).get("Authorizer") == "NONE"
                routes[about["Path"], about["Method"].upper()] = is_open
    return routes


def _api_differences(
    deployment: Deployment, template: dict[str, Any], physical: dict[str, str]
) -> Iterator[str]:
    client = deployment.client("apigateway")
    expected = expected_routes(template)
    for name, _properties in resources(template, "AWS::Serverless::Api"):
        if name not in physical:
            continue
        api_id = physical[name]
        items = client.get_resources(restApiId=api_id, limit=500, embed=["methods"])["items"]
        found = {
            (item["path"], method): about
            for item in items
            for method, about in item.get("resourceMethods", {}).items()
        }
        if not found:
            yield f"the API {name} has no routes"
        for route, is_open in expected.items():
            path, method = route
            about = found.get(("/*" if method == "*" else path, method))
            about = found.get((path, "ANY" if method == "*" else method), about)
            if about is None:
                yield f"the API {name} has no route {method} {path}"
                continue
            if "authorizationType" not in about:
                about = client.get_method(
                    restApiId=api_id, resourceId=_resource_id(items, path), httpMethod=method
                )
            if (about.get("authorizationType", "NONE") == "NONE") != is_open:
                state = "closed" if is_open else "open to everyone"
                yield f"the route {method} {path} is {state}"


def _resource_id(items: list[dict[str, Any]], path: str) -> str:
    return next(str(item["id"]) for item in items if item["path"] == path)


def _bucket_differences(
    deployment: Deployment, name: str, bucket: str, properties: Properties
) -> Iterator[str]:
    client = deployment.client("s3")

    def stored(operation: str, member: str) -> Any:
        try:
            return getattr(client, operation)(Bucket=bucket)[member]
        except (ClientError, KeyError):
            return None

    if "BucketEncryption" in properties:
        wanted = [
            rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"]
            for rule in properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        ]
        found = stored("get_bucket_encryption", "ServerSideEncryptionConfiguration") or {}
        actual = [
            rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"]
            for rule in found.get("Rules", [])
        ]
        if wanted != actual:
            yield f"the bucket {name} is encrypted with {actual or 'nothing'}, not {wanted}"
    if "PublicAccessBlockConfiguration" in properties:
        found = stored("get_public_access_block", "PublicAccessBlockConfiguration") or {}
        for setting, value in properties["PublicAccessBlockConfiguration"].items():
            if value in (True, "true") and not found.get(setting):
                yield f"the bucket {name} lacks {setting}"
    if "LifecycleConfiguration" in properties:
        rules = len(properties["LifecycleConfiguration"]["Rules"])
        kept = len(stored("get_bucket_lifecycle_configuration", "Rules") or [])
        if rules != kept:
            yield f"the bucket {name} has {kept} of {rules} lifecycle rules"
    yield from _cors_differences(
        name, properties.get("CorsConfiguration", {}), stored("get_bucket_cors", "CORSRules") or []
    )
    versioned = (properties.get("VersioningConfiguration") or {}).get("Status") == "Enabled"
    if versioned and stored("get_bucket_versioning", "Status") != "Enabled":
        yield f"the bucket {name} is not versioned"


def _cors_differences(name: str, wanted: Properties, found: list[Properties]) -> Iterator[str]:
    # Origins may be made of what only the deployment knows
    methods = [rule["AllowedMethods"] for rule in wanted.get("CorsRules", [])]
    actual = [rule["AllowedMethods"] for rule in found]
    if methods != actual:
        yield f"other pages may call the bucket {name} with {actual}, not {methods}"
    for rule in found:
        if "*" in rule["AllowedOrigins"]:
            yield f"any page may call the bucket {name}"
        if not all(origin.startswith("http") for origin in rule["AllowedOrigins"]):
            yield f"no page may call the bucket {name}: its origins are {rule['AllowedOrigins']}"


def _policy_differences(
    deployment: Deployment, name: str, properties: Properties, physical: dict[str, str]
) -> Iterator[str]:
    logical = properties.get("Bucket", {})
    bucket = physical.get(logical["Ref"]) if isinstance(logical, dict) else logical
    if bucket is None:
        return
    try:
        policy = json.loads(deployment.client("s3").get_bucket_policy(Bucket=bucket)["Policy"])
    except ClientError:
        yield f"the bucket policy {name} is not there"
        return
    wanted = [item.get("Effect") for item in _listed(properties["PolicyDocument"]["Statement"])]
    actual = [item.get("Effect") for item in _listed(policy["Statement"])]
    if wanted != actual:
        yield f"the bucket policy {name} has the statements {actual}, not {wanted}"


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
