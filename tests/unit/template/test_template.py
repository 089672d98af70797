"""What the template promises: nothing open, nothing plain, nothing kept for ever."""

from __future__ import annotations

import ast
import json
import re
import sys
import tomllib
from pathlib import Path

import pytest

from femo_pipeline.uploads import ENDING_PREFIXES, ending_notice, plan_recordings
from femo_signal.manifest import Manifest

from .documents import ROOT, Document, as_list, evaluated, resources, statements, template

FUNCTIONS = dict(resources("AWS::Serverless::Function"))
BUCKETS = dict(resources("AWS::S3::Bucket"))
PARAMETERS: Document = template()["Parameters"]


def test_of_the_api_only_health_is_open() -> None:
    routes = {
        (event["Properties"]["Method"], event["Properties"]["Path"]): event["Properties"]["Auth"]
        for event in FUNCTIONS["ApiFunction"]["Events"].values()
    }
    assert {
        route: "" if auth["Authorizer"] == "NONE" else auth["AuthorizationScopes"][0]
        for route, auth in routes.items()
    } == {
        ("GET", "/health"): "",
        ("GET", "/openapi.json"): "",
        ("GET", "/service"): "jobs/read",
        ("POST", "/service/warm-up"): "service/write",
        ("GET", "/jobs"): "jobs/read",
        ("GET", "/jobs/{jobId}"): "jobs/read",
        ("GET", "/jobs/{jobId}/result"): "jobs/read",
        ("POST", "/jobs"): "jobs/write",
        ("POST", "/uploads"): "jobs/write",
        ("POST", "/uploads/{uploadId}/complete"): "jobs/write",
    }
    auth = template()["Resources"]["Api"]["Properties"]["Auth"]
    assert auth["DefaultAuthorizer"] == "Cognito"
    assert auth["Authorizers"]["Cognito"]["AuthorizationScopes"]


def test_models_are_seen_and_changed_under_scopes_of_their_own_that_no_machine_has() -> None:
    routes = {
        (event["Properties"]["Method"], event["Properties"]["Path"]): event["Properties"]["Auth"]
        for event in FUNCTIONS["ModelsFunction"]["Events"].values()
    }
    assert {route: auth["AuthorizationScopes"] for route, auth in routes.items()} == {
        ("GET", "/models"): ["models/read"],
        ("POST", "/models/{version}/approval"): ["models/write"],
        ("POST", "/deployments"): ["models/write"],
        ("GET", "/deployments/{deploymentId}"): ["models/read"],
    }
    clients = dict(resources("AWS::Cognito::UserPoolClient"))
    assert not {"models/read", "models/write"} & set(clients["MachineClient"]["AllowedOAuthScopes"])


def test_the_group_of_approvers_is_the_one_that_the_function_asks_for() -> None:
    ((_, group),) = resources("AWS::Cognito::UserPoolGroup")
    settings = (ROOT / "functions/models/femo_models_api/settings.py").read_text()
    assert f'APPROVERS = "{group["GroupName"]}"' in settings


def test_what_the_console_serves_is_open_and_can_only_be_read() -> None:
    """Who signs in has no token yet; its role reads nothing but the parameter it serves."""
    routes = [event["Properties"] for event in FUNCTIONS["ConsoleFunction"]["Events"].values()]
    assert {route["Path"] for route in routes} == {
        "/console",
        "/console/{file+}",
        "/docs",
        "/docs/{file+}",
    }
    for route in routes:
        assert (route["Method"], route["Auth"]) == ("GET", {"Authorizer": "NONE"})


def test_no_foreign_page_may_send_recordings_nor_read_results() -> None:
    """A wildcard for every origin would let any site use a leaked URL from a visitor's browser."""
    methods = {
        name: rule["AllowedMethods"]
        for name, bucket in BUCKETS.items()
        for rule in bucket.get("CorsConfiguration", {}).get("CorsRules", [])
    }
    assert methods == {"RecordingsBucket": ["PUT"], "RequestsBucket": ["GET"]}
    for name in methods:
        (rule,) = BUCKETS[name]["CorsConfiguration"]["CorsRules"]
        condition, chosen, (default,) = rule["AllowedOrigins"]["Fn::If"]
        assert condition == "HasConsoleOrigins"
        assert chosen == {"Fn::Split": [",", {"Ref": "ConsoleOrigins"}]}
        host = default["Fn::Sub"].removeprefix("https://*.")
        assert host == "execute-api.${AWS::Region}.${AWS::URLSuffix}"


def test_who_signs_in_or_out_comes_back_to_the_console() -> None:
    client = template()["Resources"]["PersonClient"]["Properties"]
    console = template()["Outputs"]["ConsoleUrl"]["Value"]["Fn::Sub"]
    for name in ("CallbackURLs", "LogoutURLs"):
        assert console in json.dumps(client[name])
        assert "CallbackUrls" in json.dumps(client[name])


def test_the_console_knows_where_to_sign_in_and_no_secret() -> None:
    value = template()["Resources"]["ConsoleConfiguration"]["Properties"]["Value"]["Fn::Sub"]
    document = json.loads(value.replace("${MaxRecordingMegabytes}", "1024"))
    assert set(document) == {
        "authority",
        "authorizationEndpoint",
        "tokenEndpoint",
        "endSessionEndpoint",
        "clientId",
        "scopes",
        "apiUrl",
        "maxRecordingMegabytes",
        "storageOrigins",
    }
    client = template()["Resources"]["PersonClient"]["Properties"]
    assert client["GenerateSecret"] is False
    assert document["scopes"].split() == client["AllowedOAuthScopes"]


def test_the_api_is_throttled_and_its_log_says_nothing_of_persons() -> None:
    api = template()["Resources"]["Api"]["Properties"]
    (setting,) = api["MethodSettings"]
    assert {"ThrottlingRateLimit", "ThrottlingBurstLimit"} <= set(setting)
    assert setting["DataTraceEnabled"] is False
    condition, setting, nothing = api["AccessLogSetting"]["Fn::If"]
    assert (condition, nothing) == ("HasAccessLog", {"Ref": "AWS::NoValue"})
    logged = json.loads(setting["Format"])
    text = " ".join(logged.values())
    for personal in ("identity", "$context.path", "sourceIp", "username", "email", ".sub"):
        assert personal not in text


@pytest.mark.parametrize("name", sorted(BUCKETS))
def test_a_bucket_is_private_encrypted_and_ends_its_leftovers(name: str) -> None:
    bucket = BUCKETS[name]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    rules = bucket["LifecycleConfiguration"]["Rules"]
    assert any("AbortIncompleteMultipartUpload" in rule for rule in rules)
    if "VersioningConfiguration" in bucket:
        assert any("NoncurrentVersionExpiration" in rule for rule in rules)


@pytest.mark.parametrize("name", sorted(BUCKETS))
def test_a_bucket_takes_tls_only(name: str) -> None:
    (policy,) = [
        policy
        for _, policy in resources("AWS::S3::BucketPolicy")
        if policy["Bucket"] == {"Ref": name}
    ]
    (statement,) = [
        item for item in policy["PolicyDocument"]["Statement"] if item["Sid"] == "TlsOnly"
    ]
    assert statement["Effect"] == "Deny"
    assert statement["Principal"] == "*"
    assert statement["Action"] == "s3:*"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert statement["Resource"] == [
        {"Fn::GetAtt": [name, "Arn"]},
        {"Fn::Sub": f"${{{name}.Arn}}/*"},
    ]


def test_what_cannot_be_made_again_is_versioned() -> None:
    versioned = {name for name, bucket in BUCKETS.items() if "VersioningConfiguration" in bucket}
    assert versioned == {"RecordingsBucket", "ModelsBucket"}


def test_data_outlives_a_stack_that_is_deleted() -> None:
    notes = {"DeploymentTable"}  # of what the stack itself does, worth nothing without it
    for name, resource in template()["Resources"].items():
        if name not in notes and resource["Type"] in (
            "AWS::S3::Bucket",
            "AWS::S3::BucketPolicy",
            "AWS::DynamoDB::Table",
            "AWS::Cognito::UserPool",
        ):
            assert resource["DeletionPolicy"] == "RetainExceptOnCreate", name
            assert resource["UpdateReplacePolicy"] == "Retain", name


def test_a_labelled_cohort_is_kept_while_uploaded_recordings_end() -> None:
    rules = BUCKETS["RecordingsBucket"]["LifecycleConfiguration"]["Rules"]
    ended = {rule["Prefix"] for rule in rules if "ExpirationInDays" in rule}
    assert ended == {"uploads/", "input-data/"}
    for rule in rules:
        if "ExpirationInDays" in rule:
            assert rule["ExpirationInDays"] == {"Ref": "RecordingRetentionDays"}


def test_who_trains_on_recordings_that_will_be_deleted_is_told() -> None:
    rules = BUCKETS["RecordingsBucket"]["LifecycleConfiguration"]["Rules"]
    assert set(ENDING_PREFIXES) == {rule["Prefix"] for rule in rules if "Prefix" in rule}
    items = [
        {"bucketName": bucket, "datFileKey": f"{prefix}a.dat"}
        for bucket in ("ours", "other")
        for prefix in ("uploads/", "input-data/", "training/")
    ]
    manifest = Manifest.model_validate({"version": "1", "items": items})
    notice = ending_notice(manifest, "ours")
    assert notice is not None
    assert notice.startswith("2 recordings, uploads/a.dat among them")
    assert ending_notice(manifest, "another") is None


def test_recordings_that_are_brought_for_training_are_kept(tmp_path: Path) -> None:
    (tmp_path / "a.dat").write_bytes(b"recording")
    manifest = Manifest.model_validate({"version": "1", "items": [{"datFileKey": "a.dat"}]})
    placed, _, _ = plan_recordings(manifest, tmp_path, "ours")
    assert ending_notice(placed, "ours") is None


ALARMS = dict(resources("AWS::CloudWatch::Alarm"))


@pytest.mark.parametrize("name", sorted(ALARMS))
def test_an_operator_hears_of_an_alarm_and_of_its_end(name: str) -> None:
    alarm = ALARMS[name]
    assert alarm["AlarmDescription"]
    assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "AlertTopic"}]
    assert alarm["TreatMissingData"] in ("breaching", "notBreaching")


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_function_that_fails_or_is_throttled_rings(name: str) -> None:
    watched = {
        (
            metric["MetricStat"]["Metric"]["MetricName"],
            metric["MetricStat"]["Metric"]["Dimensions"][0]["Value"]["Ref"],
        )
        for alarm in ALARMS.values()
        for metric in alarm.get("Metrics", [])
        if "MetricStat" in metric
    }
    assert {("Errors", name), ("Throttles", name)} <= watched


def test_a_safety_net_that_does_not_run_rings() -> None:
    """A function that a schedule starts reports nothing at all when the schedule is off."""
    scheduled = {
        name
        for name, function in FUNCTIONS.items()
        if any(event["Type"] == "Schedule" for event in function.get("Events", {}).values())
    }
    still = {
        alarm["Dimensions"][0]["Value"]["Ref"]
        for alarm in ALARMS.values()
        if alarm.get("MetricName") == "Invocations" and alarm["TreatMissingData"] == "breaching"
    }
    assert scheduled
    assert still == scheduled


IMAGES = {
    "111122223333.dkr.ecr.eu-west-1.amazonaws.com/femo-inference:1.2": "/femo-inference",
    "111122223333.dkr.ecr.eu-west-1.amazonaws.com/a/b.c_d@sha256:" + "0" * 64: "/a/b.c_d",
    "111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn/femo:x": "/femo",
}


@pytest.mark.parametrize("image", sorted(IMAGES))
@pytest.mark.parametrize("role", ["HostingRole", "TrainingRole", "TrainingJobRole"])
def test_the_repository_of_the_image_is_the_one_that_may_be_read(role: str, image: str) -> None:
    (resource,) = {
        json.dumps(statement["Resource"])
        for statement in statements(role)
        if "ecr:BatchGetImage" in as_list(statement["Action"])
    }
    pattern, parts = json.loads(resource)["Fn::Sub"]
    assert evaluated(parts["Repository"], ImageUri=image) == IMAGES[image]
    assert evaluated(parts["Account"], ImageUri=image) == "111122223333"
    assert pattern.endswith(":${Account}:repository${Repository}")


@pytest.mark.parametrize("name", ["femoaws", "cognito", "myamazon"])
def test_a_name_that_cognito_refuses_for_its_domain_is_refused_at_once(name: str) -> None:
    for parameter in ("ProjectName", "StageName"):
        assert not re.fullmatch(PARAMETERS[parameter]["AllowedPattern"], name)


def test_a_parameter_of_the_endpoint_says_when_it_acts() -> None:
    """A stack update does not touch the endpoint, which the deployment machine makes."""
    given: dict[str, object] = dict(resources("AWS::Serverless::StateMachine"))[
        "DeploymentStateMachine"
    ]["DefinitionSubstitutions"]
    for value in given.values():
        name = value.get("Ref") if isinstance(value, dict) else None
        if name in PARAMETERS:
            assert "next deployment" in PARAMETERS[name]["Description"], name


def test_the_table_is_safe_and_ends_its_rows() -> None:
    table = template()["Resources"]["JobTable"]["Properties"]
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expiresAt", "Enabled": True}
    assert table["SSESpecification"] == {"SSEEnabled": True}


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_function_has_its_own_log_with_an_end(name: str) -> None:
    group = FUNCTIONS[name]["LoggingConfig"]["LogGroup"]["Ref"]
    assert "RetentionInDays" in template()["Resources"][group]["Properties"]


def test_every_log_ends() -> None:
    groups = dict(resources("AWS::Logs::LogGroup"))
    assert groups
    for name, group in groups.items():
        assert "RetentionInDays" in group, name


def test_a_message_that_cannot_be_used_is_kept() -> None:
    completion = FUNCTIONS["CompletionFunction"]
    assert completion["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]["Destination"]
    for event in completion["Events"].values():
        assert event["Properties"]["RedrivePolicy"]["deadLetterTargetArn"]
    topics = {event["Properties"]["Topic"]["Ref"] for event in completion["Events"].values()}
    assert topics == {"SuccessTopic", "ErrorTopic"}
    for _, queue in resources("AWS::SQS::Queue"):
        assert queue["SqsManagedSseEnabled"] is True
        assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_jobs_end_before_their_results_are_deleted_from_under_them() -> None:
    (rule,) = BUCKETS["RequestsBucket"]["LifecycleConfiguration"]["Rules"]
    assert rule["ExpirationInDays"] == {"Ref": "JobRetentionDays"}
    variables = template()["Globals"]["Function"]["Environment"]["Variables"]
    assert variables["JOB_RETENTION_DAYS"] == {"Ref": "JobRetentionDays"}


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_a_parameter_says_what_it_is_and_what_it_takes(name: str) -> None:
    parameter = PARAMETERS[name]
    assert parameter["Description"]
    if parameter["Type"] == "CommaDelimitedList":
        return
    assert parameter["ConstraintDescription"]
    assert {"AllowedPattern", "AllowedValues"} & set(parameter) or {"MinValue", "MaxValue"} <= set(
        parameter
    )
    if "AllowedPattern" in parameter and "Default" in parameter:
        assert re.fullmatch(parameter["AllowedPattern"], parameter["Default"])


def test_the_parameters_are_presented_in_groups() -> None:
    groups = template()["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    listed = [name for group in groups for name in group["Parameters"]]
    assert sorted(listed) == sorted(PARAMETERS)


def test_names_leave_room_for_what_is_added_to_them() -> None:
    """SageMaker's names have 63 characters: PROJECT-STAGE-, 16 of a hash, two counts."""
    longest = "p" * 20, "s" * 10
    for name, value in zip(("ProjectName", "StageName"), longest, strict=True):
        pattern = PARAMETERS[name]["AllowedPattern"]
        assert re.fullmatch(pattern, value)
        assert not re.fullmatch(pattern, value + "x")
    assert len("-".join([*longest, "0" * 16, "999", "99"])) <= 63


def test_only_names_that_others_rely_on_are_fixed() -> None:
    """A fixed name keeps a second stack from being made, and a resource from being replaced."""
    fixed = {
        f"{name}.{key}"
        for name, resource in template()["Resources"].items()
        for key in resource.get("Properties", {})
        if key.endswith("Name") and key not in ("StageName", "PolicyName", "ProviderName")
    }
    logs = {f"{name}.LogGroupName" for name, _ in resources("AWS::Logs::LogGroup")}
    assert {"ModelPackageGroup.ModelPackageGroupName"} <= fixed
    assert not {name for name in fixed - logs if name.split(".")[1] in PLAIN_NAMES}


PLAIN_NAMES = {"BucketName", "TableName", "QueueName", "TopicName", "FunctionName", "RoleName"}


def test_other_systems_find_what_they_connect_to() -> None:
    assert {
        "ApiUrl",
        "UserPoolId",
        "MachineClientId",
        "TokenUrl",
        "RecordingsBucketName",
        "RequestsBucketName",
        "ModelsBucketName",
        "JobsTableName",
        "SuccessTopicArn",
        "ErrorTopicArn",
        "DeploymentStateMachineArn",
        "ModelPackageGroupName",
        "EndpointName",
        "ApiFunctionName",
        "CompletionFunctionName",
        "SweeperFunctionName",
    } <= set(template()["Outputs"])
    for name, output in template()["Outputs"].items():
        assert output["Description"], name


def test_everything_that_a_machine_is_told_exists_in_its_definition() -> None:
    for name, machine in resources("AWS::Serverless::StateMachine"):
        text = (ROOT / machine["DefinitionUri"]).read_text()
        used = set(re.findall(r"\$\{(\w+)\}", text))
        assert used == set(machine.get("DefinitionSubstitutions", {})), name


def test_every_machine_is_traced_and_logs_no_data() -> None:
    for name, machine in resources("AWS::Serverless::StateMachine"):
        assert machine["Tracing"] == {"Enabled": True}, name
        assert machine["Logging"]["IncludeExecutionData"] is False, name


def test_a_person_approves_a_model_where_nobody_has_said_otherwise() -> None:
    assert PARAMETERS["AutoApprove"]["Default"] == "false"
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    said = {
        profile: config[profile]["deploy"]["parameters"]["parameter_overrides"].split()
        for profile in ("default", "dev", "prod")
    }
    assert "AutoApprove=false" in said["prod"]
    assert "AutoApprove=true" in said["default"]
    assert "AutoApprove=true" in said["dev"]


@pytest.mark.parametrize("profile", ["default", "dev", "prod"])
def test_a_profile_sets_parameters_that_there_are(profile: str) -> None:
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    deploy = config[profile]["deploy"]["parameters"]
    overrides = dict(pair.split("=", 1) for pair in deploy["parameter_overrides"].split())
    for name, value in overrides.items():
        parameter = PARAMETERS[name]
        if "AllowedPattern" in parameter:
            assert re.fullmatch(parameter["AllowedPattern"], value)
        if "AllowedValues" in parameter:
            assert value in map(str, parameter["AllowedValues"])
    assert "CAPABILITY_IAM" in deploy["capabilities"]


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_function_installs_pinned_and_checked_packages_without_numpy(name: str) -> None:
    requirements = (ROOT / FUNCTIONS[name]["CodeUri"] / "requirements.txt").read_text()
    packages = re.findall(r"^([A-Za-z0-9_.-]+)==", requirements, re.MULTILINE)
    assert packages
    assert not {"numpy", "scipy", "lightgbm"} & set(packages)
    for entry in re.split(r"\n(?=\S)", requirements.strip()):
        assert "--hash=sha256:" in entry, entry


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_function_imports_only_what_it_installs(name: str) -> None:
    """Locally a function sees more packages than on Lambda, and would not notice."""
    folder = ROOT / FUNCTIONS[name]["CodeUri"]
    requirements = (folder / "requirements.txt").read_text()
    installed = {
        package.lower().replace("-", "_").removeprefix("python_")
        for package in re.findall(r"^([A-Za-z0-9_.-]+)==", requirements, re.MULTILINE)
    }
    shared = ROOT / "functions/shared/python"
    own = {path.name for place in (folder, shared) for path in place.iterdir() if path.is_dir()}
    linked = [path for path in folder.iterdir() if path.is_symlink()]
    sources = [path for place in (folder, shared, *linked) for path in place.rglob("*.py")]
    for path in sources:
        for module in _imported(ast.parse(path.read_text())):
            known = installed | own | set(sys.stdlib_module_names)
            assert module in known, f"{path.name} imports {module}"


@pytest.mark.parametrize(
    ("link", "meant"),
    [
        ("functions/shared/python/femo_result", "femo_result"),
        ("functions/models/femo_models", "femo_models"),
        ("functions/models/femo_http", "functions/http/femo_http"),
        ("functions/api/femo_http", "functions/http/femo_http"),
        ("functions/api/femo_api/openapi.json", "docs/openapi.json"),
    ],
)
def test_what_a_function_shares_is_the_thing_itself_and_not_a_copy(link: str, meant: str) -> None:
    held = ROOT / link
    assert held.samefile(ROOT / meant)
    assert not held.readlink().is_absolute()


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_function_without_pydantic_takes_the_errors_alone_of_the_result(name: str) -> None:
    folder = ROOT / FUNCTIONS[name]["CodeUri"]
    has_pydantic = "\npydantic==" in "\n" + (folder / "requirements.txt").read_text()
    shared = ROOT / "functions/shared/python/femo_jobs"
    for path in [*shared.rglob("*.py"), *([] if has_pydantic else folder.rglob("*.py"))]:
        taken = re.findall(r"(?:from|import) (femo_result[\w.]*)", path.read_text())
        assert all(name.startswith("femo_result.errors") for name in taken), path.name


def _imported(tree: ast.AST) -> set[str]:
    checking = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for child in ast.walk(node)
    }
    found = set()
    for node in ast.walk(tree):
        if id(node) in checking:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_the_handlers_of_the_template_exist() -> None:
    for name, function in FUNCTIONS.items():
        module, _, attribute = function["Handler"].rpartition(".")
        path = ROOT / function["CodeUri"] / (module.replace(".", "/") + ".py")
        tree = ast.parse(path.read_text())
        assert attribute in {
            node.name for node in tree.body if isinstance(node, ast.FunctionDef)
        }, name


def test_what_restores_is_the_machine_that_deploys_and_a_failure_of_it_starts_no_other() -> None:
    found = template()["Resources"]
    deployment, restoration = (
        found[f"{name}StateMachine"]["Properties"] for name in ("Deployment", "Restoration")
    )
    for part in ("DefinitionUri", "DefinitionSubstitutions", "Role"):
        assert restoration[part] == deployment[part], part
    rule = found["RestorationRule"]["Properties"]
    detail = rule["EventPattern"]["detail"]
    assert detail["stateMachineArn"] == [{"Ref": "DeploymentStateMachine"}]
    # A stopped or timed out execution runs no state that could restore anything
    assert set(detail["status"]) == {"FAILED", "TIMED_OUT", "ABORTED"}
    for name in ("RestorationRule", "ScalingCheckRule"):
        (target,) = found[name]["Properties"]["Targets"]
        assert target["Arn"] == {"Ref": "RestorationStateMachine"}
    told = found["ExecutionFailureRule"]["Properties"]["EventPattern"]["detail"]
    assert {"Ref": "RestorationStateMachine"} in told["stateMachineArn"]
