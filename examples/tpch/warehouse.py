"""A small TPC-H database, the same for the same seed, and what its two refresh functions add and remove.

It follows the shapes of the benchmark (keys, ratios, dates, the rules of flags and prices), not its texts. Values that
the 22 queries ask for come oftener than they do there, so that a database of a few thousand rows has something for
each of them. Every document's ``_id`` is made of its key, so that what is generated twice is the same document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, TypeVar

Document = dict[str, Any]
T = TypeVar("T")

FIRST_DAY, LAST_ORDER_DAY, TODAY = datetime(1992, 1, 1), datetime(1998, 8, 2), datetime(1995, 6, 17)

REGIONS = ("AFRICA", "AMERICA", "ASIA", "EUROPE", "MIDDLE EAST")
NATIONS = (
    ("ALGERIA", 0), ("ARGENTINA", 1), ("BRAZIL", 1), ("CANADA", 1), ("EGYPT", 4), ("ETHIOPIA", 0), ("FRANCE", 3),
    ("GERMANY", 3), ("INDIA", 2), ("INDONESIA", 2), ("IRAN", 4), ("IRAQ", 4), ("JAPAN", 2), ("JORDAN", 4),
    ("KENYA", 0), ("MOROCCO", 0), ("MOZAMBIQUE", 0), ("PERU", 1), ("CHINA", 2), ("ROMANIA", 3), ("SAUDI ARABIA", 4),
    ("VIETNAM", 2), ("RUSSIA", 3), ("UNITED KINGDOM", 3), ("UNITED STATES", 1),
)  # fmt: skip
OFTEN_NATIONS = (7, 6, 20, 3, 2, 8, 12)
"""Keys of the nations that the queries name, or that are in a region that they name."""

SEGMENTS = ("BUILDING", "AUTOMOBILE", "MACHINERY", "HOUSEHOLD", "FURNITURE")
PRIORITIES = ("1-URGENT", "2-HIGH", "3-MEDIUM", "4-NOT SPECIFIED", "5-LOW")
INSTRUCTIONS = ("DELIVER IN PERSON", "COLLECT COD", "NONE", "TAKE BACK RETURN")
MODES = ("AIR", "AIR REG", "SHIP", "MAIL", "RAIL", "TRUCK", "FOB")
COLORS = ("forest", "green", "almond", "azure", "blue", "coral", "ivory", "lime", "navy", "plum", "rose", "snow")
BRANDS = ("Brand#23", "Brand#12", "Brand#34", "Brand#45", *(f"Brand#{maker}{n}" for maker in (1, 5) for n in (1, 3, 5)))
CONTAINERS = tuple(f"{size} {kind}" for kind in ("BOX", "PACK", "CASE", "PKG", "JAR") for size in ("MED", "SM", "LG"))
TYPES = (
    "ECONOMY ANODIZED STEEL", "STANDARD PLATED BRASS", "PROMO BURNISHED COPPER", "MEDIUM POLISHED TIN",
    "SMALL BRUSHED BRASS", "PROMO PLATED NICKEL", "LARGE POLISHED STEEL", "MEDIUM ANODIZED COPPER",
)  # fmt: skip
SIZES = (15, 3, 5, 9, 14, 19, 23, 36, 45, 49, 1, 8, 22, 50)
WORDS = ("carefully", "final", "packages", "sleep", "quickly", "special", "ironic", "requests", "deposits", "bold")

SUPPLIERS, PARTS, CUSTOMERS, ORDERS = 10_000, 200_000, 150_000, 1_500_000
"""Rows at scale 1."""
SUPPLIERS_OF_A_PART = 4
REFRESHED = 1_000
"""One of so many orders is added by RF1, and one removed by RF2."""
LINES = 7
"""At most so many lines has an order."""


@dataclass(frozen=True)
class Warehouse:
    """At ``scale`` 0.001 there are 1,500 orders with about 6,000 lines."""

    scale: float = 0.001
    seed: int = 0

    def collections(self) -> dict[str, Iterator[Document]]:
        """All documents before the first refresh."""
        return {
            "region": self._regions(),
            "nation": self._nations(),
            "supplier": map(self._supplier, range(1, self._count(SUPPLIERS) + 1)),
            "part": map(self._part, range(1, self._count(PARTS) + 1)),
            "partsupp": self._part_suppliers(),
            "customer": map(self._customer, range(1, self._count(CUSTOMERS) + 1)),
            "orders": (self.order(key)[0] for key in range(1, self.orders + 1)),
            "lineitem": (line for key in range(1, self.orders + 1) for line in self.order(key)[1]),
        }

    @property
    def orders(self) -> int:
        return self._count(ORDERS)

    @property
    def refreshed(self) -> int:
        """How many orders one call of RF1 adds, and one of RF2 removes."""
        return max(1, self.orders // REFRESHED)

    def added(self, stream: int) -> Iterator[tuple[Document, list[Document]]]:
        """The orders, each with its lines, that RF1 inserts at its call number ``stream``, from 0."""
        first = self.orders + 1 + stream * self.refreshed
        return map(self.order, range(first, first + self.refreshed))

    def removed(self, stream: int) -> range:
        """The keys of the orders that RF2 deletes at its call number ``stream``, from 0: the oldest."""
        first = 1 + stream * self.refreshed
        return range(first, first + self.refreshed)

    def order(self, key: int) -> tuple[Document, list[Document]]:
        random = self._random("orders", key)
        day = FIRST_DAY + timedelta(days=random.randrange((LAST_ORDER_DAY - FIRST_DAY).days))
        large = random.random() < 0.02
        count = LINES if large else random.randint(1, LINES)
        lines = [self._line(key, number, day, large, random) for number in range(1, count + 1)]
        statuses = {line["l_linestatus"] for line in lines}
        charged = (line["l_extendedprice"] * (1 - line["l_discount"]) * (1 + line["l_tax"]) for line in lines)
        order = {
            "_id": key,
            "o_orderkey": key,
            "o_custkey": self._buyer(random),
            "o_orderstatus": statuses.pop() if len(statuses) == 1 else "P",
            "o_totalprice": round(sum(charged), 2),
            "o_orderdate": day,
            "o_orderpriority": random.choice(PRIORITIES),
            "o_clerk": f"Clerk#{random.randint(1, 1000):09d}",
            "o_shippriority": 0,
            "o_comment": _comment(random),
        }
        return order, lines

    def _line(self, key: int, number: int, ordered: datetime, large: bool, random: Random) -> Document:
        part = random.randint(1, self._count(PARTS))
        quantity = random.randint(40, 50) if large else random.randint(1, 50)
        shipped = ordered + timedelta(days=random.randint(1, 121))
        received = shipped + timedelta(days=random.randint(1, 30))
        return {
            "_id": key * 8 + number,
            "l_orderkey": key,
            "l_partkey": part,
            "l_suppkey": random.choice(self._suppliers_of(part)),
            "l_linenumber": number,
            "l_quantity": float(quantity),
            "l_extendedprice": round(quantity * _retail_price(part), 2),
            "l_discount": random.randint(0, 10) / 100,
            "l_tax": random.randint(0, 8) / 100,
            "l_returnflag": random.choice("RA") if received <= TODAY else "N",
            "l_linestatus": "O" if shipped > TODAY else "F",
            "l_shipdate": shipped,
            "l_commitdate": ordered + timedelta(days=random.randint(30, 90)),
            "l_receiptdate": received,
            "l_shipinstruct": _often(INSTRUCTIONS, random),
            "l_shipmode": _often(MODES, random),
            "l_comment": _comment(random),
        }

    def _regions(self) -> Iterator[Document]:
        for key, name in enumerate(REGIONS):
            yield {"_id": key, "r_regionkey": key, "r_name": name, "r_comment": _comment(self._random("region", key))}

    def _nations(self) -> Iterator[Document]:
        for key, (name, region) in enumerate(NATIONS):
            comment = _comment(self._random("nation", key))
            yield {"_id": key, "n_nationkey": key, "n_name": name, "n_regionkey": region, "n_comment": comment}

    def _supplier(self, key: int) -> Document:
        random = self._random("supplier", key)
        nation = _nation(key, random)
        return {
            "_id": key,
            "s_suppkey": key,
            "s_name": f"Supplier#{key:09d}",
            "s_address": f"{random.randint(1, 99)} {random.choice(WORDS)} street",
            "s_nationkey": nation,
            "s_phone": _phone(nation, random),
            "s_acctbal": _balance(random),
            "s_comment": "Customer was angry: Complaints" if random.random() < 0.1 else _comment(random),
        }

    def _part(self, key: int) -> Document:
        random = self._random("part", key)
        brand = _often(BRANDS, random)
        return {
            "_id": key,
            "p_partkey": key,
            "p_name": " ".join(dict.fromkeys(_often(COLORS, random) for _ in range(4))),
            "p_mfgr": f"Manufacturer#{brand[-2]}",
            "p_brand": brand,
            "p_type": _often(TYPES, random),
            "p_size": _often(SIZES, random),
            "p_container": _often(CONTAINERS, random),
            "p_retailprice": _retail_price(key),
            "p_comment": _comment(random),
        }

    def _part_suppliers(self) -> Iterator[Document]:
        for part in range(1, self._count(PARTS) + 1):
            for number, supplier in enumerate(self._suppliers_of(part)):
                random = self._random("partsupp", part * SUPPLIERS_OF_A_PART + number)
                yield {
                    "_id": part * SUPPLIERS_OF_A_PART + number,
                    "ps_partkey": part,
                    "ps_suppkey": supplier,
                    "ps_availqty": random.randint(1, 9999),
                    "ps_supplycost": random.randint(100, 100_000) / 100,
                    "ps_comment": _comment(random),
                }

    def _customer(self, key: int) -> Document:
        random = self._random("customer", key)
        nation = _nation(key, random)
        return {
            "_id": key,
            "c_custkey": key,
            "c_name": f"Customer#{key:09d}",
            "c_address": f"{random.randint(1, 99)} {random.choice(WORDS)} road",
            "c_nationkey": nation,
            "c_phone": _phone(nation, random),
            "c_acctbal": _balance(random),
            "c_mktsegment": random.choice(SEGMENTS),
            "c_comment": _comment(random),
        }

    def _buyer(self, random: Random) -> int:
        """Every third customer never orders."""
        key = random.randint(1, self._count(CUSTOMERS))
        return key - 1 if key % 3 == 0 else key

    def _suppliers_of(self, part: int) -> list[int]:
        """Four different ones."""
        count = self._count(SUPPLIERS)
        step = count // SUPPLIERS_OF_A_PART
        return [(part + number * step + part // count) % count + 1 for number in range(SUPPLIERS_OF_A_PART)]

    def _count(self, at_scale_1: int) -> int:
        return max(SUPPLIERS_OF_A_PART, round(at_scale_1 * self.scale))

    def _random(self, collection: str, key: int) -> Random:
        return Random(f"{self.seed} {collection} {key}")


def _often(values: Sequence[T], random: Random) -> T:
    """One of them; the earlier, the oftener."""
    return values[int(len(values) * random.random() ** 2.5)]


def _nation(key: int, random: Random) -> int:
    """Mostly those of ``OFTEN_NATIONS`` in turn, so that few suppliers suffice to have one in each."""
    return OFTEN_NATIONS[key % len(OFTEN_NATIONS)] if random.random() < 0.8 else random.randrange(len(NATIONS))


def _phone(nation: int, random: Random) -> str:
    return f"{nation + 10}-{random.randint(100, 999)}-{random.randint(100, 999)}-{random.randint(1000, 9999)}"


def _balance(random: Random) -> float:
    return random.randint(-99_999, 999_999) / 100


def _retail_price(part: int) -> float:
    return (90_000 + (part // 10) % 20_001 + 100 * (part % 1_000)) / 100


def _comment(random: Random) -> str:
    return " ".join(random.choices(WORDS, k=5))
