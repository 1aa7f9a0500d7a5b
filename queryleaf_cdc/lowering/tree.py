"""Trees of lines, as ``explain`` prints them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from queryleaf_cdc.lowering.mongo_json import stage_json
from queryleaf_cdc.lowering.output import extended, extended_with_holes
from queryleaf_cdc.plans.trigger import StreamPlan


@dataclass
class Node:
    """A line of the tree and what stands below it."""

    text: str
    children: list[Node] = field(default_factory=list)

    def lines(self, indent: str = "") -> Iterable[str]:
        for position, child in enumerate(self.children):
            last = position == len(self.children) - 1
            yield f"{indent}{'└─ ' if last else '├─ '}{child.text}"
            yield from child.lines(indent + ("   " if last else "│  "))


def stream_tree(stream: StreamPlan, title: str) -> Node:
    """A change stream: its stages, and the images that it needs."""
    tree = Node(title, stages_tree([extended(stage_json(stage)) for stage in stream.pipeline]))
    wanted = (("post-images", stream.full_document), ("pre-images", stream.before_change))
    images = [name for name, value in wanted if value]
    if images:
        tree.children.append(Node(f"needs {' and '.join(images)} of {stream.collection}"))
    return tree


def stages_tree(stages: list[object]) -> list[Node]:
    return [
        Node(json.dumps(extended_with_holes(stage), ensure_ascii=False, default=lambda hole: f"<{hole.index}>"))
        for stage in stages
    ]
