"""The nextToken of a listing: opaque, and refused where it was changed."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from dataclasses import astuple

from femo_api.errors import ApiError, Code
from femo_jobs.listing import Wanted

_CHECK_BYTES = 9
_FINGERPRINT_DIGITS = 16
_MAX_LENGTH = 400
# A job's time of creation and id, as Job.listing_key has them.
_LISTING_KEY = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{12}Z#[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII
)


def encode(listing_key: str, wanted: Wanted) -> str:
    """Return the token of the page after ``listing_key`` in the listing of ``wanted``.

    It names a place by time, not by row or partition: rows that come or go do not move it.
    """
    payload = f"2|{_fingerprint(wanted)}|{listing_key}".encode()
    return base64.urlsafe_b64encode(_check(payload) + payload).decode().rstrip("=")


def decode(token: str, wanted: Wanted) -> str:
    """Return the listing key after which the page begins.

    The check finds changed and mixed-up tokens. It is no secret: a made-up token could only
    name another place in a list that its bearer may read anyhow.

    Raises
    ------
    ApiError
        400 if the token is not one of ours, or belongs to a listing with other filters.
    """
    try:
        if len(token) > _MAX_LENGTH:
            raise ValueError("too long")
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        check, payload = raw[:_CHECK_BYTES], raw[_CHECK_BYTES:]
        version, of_listing, listing_key = payload.decode().split("|", 2)
        if check != _check(payload) or version != "2" or of_listing != _fingerprint(wanted):
            raise ValueError("changed")
        if not _LISTING_KEY.fullmatch(listing_key):
            raise ValueError("no place in a listing")
        if encode(listing_key, wanted) != token:
            raise ValueError("not canonical")
    except (ValueError, binascii.Error) as error:
        raise ApiError(
            Code.INVALID_NEXT_TOKEN,
            "nextToken is not one that this listing has given. Start again without it.",
            field="nextToken",
        ) from error
    return listing_key


def _fingerprint(wanted: Wanted) -> str:
    """Return by what a listing is known: its filters, which may be long, in a few characters."""
    return hashlib.sha256(json.dumps(astuple(wanted)).encode()).hexdigest()[:_FINGERPRINT_DIGITS]


def _check(payload: bytes) -> bytes:
    return hashlib.sha256(b"femo jobs listing" + payload).digest()[:_CHECK_BYTES]
