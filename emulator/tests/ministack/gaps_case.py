"""What MiniStack drops or lacks is there: properties, trust, private names."""

# unittest, because MiniStack's environment has no pytest
# ruff: noqa: PT009, PT027

import asyncio
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path
from typing import Any

from local_aws.ministack import loopback_transport
from local_aws.ministack.iam import service_sessions
from local_aws.ministack.lambda_functions import environments as function_environments
from local_aws.ministack.lambda_functions import runtime as functions
from local_aws.ministack.private_names import MinistackMismatchError, PrivateName, check
from local_aws.ministack.s3 import bucket_properties, ranges_of_versions

ROLE = "arn:aws:iam::000000000000:role/r"


class PrivateNames(unittest.TestCase):
    def test_the_installed_ministack_has_every_name(self) -> None:
        from local_aws.ministack.__main__ import PATCHES

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


class Versions(unittest.TestCase):
    def test_a_recording_of_several_ranges_is_put_together_from_parts_and_not_from_wholes(
        self,
    ) -> None:
        whole = (200, {"ETag": "e", "x-amz-checksum-crc32": "c"}, b"0123456789")
        status, headers, body = ranges_of_versions.part_of(whole, "bytes=4-6")
        self.assertEqual((status, body), (206, b"456"))
        self.assertEqual(headers["Content-Range"], "bytes 4-6/10")
        self.assertEqual(headers["Content-Length"], "3")
        self.assertNotIn("x-amz-checksum-crc32", headers)
        self.assertEqual(ranges_of_versions.part_of(whole, "bytes=10-")[0], 416)


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


class Environments(unittest.TestCase):
    def test_environments_of_a_package_share_what_it_holds(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            archive = folder / "code.zip"
            with zipfile.ZipFile(archive, "w") as file:
                file.writestr("package/module.py", "x = 1")
            packages = function_environments.Packages(folder / "packages")
            places = [folder / "one", folder / "two"]
            for place in places:
                place.mkdir()
                packages.link(archive, place)
            found = [(place / "package" / "module.py").resolve() for place in places]
            self.assertEqual(found[0].read_text(), "x = 1")
            self.assertEqual(found[0], found[1])
            places[0].unlink()  # an environment ends
            self.assertTrue(found[1].exists())

    def test_what_a_handler_raises_is_told_as_an_error(self) -> None:
        told = {"status": "ok", "result": {"__raised__": ["gone", "Traceback"]}, "log": "l"}
        raised = function_environments.as_raised(told)
        self.assertEqual(
            (raised["status"], raised["error"], raised["trace"], raised["log"]),
            ("error", "gone", "Traceback", "l"),
        )
        answer = {"status": "ok", "result": {"statusCode": 200}}
        self.assertEqual(function_environments.as_raised(answer), answer)


def scope(method: str, path: str = "/", **headers: str) -> dict[str, Any]:
    named = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
    return {"type": "http", "method": method, "path": path, "headers": named}


class Transport(unittest.TestCase):
    def test_a_plain_request_counts_as_tls_unless_it_says_otherwise(self) -> None:
        seen: list[bytes] = []

        async def application(request: Any, _receive: Any, _send: Any) -> None:
            seen.append(dict(request["headers"])[b"x-forwarded-proto"])

        wrapped = loopback_transport.as_tls(application)
        for request in (scope("GET"), scope("GET", x_forwarded_proto="http")):
            asyncio.run(wrapped(request, None, None))  # type: ignore[arg-type]
        self.assertEqual(seen, [b"https", b"http"])
