"""All aggregates by name."""

from __future__ import annotations

from collections.abc import Mapping

from queryleaf_cdc.aggregates.counts import Flags, Known, every, number, some
from queryleaf_cdc.aggregates.moments import Moments, deviation, variance
from queryleaf_cdc.aggregates.spec import Linear
from queryleaf_cdc.aggregates.sums import Sum, mean, total

_LINEAR = (
    Linear("COUNT", Known, number),
    Linear("SUM", Sum, total),
    Linear("AVG", Sum, mean),
    Linear("STDDEV", Moments, deviation(sample=True)),
    Linear("STDDEV_SAMP", Moments, deviation(sample=True)),
    Linear("STDDEV_POP", Moments, deviation(sample=False)),
    Linear("VARIANCE", Moments, variance(sample=True)),
    Linear("VAR_SAMP", Moments, variance(sample=True)),
    Linear("VAR_POP", Moments, variance(sample=False)),
    Linear("BOOL_AND", Flags, every),
    Linear("EVERY", Flags, every),
    Linear("BOOL_OR", Flags, some),
)

LINEAR: Mapping[str, Linear] = {spec.name: spec for spec in _LINEAR}
