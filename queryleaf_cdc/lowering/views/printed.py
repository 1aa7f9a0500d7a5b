"""A view's dataflow as JSON, for the compiled form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from queryleaf_cdc.lowering.views.described import Operator, described
from queryleaf_cdc.lowering.views.images import Image, images
from queryleaf_cdc.plans.actions import Computed
from queryleaf_cdc.plans.stream import ChangeScan, FlowPlan
from queryleaf_cdc.plans.view import ViewOptions, ViewPlan, ViewSource

Json = Any


def view_json(plan: ViewPlan) -> Json:
    """``dataflow`` is the tree; ``columns`` and ``key`` tell what a document of ``target`` holds, and its ``_id``,
    in terms of the rows of the tree's root."""
    root, output = described(plan.dataflow), plan.dataflow.output
    names = [each.sql for each in root.columns]
    return {
        "dataflow": _Printer(plan.sources, plan.changes).operator(root),
        "columns": {("*" if name is None else name): names[at] for at, name in enumerate(output.columns)},
        "key": {name: names[at] for name, at in output.key},
        "target": plan.options.target,
        "options": _options(plan.options),
    }


def flow_json(plan: FlowPlan) -> Json:
    """The same of a stream; ``columns`` are a row's, and ``key`` is what tells it from all others."""
    root, output = described(plan.dataflow), plan.dataflow.output
    names = [each.sql for each in root.columns]
    return {
        "dataflow": _Printer((), plan.sources).operator(root),
        "columns": {("*" if name is None else name): names[at] for at, name in enumerate(output.columns)},
        "key": {name: names[at] for name, at in output.key},
    }


class _Printer:
    """``_printed`` are the numbers of shared operators that were printed already."""

    def __init__(self, sources: Sequence[ViewSource], changes: Sequence[ChangeScan] = ()) -> None:
        self._sources = {each.scan.number: (at, each) for at, each in enumerate(sources)}
        self._changes = {each.scan.number: (at, each) for at, each in enumerate(changes, len(sources))}
        self._printed: set[int] = set()

    def operator(self, node: Operator) -> Json:
        """One that several read stands where it is read first, with an ``id``; elsewhere is a ``ref`` to it."""
        if node.number is not None:
            if node.number in self._printed:
                return {"ref": node.number}
            self._printed.add(node.number)
        return {
            "op": node.rule.op,
            **({"id": node.number} if node.number is not None else {}),
            **node.parameters,
            **(self._stream(node, node.scan.number) if node.scan is not None else {}),
            "state": node.rule.state,
            "inputs": [self.operator(each) for each in node.inputs],
        }

    def _stream(self, node: Operator, number: int) -> Json:
        """Which change stream feeds a scan, and where its events hold the rows before and after, or a change's."""
        if number in self._changes:
            watch, change = self._changes[number]
            (image,) = images(change.plan)
            return {"watch": watch, "row": _image(image, node)}
        if number not in self._sources:
            return {}
        watch, source = self._sources[number]
        old, new = images(source.plan)
        return {"watch": watch, "before": _image(old, node), "after": _image(new, node)}


def _image(image: Image, node: Operator) -> Json:
    condition = str(node.parameters.get("where", "TRUE"))
    if image.row is not None:
        row: Json = {"$ref": _reference(image.row)}
    else:
        row = [_column(value, text.sql) for value, text in zip(image.columns, node.columns, strict=True)]
    return {"if": _decided(image, condition), "row": row}


def _decided(image: Image, condition: str) -> Json:
    if image.decided is not None:
        return {"$ref": _reference(image.decided)}
    return {"$worker": condition, "because": image.because}


def _column(value: Computed, text: str) -> Json:
    if value.slot is not None:
        return {"$ref": _reference(value.slot)}
    return {"$worker": text, "because": value.because}


def _reference(slot: tuple[str, ...]) -> str:
    return ".".join(("_ql", *slot))


def _options(options: ViewOptions) -> Json:
    return {
        "cache_rows": options.cache_rows,
        "on_error": options.on_error,
        "indexes": [[[field, direction] for field, direction in index] for index in options.indexes],
    }
