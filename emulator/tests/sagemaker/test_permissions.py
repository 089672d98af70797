"""Each operation is checked on the resources, and with the conditions, that AWS checks."""

from sagemaker_fakes import ROLE

from local_aws.sagemaker.identity import Check
from local_aws.sagemaker.permissions import needed

HERE = "arn:aws:sagemaker:us-east-1:000000000000"


def test_handing_a_role_to_sagemaker_needs_pass_role() -> None:
    checks = needed("CreateModel", {"ModelName": "m", "ExecutionRoleArn": ROLE})
    assert checks[0] == Check("sagemaker:CreateModel", f"{HERE}:model/m")
    assert checks[1].action == "iam:PassRole"
    assert checks[1].resource == ROLE
    assert checks[1].context == {"iam:PassedToService": "sagemaker.amazonaws.com"}


def test_tags_at_creation_need_add_tags() -> None:
    request = {"TrainingJobName": "t", "Tags": [{"Key": "a", "Value": "b"}]}
    actions = [check.action for check in needed("CreateTrainingJob", request)]
    assert actions == ["sagemaker:CreateTrainingJob", "sagemaker:AddTags"]


def test_an_update_needs_the_endpoint_and_its_new_configuration() -> None:
    request = {"EndpointName": "e", "EndpointConfigName": "c"}
    resources = [check.resource for check in needed("UpdateEndpoint", request)]
    assert resources == [f"{HERE}:endpoint/e", f"{HERE}:endpoint-config/c"]


def test_a_new_package_is_checked_on_the_versions_of_its_group() -> None:
    request = {"ModelPackageGroupName": f"{HERE}:model-package-group/acme"}
    assert needed("CreateModelPackage", request)[0].resource == f"{HERE}:model-package/acme/*"


def test_what_names_no_resource_is_checked_on_all() -> None:
    assert needed("ListEndpoints", {}) == [Check("sagemaker:ListEndpoints", "*")]
    assert needed("ListTags", {"ResourceArn": f"{HERE}:model/m"})[0].resource == f"{HERE}:model/m"
