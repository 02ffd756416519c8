"""The operations as OpenAPI 3.1: what stands in their table, and no more."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from .operations import Operation
from .schema import Error

_ERRORS = {
    400: "cannot be understood",
    401: "no credential, or one that is worth nothing",
    403: "not with this credential",
    404: "there is nothing of that name",
    409: "it cannot be, as things are",
    413: "too long",
    415: "another type of body is wanted",
    422: "the Idempotency-Key was used for another request",
    503: "the database has no room, or cannot be used now: ask again with the same Idempotency-Key",
}


def described(operations: Sequence[Operation]) -> dict[str, Any]:
    structs = [one for operation in operations for one in (operation.body, operation.answer) if one is not None]
    _, components = msgspec.json.schema_components([*structs, Error], ref_template="#/components/schemas/{name}")
    paths: dict[str, dict[str, Any]] = {}
    for one in operations:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "TOS+ token service",
            "version": "1",
            "description": "Tokens, taps and the ledger. Amounts are integers of the currency's minor unit.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{"credential": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"credential": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(one: Operation) -> dict[str, Any]:
    name = {"type": "string", "minLength": 1, "maxLength": 64, "pattern": r"^[A-Za-z0-9][A-Za-z0-9._-]*$"}
    parameters: list[dict[str, Any]] = [
        {"name": part, "in": "path", "required": True, "schema": name} for part in re.findall(r"{(\w+)}", one.path)
    ]
    for query, (schema, default) in one.query.items():
        known = {} if default is None else {"default": default}
        parameters.append({"name": query, "in": "query", "schema": {**schema, **known}})
    if one.keyed:
        key = {"type": "string", "pattern": "^[!-~]{1,64}$"}
        parameters.append({"name": "Idempotency-Key", "in": "header", "required": True, "schema": key})
    told: dict[str, Any] = {
        "operationId": one.name,
        "summary": one.about,
        "description": f"For: {', '.join(one.scopes)}.",
        "parameters": parameters,
        "responses": {str(one.status): {"description": "done", "content": _content(one)}},
    }
    for status, words in _ERRORS.items():
        content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
        told["responses"][str(status)] = {"description": words, "content": content}
    if one.body is not None:
        told["requestBody"] = {"required": True, "content": {"application/json": {"schema": _schema(one.body)}}}
    return told


def _content(one: Operation) -> dict[str, Any]:
    if one.raw:
        text = {"schema": {"type": "string"}}
        return {"application/json": {"schema": {"type": "object"}}, "text/csv": text, "text/plain": text}
    return {"application/json": {"schema": _schema(one.answer)}}


def _schema(struct: Any) -> Any:
    [schema], _ = msgspec.json.schema_components([struct], ref_template="#/components/schemas/{name}")
    return schema
