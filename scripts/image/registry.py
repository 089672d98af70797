"""The repository in Amazon ECR: read, logged in to, never made or changed here."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from .builders import Login
from .errors import ImageError

__all__ = ["PushedImage", "Repository"]


@dataclass(frozen=True)
class PushedImage:
    """An image as ECR holds it."""

    digest: str
    media_type: str


class Repository:
    """A repository that exists and whose tags stay what they are.

    Raises
    ------
    ImageError
        Without one, with the command that makes it; and where a tag may be moved later.
    """

    def __init__(self, name: str, client: Any = None) -> None:
        self.name = name
        try:
            self.client = client or boto3.client("ecr")
            (found,) = self.client.describe_repositories(repositoryNames=[name])["repositories"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "RepositoryNotFoundException":
                raise ImageError(
                    f"no repository '{name}' in this account and region. To make it:\n"
                    f"  aws ecr create-repository --repository-name {name} \\\n"
                    "    --image-tag-mutability IMMUTABLE "
                    "--image-scanning-configuration scanOnPush=true"
                ) from error
            raise ImageError(f"Amazon ECR: {error}") from error
        except BotoCoreError as error:
            raise ImageError(f"Amazon ECR: {error}") from error
        self.uri: str = found["repositoryUri"]
        if found.get("imageTagMutability", "MUTABLE") != "IMMUTABLE":
            raise ImageError(
                f"tags of the repository '{name}' can be moved to another image. To end that:\n"
                f"  aws ecr put-image-tag-mutability --repository-name {name} "
                "--image-tag-mutability IMMUTABLE"
            )

    def login(self) -> Login:
        """Return a password that holds for twelve hours."""
        try:
            (given,) = self.client.get_authorization_token()["authorizationData"]
        except (BotoCoreError, ClientError) as error:
            raise ImageError(f"Amazon ECR gave no login: {error}") from error
        user, _, password = base64.b64decode(given["authorizationToken"]).decode().partition(":")
        return Login(self.uri.partition("/")[0], user, password)

    def image(self, tag: str) -> PushedImage | None:
        """Return what a tag names; None if nothing."""
        try:
            (found,) = self.client.describe_images(
                repositoryName=self.name, imageIds=[{"imageTag": tag}]
            )["imageDetails"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ImageNotFoundException":
                return None
            raise ImageError(f"Amazon ECR: {error}") from error
        return PushedImage(found["imageDigest"], found.get("imageManifestMediaType", "unknown"))
