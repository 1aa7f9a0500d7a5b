"""demo: the whole story on an embedded server, with a worker that is killed while it works."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

import click

from queryleaf_cdc.cli.demo_printing import Printer, pipeline_text
from queryleaf_cdc.cli.demo_procedures import COURIER, add_procedures
from queryleaf_cdc.cli.demo_worker import WorkerProcess
from queryleaf_cdc.errors import RunError

DATABASE = "tea_shop"
TEAS = ("assam", "darjeeling", "keemun", "sencha")
ON_HAND = 1_000_000
STOCK = [{"_id": tea, "on_hand": ON_HAND, "reserved": 0} for tea in TEAS]
FIRST_LOAD_ID = 1000
LOAD_BATCH = 50
SALES = ("place", "tea", "orders", "bags", "shipped", "largest")
PATIENCE_SECONDS = 90.0


@click.command("demo")
@click.option(
    "--orders", type=click.IntRange(200, 1_000_000), default=4000, show_default=True, help="Orders in the load."
)
@click.option("--mongod", envvar="QUERYLEAF_MONGOD", help="The mongod to start; $QUERYLEAF_MONGOD.")
def demo_command(orders: int, mongod: str | None) -> int:
    """Show the whole story on a private server, in under a minute."""
    from queryleaf_cdc.mongo.embedded import start_embedded
    from queryleaf_cdc.session import QueryLeaf

    printer, began = Printer(), time.monotonic()
    show_program(printer)
    with terminating(), start_embedded(mongod=mongod) as uri:
        ql = QueryLeaf(uri, database=DATABASE)
        try:
            open_shop(printer, ql, uri)
            with WorkerProcess(uri, DATABASE) as worker:
                a_few_orders(printer, ql.database, worker)
                kill_during_load(printer, ql.database, worker, orders)
            finish_the_load(printer, ql, uri, orders)
            good = account(printer, ql.database, orders)
        finally:
            ql.close()
    printer.say(f"\n{'All of it adds up' if good else 'It does not add up'} ({time.monotonic() - began:.1f} s).")
    return 0 if good else 1


@contextmanager
def terminating() -> Iterator[None]:
    """SIGTERM and a closed terminal end the demo as Ctrl-C does: everything is cleaned up."""
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = [signal.signal(number, _interrupt) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def shop_sql() -> str:
    return files("queryleaf_cdc.cli").joinpath("demo_shop.sql").read_text("utf-8")


# -- the chapters -------------------------------------------------------------------------------------------------


def show_program(printer: Printer) -> None:
    from queryleaf_cdc.compiler import compile_sql

    printer.chapter("1. What should happen, in SQL")
    printer.code(shop_sql().rstrip(), "sql")
    printer.chapter("2. What it compiles to")
    watch = compile_sql(shop_sql()).to_json()["statements"][0]["watch"]
    printer.say(f"The server filters and computes for order_placed: db.{watch['collection']}.watch(pipeline), with")
    printer.code(pipeline_text(watch["pipeline"]), "json")
    printer.say("Any driver can open it; nothing is hidden. `queryleaf-cdc compile FILE` prints all of it, also how")
    printer.say("the view sales follows each change: by what the change adds to a group, or takes away from it.")


def open_shop(printer: Printer, ql: Any, uri: str) -> None:
    printer.chapter("3. A real server; triggers and view are registered")
    version = ql.client.server_info()["version"]
    printer.say(f"MongoDB {version} listens at {uri.partition('?')[0]}")
    add_procedures(ql)
    ql.database.stock.insert_many(STOCK)
    ql.database.packing_queue.create_index("order_id")
    for result in ql.execute_all(shop_sql(), name="demo_shop.sql"):
        printer.say(f"{result.name}: {result.status}")


def a_few_orders(printer: Printer, db: Any, worker: WorkerProcess) -> None:
    printer.chapter("4. A worker starts; the shop writes orders")
    printer.say(f"queryleaf-cdc run, process {worker.pid}. Three orders; one is shipped, one cancelled.")
    db.orders.insert_many(
        [
            {"_id": 1, "tea": "assam", "bags": 20, "status": "placed", "express": False},
            {"_id": 2, "tea": "assam", "bags": 50, "status": "placed", "express": True, "city": "Leeds"},
            {"_id": 3, "tea": "sencha", "bags": 10, "status": "placed", "express": False},
        ]
    )
    db.orders.update_one({"_id": 2}, {"$set": {"status": "shipped"}})
    db.orders.update_one({"_id": 3}, {"$set": {"status": "cancelled"}})
    wait_until(lambda: rows(db.order_log) >= 2 and rows(db[COURIER]) >= 1 and total(db.sales, "orders") == 2, worker)
    show = {
        "packing_queue": ("order_id", "tea", "bags", "queued_at"),
        "order_log": ("order_id", "was", "became"),
        "stock": ("_id", "on_hand", "reserved"),
        COURIER: ("order_id", "city", "key"),
    }
    for name, columns in show.items():
        printer.table(name, list(db[name].find().sort(columns[0], 1)), columns)
    printer.table("the view sales", sales(db), SALES)


def kill_during_load(printer: Printer, db: Any, worker: WorkerProcess, orders: int) -> None:
    """Writes the load; kills the worker once it has done a quarter. The last orders find nobody at work."""
    printer.chapter("5. A load; the view moves with it, until the worker is killed in the middle")
    with printer.live_table("the view sales, live", SALES) as show:
        written, queued = _write_load(db, worker, orders, lambda: show(sales(db)))
    printer.say(f"kill -9 {worker.pid}: {written:,} orders are written, {queued:,} of them are in the packing queue.")
    printer.say(f"The shop went on writing: {orders:,} orders, every fourth of them shipped.")


def _write_load(db: Any, worker: WorkerProcess, orders: int, show: Callable[[], None]) -> tuple[int, int]:
    """How many orders are written, and how many of them processed, when the worker is killed."""
    at_its_end = None
    for first in range(0, orders, LOAD_BATCH):
        write_batch(db, range(first, min(first + LOAD_BATCH, orders)))
        show()
        if at_its_end is None and rows(db.packing_queue) > orders // 4:
            at_its_end = _kill(db, worker)
    if at_its_end is None:
        wait_until(lambda: rows(db.packing_queue) > orders // 4, worker, show)
        at_its_end = _kill(db, worker)
    show()
    return at_its_end


def _kill(db: Any, worker: WorkerProcess) -> tuple[int, int]:
    worker.kill()
    return rows(db.orders, LOAD), rows(db.packing_queue, LOADED)


def finish_the_load(printer: Printer, ql: Any, uri: str, orders: int) -> None:
    """A new worker does the rest. One more, in this process, makes sure that nothing is left to come."""
    printer.chapter("6. A new worker goes on where the dead one was")
    db, began = ql.database, time.monotonic()
    with WorkerProcess(uri, DATABASE) as worker:
        printer.say(f"queryleaf-cdc run, process {worker.pid}.")
        with printer.live_table("the view sales, live", SALES) as show:
            wait_until(lambda: is_done(db, orders), worker, lambda: show(sales(db)))
            show(sales(db))
        printer.say(f"All orders are processed, {time.monotonic() - began:.1f} s after the start.")
        worker.stop()
    with ql:
        ql.drain(PATIENCE_SECONDS)
    printer.say("It is stopped; a third worker, here, finds nothing left to do.")


def account(printer: Printer, db: Any, orders: int) -> bool:
    """Compares what the triggers wrote with what follows from the orders themselves."""
    printer.chapter("7. Counting: nothing lost, nothing doubled")
    load = [order_of(number) for number in range(orders)]
    shipped = [order for order in load if is_shipped(order["_id"])]
    express = sum(order["express"] for order in load)
    calls = list(db[COURIER].find(LOADED))
    checks = [
        ("orders written", orders, rows(db.orders, LOAD)),
        ("rows in the packing queue", orders, rows(db.packing_queue, LOADED)),
        ("different orders among them", orders, len(db.packing_queue.distinct("order_id", LOADED))),
        ("rows in the order log", len(shipped), rows(db.order_log, LOADED)),
        ("bags that left the stock", 50 + bags(shipped), len(TEAS) * ON_HAND - total(db.stock, "on_hand")),
        ("bags that are still reserved", 20 + bags(load) - bags(shipped), total(db.stock, "reserved")),
        ("courier calls, by idempotency key", express, len({call["key"] for call in calls})),
        ("different orders among them", express, len({call["order_id"] for call in calls})),
        ("rows of the view that are as the orders say", len(TEAS), len(right_sales(db))),
        ("dead letters", 0, rows(db["_queryleaf.dead_letters"])),
    ]
    good = [printer.check(*each) for each in checks]
    if len(calls) > express:
        printer.say(f"The courier was called {len(calls):,} times: calls are made at least once, keys tell repeats.")
    return all(good)


# -- the load -----------------------------------------------------------------------------------------------------

LOAD = {"_id": {"$gte": FIRST_LOAD_ID}}
LOADED = {"order_id": {"$gte": FIRST_LOAD_ID}}


def order_of(number: int) -> dict[str, Any]:
    tea, size = TEAS[number % len(TEAS)], 10 + number % 7
    return {
        "_id": FIRST_LOAD_ID + number,
        "tea": tea,
        "bags": size,
        "status": "placed",
        "express": number % 10 == 0,
        "city": "York",
    }


def is_shipped(order_id: int) -> bool:
    return order_id % 4 == 0


def write_batch(db: Any, numbers: range) -> None:
    """Orders first, then every fourth of them is shipped: each is a change of its own."""
    orders = [order_of(number) for number in numbers]
    db.orders.insert_many(orders)
    shipped = [order["_id"] for order in orders if is_shipped(order["_id"])]
    db.orders.update_many({"_id": {"$in": shipped}}, {"$set": {"status": "shipped"}})


def is_done(db: Any, orders: int) -> bool:
    shipped = sum(is_shipped(FIRST_LOAD_ID + number) for number in range(orders))
    return (
        rows(db.packing_queue, LOADED) >= orders
        and rows(db.order_log, LOADED) >= shipped
        and rows(db["_queryleaf.outbox"]) == 0
    )


def rows(collection: Any, filter_: dict[str, Any] | None = None) -> int:
    return int(collection.count_documents(filter_ or {}))


def bags(orders: list[dict[str, Any]]) -> int:
    return sum(order["bags"] for order in orders)


def total(collection: Any, field: str) -> int:
    return sum(each[field] for each in collection.find())


def sales(db: Any) -> list[dict[str, Any]]:
    return list(db.sales.find().sort([("place", 1), ("tea", 1)]))


def right_sales(db: Any) -> list[dict[str, Any]]:
    """The rows of the view that equal what the orders give when they are counted anew."""
    orders = list(db.orders.find({"status": {"$ne": "cancelled"}}))
    by_tea = {tea: [order for order in orders if order["tea"] == tea] for tea in TEAS}
    return [each for each in sales(db) if each == {"_id": each["tea"], **_counted(each["tea"], by_tea)}]


def _counted(tea: str, by_tea: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    own = by_tea[tea]
    return {
        "place": 1 + sum(bags(others) > bags(own) for others in by_tea.values()),
        "tea": tea,
        "orders": len(own),
        "bags": bags(own),
        "shipped": sum(order["status"] == "shipped" for order in own),
        "largest": max((order["bags"] for order in own), default=None),
    }


def wait_until(
    condition: Callable[[], bool], worker: WorkerProcess, meanwhile: Callable[[], None] = lambda: None
) -> None:
    """Polls. Raises RunError QL630 when the worker ends or nothing comes of it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        worker.check()
        meanwhile()
        if time.monotonic() > deadline:
            raise RunError("QL630", f"the demo's worker was not done after {PATIENCE_SECONDS:.0f} s")
        time.sleep(0.05)
