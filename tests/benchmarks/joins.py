"""UPDATE ... FROM: an order reserves stock for each of its lines."""

from __future__ import annotations

from queryleaf_cdc import QueryLeaf, compile_sql
from tests.benchmarks.place import Place, insert, work_off
from tests.benchmarks.rows import RUNS, Row, rate

ORDERS = 4_000
LINES = 3
PRODUCTS = 500

RESERVE = """CREATE TRIGGER reserve AFTER INSERT ON orders
BEGIN
  UPDATE products SET reserved = products.reserved + l.quantity
  FROM lines AS l WHERE l.order_id = NEW.order_id AND products.sku = l.sku;
END;"""


def update_from(place: Place) -> list[Row]:
    seconds = []
    for _ in range(RUNS):
        with place.database() as ql:
            _prepare(ql)
            ql.execute(RESERVE)
            insert(ql.database.orders, [{"order_id": i} for i in range(ORDERS)])
            seconds.append(work_off(ql))
            reserved = sum(product["reserved"] for product in ql.database.products.find())
            if reserved != ORDERS * LINES:
                raise AssertionError(f"{reserved} reserved, not {ORDERS * LINES}")
    return [Row(f"trigger, UPDATE ... FROM with {LINES} rows per event", rate(ORDERS, seconds))]


def _prepare(ql: QueryLeaf) -> None:
    """With the indexes that the compiled statement asks for, and one for its own look-up of the lines."""
    db = ql.database
    for collection, fields in compile_sql(RESERVE).to_json()["statements"][0]["requires"]["indexes"]:
        db[collection].create_index(fields)
    db.lines.create_index("order_id")
    insert(db.products, [{"sku": f"p{i}", "reserved": 0} for i in range(PRODUCTS)])
    lines = [(order, (order * LINES + i) % PRODUCTS) for order in range(ORDERS) for i in range(LINES)]
    insert(db.lines, [{"order_id": order, "sku": f"p{product}", "quantity": 1} for order, product in lines])
