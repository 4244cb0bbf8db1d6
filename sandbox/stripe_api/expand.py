"""Stripe's expand parameter, and the view of an object that an answer shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from sandbox.stripe_api.errors import ApiError
from sandbox.stripe_api.objects import Objects
from sandbox.stripe_api.shapes import SHAPES, Field, Shape

MAX_DEPTH = 4
LEAVES_A_STUB = ("customer", "product")
SUB_LIST_ROWS = 10

Tree: TypeAlias = "dict[str, Tree]"
NOTHING: Tree = {}

_ACTIVE: Mapping[str, tuple[tuple[str, Field], ...]] = {
    kind: tuple(
        (name, field)
        for name, field in shape.items()
        if isinstance(field, Field) and (field.hidden or field.form in ("embedded", "list"))
    )
    for kind, shape in SHAPES.items()
}


def expansion(kind: str, paths: Sequence[str], *, of_list: bool = False) -> Tree:
    """Check the expand paths against the shape of ``kind`` and gather them in a tree.

    Args:
        kind: The kind of the object, or of a list's rows.
        paths: As sent, such as ``data.discounts.source.coupon`` on a list.
        of_list: Whether the answer is a list, so that every path begins with ``data``.

    Raises:
        ApiError: 400 for a path deeper than four levels or one that cannot be expanded.
    """
    tree: Tree = {}
    for path in paths:
        parts = path.split(".")
        if len(parts) > MAX_DEPTH:
            raise _refused(f"You cannot expand more than {MAX_DEPTH} levels of a property: {path}")
        if of_list and parts[0] != "data":
            hint = f"You may want to try expanding 'data.{path}' instead."
            raise _refused(f"This property cannot be expanded ({path}). {hint}")
        own = parts[1:] if of_list else parts
        if not _known(SHAPES.get(kind, {}), own):
            raise _refused(f"This property cannot be expanded ({path}).")
        branch = tree
        for part in own:
            branch = branch.setdefault(part, {})
    return tree


def _refused(message: str) -> ApiError:
    return ApiError(400, message, param="expand")


def _known(shape: Shape, parts: Sequence[str]) -> bool:
    if not parts:
        return True
    node = shape.get(parts[0])
    rest = parts[1:]
    if node is None:
        return False
    if not isinstance(node, Field):
        return _known(node, rest)
    if node.form == "value":
        return not rest
    if node.form == "list" and rest:
        return rest[0] == "data" and _known(SHAPES.get(node.kind, {}), rest[1:])
    return not node.kind or _known(SHAPES.get(node.kind, {}), rest)


class Renderer:
    """Turns whole objects into what an answer shows: sub-lists cut to their first rows, references expanded.

    Objects are never changed in place; parts that need no change are shared with the answer.
    """

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def view(self, kind: str, whole: dict[str, Any], tree: Tree = NOTHING) -> dict[str, Any]:
        """The object as an answer shows it under these expansions."""
        if kind == "event":
            return self._event(whole)
        active = _ACTIVE.get(kind, ())
        if not active and not tree:
            return whole
        shown = dict(whole)
        for name, field in active:
            self._show(shown, name, field, tree.get(name))
        if tree:
            self._expand(SHAPES[kind], shown, tree)
        return shown

    def found(self, kind: str, object_id: str, tree: Tree = NOTHING) -> dict[str, Any] | None:
        """The view of a stored object, the stub of a deleted customer or product, or None."""
        if kind in LEAVES_A_STUB and self._objects.deleted(kind, object_id):
            return {"id": object_id, "object": kind, "deleted": True}
        whole = self._objects.get(kind, object_id)
        return None if whole is None else self.view(kind, whole, tree)

    def _event(self, whole: dict[str, Any]) -> dict[str, Any]:
        """An event with the view of its object, as nobody can expand what is inside."""
        inner = whole["data"]["object"]
        return {**whole, "data": {**whole["data"], "object": self.view(inner["object"], inner)}}

    def _show(self, shown: dict[str, Any], name: str, field: Field, tree: Tree | None) -> None:
        value = shown.get(name)
        if field.hidden and tree is None:
            shown.pop(name, None)
        elif field.form == "list":
            shown[name] = self._sub_list(shown, field, value, tree or NOTHING)
        elif field.form == "embedded":
            shown[name] = self._expanded(field, value, tree or NOTHING)

    def _sub_list(self, owner: dict[str, Any], field: Field, value: Any, tree: Tree) -> dict[str, Any]:
        rows = value["data"] if value is not None else self.pointing_back(owner["id"], field)
        url = value["url"] if value is not None else f"/v1/{owner['object']}s/{owner['id']}/{field.path}"
        inner = tree.get("data", NOTHING)
        return {
            "object": "list",
            "data": [self.view(field.kind, row, inner) for row in rows[:SUB_LIST_ROWS]],
            "has_more": len(rows) > SUB_LIST_ROWS,
            "url": url,
        }

    def pointing_back(self, owner_id: str, field: Field) -> list[dict[str, Any]]:
        """The whole objects behind a list that no object carries, newest first; canceled ones left out."""
        ids = self._objects.where(field.kind, field.via, owner_id)
        rows = [row for row in (self._objects.get(field.kind, i) for i in reversed(ids)) if row]
        return [row for row in rows if row.get("status") != "canceled"]

    def _expand(self, shape: Shape, shown: dict[str, Any], tree: Tree) -> None:
        for name, branch in tree.items():
            node = shape[name]
            value = shown.get(name)
            if isinstance(node, Field):
                if node.form == "reference":
                    shown[name] = self._expanded(node, value, branch)
            elif isinstance(value, dict):
                shown[name] = self._expanded_inside(node, value, branch)
            elif isinstance(value, list):
                shown[name] = [self._expanded_inside(node, row, branch) for row in value]

    def _expanded_inside(self, shape: Shape, value: dict[str, Any], tree: Tree) -> dict[str, Any]:
        shown = dict(value)
        self._expand(shape, shown, tree)
        return shown

    def _expanded(self, field: Field, value: Any, tree: Tree) -> Any:
        if isinstance(value, list):
            return [self._expanded(field, entry, tree) for entry in value]
        if isinstance(value, str):
            return self.found(field.kind, value, tree) or value
        return self.view(field.kind, value, tree) if value is not None else None
