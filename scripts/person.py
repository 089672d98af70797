"""A person who may sign in to the local stack's console, made where there is none yet."""

from __future__ import annotations

import json
import secrets
import string
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

EMAIL = "person@example.org"
APPROVERS = "modelApprovers"
"""The template's group of those who may decide on models: the stack is the person's own."""
_RANDOM_CHARACTERS = 20
_ONE_OF_EACH = "Aa1"  # what the pool's policy asks for, whatever the random part holds


@dataclass(frozen=True)
class Person:
    """Who signs in, and with what."""

    email: str
    password: str


def ensure_person(pool: Any, pool_id: str, kept: Path) -> Person:
    """Return the person of a stack's folder, whom the pool then knows, as one who approves models.

    Parameters
    ----------
    pool
        A client of cognito-idp.
    kept
        The file that keeps the password, for its owner alone; it outlives the pool.
    """
    person = _kept_person(kept) or _new_person(kept)
    try:
        pool.admin_create_user(
            UserPoolId=pool_id,
            Username=person.email,
            TemporaryPassword=person.password,
            MessageAction="SUPPRESS",
            UserAttributes=[
                {"Name": "email", "Value": person.email},
                {"Name": "email_verified", "Value": "true"},
            ],
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "UsernameExistsException":
            raise
    pool.admin_set_user_password(
        UserPoolId=pool_id, Username=person.email, Password=person.password, Permanent=True
    )
    pool.admin_add_user_to_group(UserPoolId=pool_id, Username=person.email, GroupName=APPROVERS)
    return person


def _kept_person(kept: Path) -> Person | None:
    try:
        return Person(**json.loads(kept.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _new_person(kept: Path) -> Person:
    letters = string.ascii_letters + string.digits
    random = "".join(secrets.choice(letters) for _ in range(_RANDOM_CHARACTERS))
    person = Person(EMAIL, random + _ONE_OF_EACH)
    kept.touch(mode=0o600)
    kept.write_text(json.dumps(asdict(person)) + "\n")
    return person
