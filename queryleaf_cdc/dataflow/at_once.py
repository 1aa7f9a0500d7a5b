"""Window functions over rows of which each partition comes whole, in one step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from queryleaf_cdc.dataflow.operator import Context
from queryleaf_cdc.dataflow.over import Windows
from queryleaf_cdc.dataflow.rows import Delta
from queryleaf_cdc.dataflow.state import NoStore, State
from queryleaf_cdc.plans.dataflow import Along, Over


class AtOnce:
    """No state: each step is that of a view's windows, which begin with nothing."""

    def __init__(self, node: Along, context: Context) -> None:
        self._state = State(NoStore(is_empty=False), 0)
        over = Over(node.input, node.partition_by, node.order_by, node.functions)
        self._windows = Windows(over, replace(context, state=self._state))

    def step(self, inputs: Sequence[Delta], now: datetime) -> Delta:
        found = self._windows.step(inputs, now)
        self._state.rollback()
        self._state.commit()
        return found
