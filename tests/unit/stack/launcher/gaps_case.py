"""What MiniStack drops or lacks is there: properties, trust, private names, answers on disk."""

# unittest, because MiniStack's environment has no pytest
# ruff: noqa: PT009, PT027

import asyncio
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

from ministack.services import sts

from local_stack.launcher import (
    bucket_properties,
    durability,
    functions,
    loopback_transport,
    service_sessions,
    snapshots,
)
from local_stack.launcher.private_names import MinistackMismatchError, PrivateName, check

ROLE = "arn:aws:iam::000000000000:role/r"


class PrivateNames(unittest.TestCase):
    def test_the_installed_ministack_has_every_name(self) -> None:
        from local_stack.launcher.__main__ import PATCHES

        check(name for patch in PATCHES for name in patch.PRIVATE_NAMES)

    def test_a_name_that_is_gone_or_changed_is_told(self) -> None:
        names = [
            PrivateName("services.sns", "_gone"),
            PrivateName("services.sns", "_deliver_to_lambda", ("nonsense",)),
            PrivateName("app", "AUTH", kind=dict),
        ]
        with self.assertRaises(MinistackMismatchError) as caught:
            check(names)
        text = str(caught.exception)
        for expected in ("_gone is gone", "not ('nonsense',)", "is a bool", "make setup"):
            self.assertIn(expected, text)


class Buckets(unittest.TestCase):
    def test_encryption_is_written_as_the_s3_api_takes_it(self) -> None:
        rule = {
            "BucketKeyEnabled": True,
            "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "a&b"},
        }
        body = bucket_properties.encryption_xml({"ServerSideEncryptionConfiguration": [rule]})
        root = ET.fromstring(body)
        self.assertEqual(root.findtext(".//SSEAlgorithm"), "aws:kms")
        self.assertEqual(root.findtext(".//KMSMasterKeyID"), "a&b")
        self.assertEqual(root.findtext(".//BucketKeyEnabled"), "true")

    def test_lifecycle_rules_are_all_written(self) -> None:
        rules = [
            {"Status": "Enabled", "ExpirationInDays": 3, "Prefix": "tmp/"},
            {"Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}},
        ]
        root = ET.fromstring(bucket_properties.lifecycle_xml({"Rules": rules}))
        self.assertEqual(len(root.findall("Rule")), 2)
        self.assertEqual(root.findtext("Rule/Expiration/Days"), "3")
        self.assertEqual(root.findtext("Rule/Filter/Prefix"), "tmp/")
        self.assertEqual(root.findtext(".//DaysAfterInitiation"), "1")


class Trust(unittest.TestCase):
    def trusts(self, condition: dict[str, Any], source: str, effect: str = "Allow") -> bool:
        statement = {
            "Effect": effect,
            "Principal": {"Service": ["states.amazonaws.com"]},
            "Action": "sts:AssumeRole",
            "Condition": condition,
        }
        return service_sessions.trusts(
            {"Statement": [statement]}, ROLE, "states.amazonaws.com", source
        )

    def test_a_role_is_given_to_the_service_that_it_trusts(self) -> None:
        self.assertTrue(self.trusts({}, "arn:x"))
        self.assertFalse(self.trusts({}, "arn:x", effect="Deny"))
        policy = {
            "Statement": {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}
        }
        self.assertFalse(service_sessions.trusts(policy, ROLE, "states.amazonaws.com", "arn:x"))

    def test_the_conditions_of_a_trust_policy_count(self) -> None:
        account = {"StringEquals": {"aws:SourceAccount": "000000000000"}}
        source = {"ArnLike": {"aws:SourceArn": "arn:aws:states:*:*:stateMachine:mine*"}}
        self.assertTrue(self.trusts(account, "arn:x"))
        mine = "arn:aws:states:us-east-1:000000000000:stateMachine:mine-1"
        self.assertTrue(self.trusts({**account, **source}, mine))
        self.assertFalse(self.trusts(source, mine.replace("mine", "yours")))


class Interpreter(unittest.TestCase):
    def test_a_function_sees_boto3_and_nothing_else_of_ministacks(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            python = functions.make_interpreter(Path(folder))

            def imports(module: str) -> bool:
                command = [str(python), "-c", f"import {module}"]
                return subprocess.run(command, capture_output=True, check=False).returncode == 0

            self.assertTrue(imports("boto3"))
            self.assertFalse(imports("pydantic"))
            self.assertFalse(imports("ministack"))


def scope(method: str, path: str = "/", **headers: str) -> dict[str, Any]:
    named = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
    return {"type": "http", "method": method, "path": path, "headers": named}


class Answers(unittest.TestCase):
    def order(self, request: dict[str, Any]) -> list[str]:
        seen: list[str] = []

        async def application(_scope: Any, _receive: Any, send: Any) -> None:
            seen.append("work")
            await send({"type": "http.response.start"})

        async def commit(structural: bool) -> None:
            seen.append("commit all" if structural else "commit")

        async def send(_message: Any) -> None:
            seen.append("answer")

        async def receive() -> Any:
            return {}

        async def main() -> None:
            await snapshots.with_commits(application, commit)(request, receive, send)

        asyncio.run(main())
        return seen

    def test_a_change_is_on_disk_before_it_is_answered(self) -> None:
        self.assertEqual(self.order(scope("PUT", "/bucket/key")), ["work", "commit", "answer"])

    def test_a_read_waits_for_nothing(self) -> None:
        self.assertEqual(self.order(scope("GET")), ["work", "answer"])
        target = "DynamoDB_20120810.GetItem"
        self.assertEqual(self.order(scope("POST", x_amz_target=target)), ["work", "answer"])

    def test_what_functions_and_machines_do_waits_for_their_own_caller(self) -> None:
        waits = {}
        for name, session in {
            "function": {"Arn": "arn:aws:sts::000000000000:assumed-role/r/f"},
            "machine": {"Arn": "arn:aws:sts::000000000000:assumed-role/r/states", "Expiration": 1},
            "container": {"Arn": "arn:aws:sts::0:assumed-role/r/sagemaker", "Expiration": 1},
        }.items():
            sts._sessions[f"ASIA{name}"] = session
            self.addCleanup(sts._sessions.pop, f"ASIA{name}")
            signed = f"AWS4-HMAC-SHA256 Credential=ASIA{name}/20260101/us-east-1/s3/aws4_request"
            waits[name] = "commit" in self.order(scope("PUT", authorization=signed))
        self.assertEqual(waits, {"function": False, "machine": False, "container": True})

    def test_a_changed_function_is_written_and_an_invocation_is_not(self) -> None:
        signed = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/lambda/aws4_request, x"
        change = scope("PUT", "/2015-03-31/functions/f/code", authorization=signed)
        call = scope("POST", "/2015-03-31/functions/f/invocations", authorization=signed)
        self.assertEqual(self.order(change)[1], "commit all")
        self.assertEqual(self.order(call)[1], "commit")

    def test_requests_that_come_together_share_a_write(self) -> None:
        writes: list[bool] = []
        done: list[int] = []

        async def main() -> None:
            committer = durability.Committer(writes.append)
            await committer.committed(structural=False)

            async def one(number: int) -> None:
                await committer.committed(structural=False)
                done.append(number)

            await asyncio.gather(*(one(number) for number in range(20)))
            called = asyncio.Event()
            committer.after_commit(called.set)
            await asyncio.wait_for(called.wait(), 10)

        asyncio.run(main())
        self.assertEqual(sorted(done), list(range(20)))
        self.assertEqual(writes, [True, False, False])

    def test_a_plain_request_counts_as_tls_unless_it_says_otherwise(self) -> None:
        seen: list[bytes] = []

        async def application(request: Any, _receive: Any, _send: Any) -> None:
            seen.append(dict(request["headers"])[b"x-forwarded-proto"])

        wrapped = loopback_transport.as_tls(application)
        for request in (scope("GET"), scope("GET", x_forwarded_proto="http")):
            asyncio.run(wrapped(request, None, None))  # type: ignore[arg-type]
        self.assertEqual(seen, [b"https", b"http"])
