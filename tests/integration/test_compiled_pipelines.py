"""Every golden pipeline is taken by a real server as it stands, pasted from the compiled document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bson import json_util
from pymongo.database import Database

from queryleaf_cdc import CompileError, compile_sql

GOLDEN = sorted((Path(__file__).parents[1] / "golden").glob("*/*.golden"))

ALLOWED = frozenset(
    """
    $abs $add $addFields $addToSet $allElementsTrue $and $anyElementTrue $arrayElemAt $arrayToObject $avg $ceil
    $cmp $concat $concatArrays $cond $convert $date $dateAdd $dateDiff $dateFromParts $dateFromString $dateSubtract
    $dateToParts $dateToString $dateTrunc $dayOfMonth $dayOfWeek $dayOfYear $divide $documents $eq $exists $expr
    $facet $filter $first $floor $getField $group $gt $gte $hour $ifNull $in $indexOfArray $indexOfCP $isArray
    $isNumber $isoDayOfWeek $isoWeek $isoWeekYear $last $let $limit $literal $lookup $lt $lte $ltrim $map $match
    $max $mergeObjects $millisecond $min $minute $mod $month $multiply $ne $nor $not $numberDecimal $numberDouble
    $numberLong $objectToArray $oid $or $pow $project $push $range $reduce $ref $regexFind $regexMatch $replaceAll
    $replaceOne $replaceWith $reverseArray $round $rtrim $second $set $setDifference $setEquals $setField
    $setIntersection $setIsSubset $setOnInsert $setUnion $size $skip $slice $sort $sortArray $split $sqrt
    $stdDevPop $stdDevSamp $strLenBytes $strLenCP $strcasecmp $substrCP $subtract $sum $switch $toBool $toDate
    $toDecimal $toDouble $toInt $toLong $toLower $toObjectId $toString $toUpper $trim $trunc $type $unionWith
    $unset $unsetField $unwind $week $worker $year $zip
    """.split()  # noqa: SIM905
)


def statements(path: Path) -> list[dict[str, Any]]:
    sql = path.read_text().partition("-- sql\n")[2].partition("\n-- ")[0]
    try:
        found: list[dict[str, Any]] = compile_sql(sql).to_json()["statements"]
    except CompileError:
        return []
    return found


def watches(statement: dict[str, Any]) -> list[dict[str, Any]]:
    return statement.get("watches") or [statement[key] for key in ("watch",) if key in statement]


WATCHED = [(p.stem, watch) for p in GOLDEN for s in statements(p) for watch in watches(s)]


@pytest.mark.parametrize("watch", [w for _, w in WATCHED], ids=[name for name, _ in WATCHED])
def test_a_change_stream_takes_it(db: Database[dict[str, Any]], watch: dict[str, Any]) -> None:
    pipeline = json_util.loads(json.dumps(watch["pipeline"]))
    options = watch["options"]
    with db[watch["collection"]].watch(
        pipeline,
        full_document=options.get("fullDocument"),
        full_document_before_change=options.get("fullDocumentBeforeChange"),
        max_await_time_ms=1,
    ) as stream:
        db[watch["collection"]].insert_one({"state": "open", "status": "pending", "priority": 5})
        stream.try_next()
        assert stream.alive


@pytest.mark.parametrize("path", GOLDEN, ids=lambda p: p.stem)
def test_only_known_operators_are_emitted(path: Path) -> None:
    assert operators(statements(path)) <= ALLOWED


def operators(value: Any) -> set[str]:
    match value:
        case dict():
            own = {key for key in value if key.startswith("$")}
            return own.union(*(operators(each) for key, each in value.items() if key != "$literal"), set())
        case list():
            return set().union(*(operators(each) for each in value), set())
        case _:
            return set()
