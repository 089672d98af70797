"""ANY methods and gateway responses of a REST API's OpenAPI body, which MiniStack drops."""

from typing import Any

from ministack.services import apigateway_v1 as rest_api
from ministack.services.cloudformation import provisioners

from local_aws.ministack.private_names import PrivateName

ANY_METHOD = "x-amazon-apigateway-any-method"
GATEWAY_RESPONSES = "x-amazon-apigateway-gateway-responses"

PRIVATE_NAMES = (
    PrivateName("services.apigateway_v1", "_OPENAPI_HTTP_METHODS", kind=set),
    PrivateName(
        "services.apigateway_v1",
        "_import_operation",
        ("api_id", "resource_id", "http_method", "operation"),
    ),
    PrivateName(
        "services.apigateway_v1", "_put_gateway_response", ("api_id", "response_type", "data")
    ),
    PrivateName("services.cloudformation.provisioners", "_RESOURCE_HANDLERS", kind=dict),
)


def apply() -> None:
    """Teach the OpenAPI import both extensions."""
    import_operation = rest_api._import_operation

    def import_any(
        api_id: str, resource_id: str, http_method: str, *arguments: Any, **named: Any
    ) -> Any:
        method = "ANY" if http_method.lower() == ANY_METHOD else http_method
        return import_operation(api_id, resource_id, method, *arguments, **named)

    rest_api._OPENAPI_HTTP_METHODS.add(ANY_METHOD)
    rest_api._import_operation = import_any

    handler = provisioners._RESOURCE_HANDLERS["AWS::ApiGateway::RestApi"]
    create, update = handler["create"], handler["update"]

    def create_api(logical_id: str, properties: dict[str, Any], stack_name: str) -> Any:
        created = create(logical_id, properties, stack_name)
        _put_gateway_responses(created[0], properties)
        return created

    def update_api(
        api_id: str, old: dict[str, Any], new: dict[str, Any], *arguments: Any, **named: Any
    ) -> Any:
        updated = update(api_id, old, new, *arguments, **named)
        _put_gateway_responses(api_id, new)
        return updated

    handler["create"], handler["update"] = create_api, update_api


def _put_gateway_responses(api_id: str, properties: dict[str, Any]) -> None:
    responses = (properties.get("Body") or {}).get(GATEWAY_RESPONSES) or {}
    for response_type, response in responses.items():
        wire = dict(response)
        if "statusCode" in wire:
            wire["statusCode"] = str(wire["statusCode"])
        rest_api._put_gateway_response(api_id, response_type, wire)
