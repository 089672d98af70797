"""Encryption and lifecycle of a bucket in a template, which MiniStack drops."""

from typing import Any
from xml.sax.saxutils import escape

from ministack.services import s3
from ministack.services.cloudformation import provisioners

from local_aws.ministack.private_names import PrivateName

PRIVATE_NAMES = (
    PrivateName("services.cloudformation.provisioners", "_S3_BUCKET_CONFIGURATIONS", kind=tuple),
    PrivateName("services.s3", "_put_bucket_encryption", ("name", "body")),
    PrivateName("services.s3", "_delete_bucket_encryption", ("name",)),
    PrivateName("services.s3", "_put_bucket_lifecycle", ("name", "body")),
    PrivateName("services.s3", "_delete_bucket_lifecycle", ("name",)),
)

# CloudFormation's name of a rule's property -> the element of the S3 API
_COPIED_RULE_PROPERTIES = ("NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload")


def apply() -> None:
    """Store both properties through the S3 API, as MiniStack does the others."""
    provisioners._S3_BUCKET_CONFIGURATIONS += (
        (
            "BucketEncryption",
            encryption_xml,
            s3._put_bucket_encryption,
            s3._delete_bucket_encryption,
        ),
        (
            "LifecycleConfiguration",
            lifecycle_xml,
            s3._put_bucket_lifecycle,
            s3._delete_bucket_lifecycle,
        ),
    )


def encryption_xml(properties: dict[str, Any]) -> bytes:
    """Return PutBucketEncryption's body for a template's ``BucketEncryption``."""
    rules = [
        {
            "ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"],
            "BucketKeyEnabled": rule.get("BucketKeyEnabled", False),
        }
        for rule in properties["ServerSideEncryptionConfiguration"]
    ]
    return _element("ServerSideEncryptionConfiguration", {"Rule": rules}).encode()


def lifecycle_xml(properties: dict[str, Any]) -> bytes:
    """Return PutBucketLifecycleConfiguration's body for a ``LifecycleConfiguration``."""
    rules = []
    for number, rule in enumerate(properties["Rules"]):
        wire: dict[str, Any] = {
            "ID": rule.get("Id", f"rule-{number}"),
            "Filter": {"Prefix": rule.get("Prefix", "")},
            "Status": rule["Status"],
        }
        if "ExpirationInDays" in rule:
            wire["Expiration"] = {"Days": rule["ExpirationInDays"]}
        elif "ExpiredObjectDeleteMarker" in rule:
            wire["Expiration"] = {"ExpiredObjectDeleteMarker": rule["ExpiredObjectDeleteMarker"]}
        wire |= {name: rule[name] for name in _COPIED_RULE_PROPERTIES if name in rule}
        transitions = [
            {"StorageClass": item["StorageClass"], "Days": item["TransitionInDays"]}
            for item in rule.get("Transitions", [])
            if "TransitionInDays" in item
        ]
        if transitions:
            wire["Transition"] = transitions
        rules.append(wire)
    return _element("LifecycleConfiguration", {"Rule": rules}).encode()


def _element(tag: str, value: Any) -> str:
    if isinstance(value, list):
        return "".join(_element(tag, item) for item in value)
    if isinstance(value, dict):
        return f"<{tag}>{''.join(_element(key, item) for key, item in value.items())}</{tag}>"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"<{tag}>{escape(text)}</{tag}>"
