"""The endpoints as a page of plain HTML: it runs no script and asks no other server for one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from string import Template
from typing import Any

from playground.paths import ASSETS

POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


def html(openapi: Mapping[str, Any]) -> str:
    """Args: openapi: the description that `/openapi.json` gives."""
    page = Template((ASSETS / "serve" / "docs.html").read_text(encoding="utf-8"))
    info = openapi["info"]
    endpoints = "\n".join(
        _endpoint(path, method, operation)
        for path, methods in openapi["paths"].items()
        for method, operation in methods.items()
    )
    return page.substitute(
        title=escape(info["title"]),
        version=escape(info["version"]),
        about=_told(info["description"]),
        endpoints=endpoints,
    )


def _endpoint(path: str, method: str, operation: Mapping[str, Any]) -> str:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    fields = "".join(_fields(each) for each in body.get("oneOf", [body] if body else []))
    head = f"<code>{method.upper()} {escape(path)}</code>"
    return f"<section><h2>{head}</h2><p>{_told(operation.get('summary', ''))}</p>{fields}</section>"


def _fields(schema: Mapping[str, Any]) -> str:
    rows = "".join(_rows(schema))
    return f"<table><tr><th>field</th><th>type</th><th>default</th><th>meaning</th></tr>{rows}</table>"


def _rows(schema: Mapping[str, Any]) -> Iterator[str]:
    needed = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        default = "needed" if name in needed else str(field.get("default"))
        cells = (
            f"<code>{escape(name)}</code>",
            escape(_type(field)),
            escape(default),
            _told(field.get("description", "")),
        )
        yield f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _type(field: Mapping[str, Any]) -> str:
    if "anyOf" in field:
        return " or ".join(_type(each) for each in field["anyOf"])
    if "enum" in field:
        return " or ".join(map(str, field["enum"]))
    kind = str(field.get("const", field.get("type", "any")))
    return f"list of {_type(field['items'])}" if kind == "array" and "items" in field else kind


def _told(text: str) -> str:
    """Escaped, with what stands between backticks as code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if place % 2 else part for place, part in enumerate(parts))
