"""A view as ``explain`` draws it: each operator with its rule, its cost and its state, and where its rows come from."""

from __future__ import annotations

from collections.abc import Iterator

from queryleaf_cdc.lowering.tree import Node, stream_tree
from queryleaf_cdc.lowering.views.described import Operator, Parameter, described
from queryleaf_cdc.lowering.views.images import Image, images
from queryleaf_cdc.plans.stream import ChangeScan, FlowPlan
from queryleaf_cdc.plans.trigger import Requires
from queryleaf_cdc.plans.view import ViewOptions, ViewPlan, ViewSource


def view_tree(plan: ViewPlan) -> Node:
    root = described(plan.dataflow)
    dataflow = Node(
        "worker: the dataflow, which remembers rows as no change stream does; all in the batch's transaction"
    )
    dataflow.children.append(_operator(root, set()))
    streams = [
        stream_tree(each.plan.stream, f"server: change stream {each.scan.number} on {each.scan.collection}")
        for each in plan.feeds
    ]
    scans = {each.scan.number: each for each in _each(root, set()) if each.scan is not None}
    for source, stream in zip(plan.feeds, streams, strict=True):
        stream.children += _computed(source, scans[source.scan.number])
    options = plan.options
    return Node(
        f"materialized view {plan.name}",
        [_rows(plan, root), dataflow, *streams, *_indexes(plan.requires), _options(options)],
    )


def flow_tree(plan: FlowPlan) -> Node:
    """A streaming SELECT that remembers."""
    root = described(plan.dataflow)
    dataflow = Node("worker: the dataflow, which remembers rows as no change stream does")
    dataflow.children.append(_operator(root, set()))
    streams = [
        stream_tree(each.plan.stream, f"server: change stream {each.scan.number} on {each.scan.collection}")
        for each in plan.sources
    ]
    return Node("stream", [dataflow, *streams, *_indexes(plan.requires)])


def _indexes(requires: Requires) -> list[Node]:
    return [Node(f"needs an index on {name} ({', '.join(path)})") for name, path in requires.indexes]


def _rows(plan: ViewPlan, root: Operator) -> Node:
    names = [each.sql for each in root.columns]
    output = plan.dataflow.output
    fields = [_field("*" if name is None else name, names[at]) for at, name in enumerate(output.columns)]
    key = [_field(name, names[at]) for name, at in output.key]
    return Node(
        f"documents of {plan.options.target}", [Node(f"fields: {', '.join(fields)}"), Node(f"_id: {', '.join(key)}")]
    )


def _field(name: str, text: str) -> str:
    return name if name == text else f"{name} = {text}"


def _options(options: ViewOptions) -> Node:
    indexes = [", ".join(f"{field}{' DESC' if way < 0 else ''}" for field, way in index) for index in options.indexes]
    told = "".join(f"; index on ({each})" for each in indexes)
    return Node(f"on error: {options.on_error}; at most {options.cache_rows:,} rows of state in memory{told}")


# -- operators --------------------------------------------------------------------------------------------------------


def _operator(node: Operator, drawn: set[int]) -> Node:
    """One that several operators read is drawn once."""
    number = node.number
    if number is not None and number in drawn:
        return Node(f"{node.rule.op} #{number}, as above")
    drawn.update([number] if number is not None else [])
    title = f"{node.rule.op}{f' #{number}' if number is not None else ''}"
    rule = [
        Node(f"rule: {node.rule.rule}"),
        Node(f"cost: {node.rule.cost}"),
        Node(f"state: {node.rule.state or 'none'}"),
    ]
    return Node(f"{title}: {_parameters(node)}".rstrip(": "), rule + [_operator(each, drawn) for each in node.inputs])


def _parameters(node: Operator) -> str:
    source = [f"stream {node.scan.number}"] if node.scan is not None else []
    return "; ".join([*source, *(_parameter(name, value) for name, value in node.parameters.items())])


def _parameter(name: str, value: Parameter) -> str:
    match value:
        case True:
            return name
        case list():
            return f"{name.replace('_', ' ')} {', '.join(value)}"
        case _:
            return f"{name.replace('_', ' ')} {value}"


# -- who computes the rows of a stream --------------------------------------------------------------------------------


def _each(node: Operator, seen: set[int]) -> Iterator[Operator]:
    if id(node) not in seen:
        seen.add(id(node))
        yield node
        for inner in node.inputs:
            yield from _each(inner, seen)


def _computed(source: ViewSource | ChangeScan, scan: Operator) -> list[Node]:
    """What the server computes of a row, what the worker does, and why. Both images have the same reasons."""
    lines: dict[str, None] = {}
    for image in images(source.plan):
        lines.update(dict.fromkeys(_of_image(image, scan)))
    return [Node(each) for each in lines]


def _of_image(image: Image, scan: Operator) -> Iterator[str]:
    condition = scan.parameters.get("where")
    texts = [each.sql for each in scan.columns]
    pairs = list(zip(texts, image.columns, strict=True))
    in_server = [text for text, value in pairs if image.row is not None or value.slot is not None]
    if condition is not None and image.decided is not None:
        yield f"server: whether {condition}"
    if condition is not None and image.decided is None:
        yield f"worker: whether {condition} — {image.because}"
    if in_server:
        yield f"server: {', '.join(in_server)}"
    for text, value in pairs:
        if text not in in_server:
            yield f"worker: {text} — {value.because}"
