"""The demo as a user starts it: in a pipe, interrupted, and with an account that does not add up."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from queryleaf_cdc.cli.demo import COURIER, STOCK, account, order_of, shop_sql
from queryleaf_cdc.cli.demo_printing import Printer, pipeline_text
from queryleaf_cdc.compiler import compile_sql

COMMAND = [sys.executable, "-m", "queryleaf_cdc", "demo", "--orders", "1000"]


def quiet_environment(tmp_path: Path) -> dict[str, str]:
    """Temporary files where the test sees them; nothing that forces colours."""
    kept = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "TTY_COMPATIBLE")}
    return {**kept, "TMPDIR": str(tmp_path)}


def test_the_whole_story_in_a_pipe(tmp_path: Path) -> None:
    done = subprocess.run(COMMAND, capture_output=True, env=quiet_environment(tmp_path), timeout=200)
    text = done.stdout.decode()
    assert done.returncode == 0, text + done.stderr.decode()
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text)
    assert "WRONG" not in text
    assert text.count("  ok    ") == 10
    (moment,) = re.findall(r"kill -9 \d+: ([\d,]+) orders are written, ([\d,]+) of them", text)
    written, queued = (int(number.replace(",", "")) for number in moment)
    assert 0 < queued <= written < 4000
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_nothing_behind(tmp_path: Path, number: int) -> None:
    demo = subprocess.Popen(COMMAND, stdout=subprocess.PIPE, env=quiet_environment(tmp_path), text=True)
    assert demo.stdout is not None
    worker = next(
        int(found[1]) for line in demo.stdout if (found := re.search(r"queryleaf-cdc run, process (\d+)", line))
    )
    demo.send_signal(number)
    demo.stdout.read()
    assert demo.wait(60) == 130
    assert not Path(f"/proc/{worker}").exists()
    assert list(tmp_path.iterdir()) == []


def test_an_account_that_does_not_add_up_is_told(db: Any, capsys: pytest.CaptureFixture[str]) -> None:
    orders = [order_of(number) for number in range(200)]
    db.orders.insert_many(orders)
    db.stock.insert_many(STOCK)
    db.packing_queue.insert_many([{"order_id": order["_id"]} for order in [*orders, orders[0]]])
    assert not account(Printer(), db, 200)
    told = capsys.readouterr().out
    assert "ok    different orders among them: 200" in told
    assert "WRONG rows in the packing queue: 201, expected 200" in told
    assert "WRONG courier calls, by idempotency key: 0, expected 20" in told
    assert db[COURIER].count_documents({}) == 0


def test_the_pipeline_is_shown_to_a_depth() -> None:
    placed, *_ = compile_sql(shop_sql()).to_json()["statements"]
    text = pipeline_text(placed["watch"]["pipeline"])
    assert '{"$match": {"operationType": "insert", "fullDocument.status": "placed"}}' in text
    assert max(map(len, text.splitlines())) < 100
