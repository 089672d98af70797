"""Between the JSON that a state machine sees and the arguments and answers of boto3."""

import datetime
import json
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape
from botocore.response import StreamingBody


def to_sdk(value: Any, shape: Shape) -> Any:
    """Rename a task's PascalCase arguments to the members of boto3's model."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        members: dict[str, str] = {name.lower(): name for name in shape.members}
        renamed = {}
        for key, item in value.items():
            name = members.get(str(key).lower(), str(key))
            member = shape.members.get(name)
            renamed[name] = item if member is None else to_sdk(item, member)
        return renamed
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [to_sdk(item, shape.member) for item in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {key: to_sdk(item, shape.value) for key, item in value.items()}
    if shape.type_name in ("string", "blob") and isinstance(value, dict | list):
        # A JSON document where the API takes text (an execution's input, an object's body)
        value = json.dumps(value)
    if shape.type_name in ("integer", "long") and isinstance(value, float) and value.is_integer():
        # JSONata knows one kind of number
        return int(value)
    if shape.type_name == "blob" and isinstance(value, str):
        return value.encode()
    return value


def from_sdk(value: Any, shape: Shape | None) -> Any:
    """Turn boto3's answer into the JSON that a state sees: PascalCase members, text for bytes."""
    if isinstance(value, StreamingBody):
        value = value.read()
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, datetime.datetime):
        text = value.astimezone(datetime.UTC).isoformat(timespec="milliseconds")
        return text.replace("+00:00", "Z")
    if isinstance(value, dict):
        if isinstance(shape, StructureShape):
            # What botocore adds (ResponseMetadata) is no member of the answer
            return {
                key[:1].upper() + key[1:]: from_sdk(item, shape.members[key])
                for key, item in value.items()
                if key in shape.members
            }
        below = shape.value if isinstance(shape, MapShape) else None
        return {key: from_sdk(item, below) for key, item in value.items()}
    if isinstance(value, list):
        member = shape.member if isinstance(shape, ListShape) else None
        return [from_sdk(item, member) for item in value]
    return value
