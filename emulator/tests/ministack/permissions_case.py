"""A service does for a role only what the role may do, and says what is missing."""

# unittest, because MiniStack's environment has no pytest
# ruff: noqa: PT009

import asyncio
import json
import secrets
import unittest
from typing import Any

from ministack import app as gateway
from ministack.core.responses import set_request_account_id, set_request_region
from ministack.services import iam, kms, sns, sqs

from local_aws.ministack.eventbridge import rule_targets
from local_aws.ministack.iam import authorization, checked_resources
from local_aws.ministack.lambda_functions import logs as function_logs
from local_aws.ministack.s3 import missing_objects
from local_aws.ministack.sns import encrypted_topics

ACCOUNT = "arn:aws:iam::000000000000"
MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:m"
TOPIC = "arn:aws:sns:us-east-1:000000000000:t"
GROUP = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/f"


class PermissionCase(unittest.TestCase):
    """IAM with roles that the test makes."""

    def setUp(self) -> None:
        set_request_account_id("test")
        set_request_region("us-east-1")
        authorization._sessions.clear()
        self.addCleanup(setattr, gateway, "AUTH", gateway.AUTH)
        gateway.AUTH = True

    def role(self, service: str, *statements: tuple[str, str]) -> str:
        """Make a role that a service may take, with statements of action and resource."""
        name = f"role-{secrets.token_hex(4)}"
        allowed = [
            {"Effect": "Allow", "Action": action, "Resource": resource}
            for action, resource in statements
        ]
        trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        document = {"Version": "2012-10-17", "Statement": allowed}
        iam._roles[name] = {
            "RoleName": name,
            "RoleId": name,
            "Arn": f"{ACCOUNT}:role/{name}",
            "AssumeRolePolicyDocument": json.dumps({"Statement": [trust]}),
            "InlinePolicies": {"p": json.dumps(document)} if allowed else {},
            "AttachedPolicies": [],
            "Tags": [],
        }
        return f"{ACCOUNT}:role/{name}"


class Roles(PermissionCase):
    def refusal(self, role: str, *needed: tuple[str, str]) -> str | None:
        return authorization.refusal_of_role(role, "lambda.amazonaws.com", "arn:f", *needed)

    def test_a_role_may_do_what_its_policy_says_and_no_more(self) -> None:
        role = self.role("lambda.amazonaws.com", ("sqs:SendMessage", "arn:q"))
        self.assertIsNone(self.refusal(role, ("sqs:SendMessage", "arn:q")))
        for action, resource in (("sqs:SendMessage", "arn:other"), ("sqs:Purge", "arn:q")):
            told = self.refusal(role, ("sqs:SendMessage", "arn:q"), (action, resource)) or ""
            self.assertIn(f"not authorized to perform: {action} on resource: {resource}", told)

    def test_a_role_that_does_not_trust_the_service_is_not_used(self) -> None:
        role = self.role("events.amazonaws.com", ("sqs:SendMessage", "arn:q"))
        self.assertIn("does not trust", self.refusal(role, ("sqs:SendMessage", "arn:q")) or "")

    def test_nothing_is_refused_where_permissions_are_not_enforced(self) -> None:
        gateway.AUTH = False
        self.assertIsNone(self.refusal("arn:nobody", ("sqs:SendMessage", "arn:q")))


class Logs(PermissionCase):
    def refusal(self, *statements: tuple[str, str]) -> str | None:
        role = self.role("lambda.amazonaws.com", *statements)
        return function_logs.refusal_of_writer(
            {"FunctionName": "f", "FunctionArn": "arn:f", "Role": role}
        )

    def test_a_function_needs_both_permissions_on_its_own_group(self) -> None:
        create, put = ("logs:CreateLogStream", f"{GROUP}:*"), ("logs:PutLogEvents", f"{GROUP}:*")
        self.assertIsNone(self.refusal(create, put))
        self.assertIn("PutLogEvents", self.refusal(create) or "")
        self.assertIn("CreateLogStream", self.refusal(put) or "")
        other = f"{GROUP}2:*"
        self.assertIn("PutLogEvents", self.refusal(create, ("logs:PutLogEvents", other)) or "")

    def test_a_log_is_checked_by_its_stream_as_policies_name_it(self) -> None:
        body = json.dumps({"logGroupName": "g", "logStreamName": "s"}).encode()
        self.assertEqual(checked_resources.with_stream(GROUP, body), f"{GROUP}:log-stream:s")
        self.assertEqual(checked_resources.with_stream(GROUP, b"{}"), f"{GROUP}:log-stream:")
        self.assertEqual(checked_resources.with_stream("*", b""), "*")

    def test_who_may_look_at_an_alarm_may_look_at_no_other(self) -> None:
        def checked(*names: str) -> str:
            body = json.dumps({"AlarmNames": names}).encode()
            return checked_resources.with_alarm("*", body, {}, "us-east-1", "000000000000")

        self.assertEqual(checked("a"), "arn:aws:cloudwatch:us-east-1:000000000000:alarm:a")
        self.assertEqual(checked("a", "b"), "*")
        self.assertEqual(checked(), "*")

    def test_the_namespace_of_a_metric_is_read_in_every_form(self) -> None:
        for body in (b'{"Namespace": "a/b"}', b"Action=PutMetricData&Namespace=a%2Fb&Version=1"):
            self.assertEqual(checked_resources.namespace(body), "a/b")
        self.assertEqual(checked_resources.namespace(b"\xbf\xff"), "")


class Callers(PermissionCase):
    def caller(self, *statements: tuple[str, str]) -> str:
        role = self.role("sagemaker.amazonaws.com", *statements)
        session = authorization._session(role, "sagemaker.amazonaws.com", "arn:e")
        return str(session["AccessKeyId"])

    def test_who_publishes_to_an_encrypted_topic_needs_the_use_of_its_key(self) -> None:
        _, _, body = asyncio.run(
            kms.handle_request("POST", "/", {"x-amz-target": "TrentService.CreateKey"}, b"{}", {})
        )
        key = json.loads(body)["KeyMetadata"]
        sns._topics[TOPIC] = {"attributes": {"KmsMasterKeyId": key["KeyId"]}}
        self.addCleanup(sns._topics.pop, TOPIC)
        both = [(action, key["Arn"]) for action in encrypted_topics.ACTIONS]
        self.assertIsNone(encrypted_topics.refusal_of_publisher(TOPIC, self.caller(*both)))
        for missing in both:
            caller = self.caller(*(one for one in both if one != missing))
            told = encrypted_topics.refusal_of_publisher(TOPIC, caller) or ""
            self.assertIn(missing[0], told)

    def test_a_topic_without_a_key_of_its_own_asks_for_none(self) -> None:
        sns._topics[TOPIC] = {"attributes": {}}
        self.addCleanup(sns._topics.pop, TOPIC)
        self.assertIsNone(encrypted_topics.refusal_of_publisher(TOPIC, self.caller()))

    def test_a_missing_object_is_told_to_those_alone_who_may_list(self) -> None:
        answer = (404, {}, b"<Error><Code>NoSuchKey</Code></Error>")
        lister = self.caller(("s3:ListBucket", "arn:aws:s3:::b"))
        self.assertEqual(missing_objects.without_telling(answer, "GET", "b", lister), answer)
        for method in ("GET", "HEAD"):
            status, _, body = missing_objects.without_telling(answer, method, "b", self.caller())
            self.assertEqual(status, 403)
            self.assertEqual(b"AccessDenied" in body, method == "GET")
        self.assertEqual(missing_objects.without_telling(answer, "GET", "b", ""), answer)


class Rules(PermissionCase):
    def test_a_rule_starts_a_machine_with_its_targets_role(self) -> None:
        rule = {"Arn": "arn:rule"}
        role = self.role("events.amazonaws.com", ("states:StartExecution", MACHINE))
        self.assertIsNone(rule_targets.refusal_of_target({"Arn": MACHINE, "RoleArn": role}, rule))
        other = {"Arn": f"{MACHINE}2", "RoleArn": role}
        self.assertIn("StartExecution", rule_targets.refusal_of_target(other, rule) or "")
        topic = {"Arn": TOPIC}
        self.assertIsNone(rule_targets.refusal_of_target(topic, rule), "it has a policy instead")

    def test_an_event_that_may_not_be_handed_over_is_kept_with_the_reason(self) -> None:
        asyncio.run(
            sqs.handle_request(
                "POST", "/", {"x-amz-target": "AmazonSQS.CreateQueue"}, b'{"QueueName": "q"}', {}
            )
        )
        arn = "arn:aws:sqs:us-east-1:000000000000:q"
        target = {"Arn": MACHINE, "DeadLetterConfig": {"Arn": arn}}
        event = {"Source": "aws.sagemaker", "DetailType": "t", "Detail": '{"a": 1}'}
        rule_targets.keep(target, event, {"Arn": "arn:rule"}, "not authorized")
        queue = sqs._queue_by_arn(arn)
        assert queue is not None
        (kept,) = queue["messages"]
        self.assertEqual(json.loads(kept["body"])["detail"], {"a": 1})
        told: Any = kept["message_attributes"]
        self.assertEqual(told["ERROR_CODE"]["StringValue"], "NO_PERMISSIONS")
        self.assertEqual(told["ERROR_MESSAGE"]["StringValue"], "not authorized")
        self.assertEqual(told["RULE_ARN"]["StringValue"], "arn:rule")
