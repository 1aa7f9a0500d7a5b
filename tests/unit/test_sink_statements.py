"""What the compiler makes of sinks besides their pipelines, and who refuses them."""

from __future__ import annotations

import pytest

from queryleaf_cdc import InputError, compile_sql
from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.lowering.explain import explain
from queryleaf_cdc.offline.replay import replay
from queryleaf_cdc.testing import OfflineDatabase

SELECT = "SELECT total FROM orders WHERE CHANGE_DETECTED()"
WEBHOOK = f"CREATE SINK s WITH (secret = ENV 'KEY') AS {SELECT} INTO WEBHOOK 'https://example.com/'"


def explained(sql: str) -> str:
    program = compile_sql(sql)
    (root,) = explain(program.source, program.statements)
    return "\n".join([root.text, *root.lines()])


def test_explain_tells_what_is_promised_of_a_collection() -> None:
    text = explained(f"CREATE SINK s AS {SELECT} INTO copies")
    assert "into collection copies: exactly once, in the batch's transaction" in text


def test_explain_tells_what_is_promised_outside() -> None:
    text = explained(WEBHOOK)
    assert "into webhook https://example.com/ through the outbox: at least once, in order for each document" in text


def test_explain_tells_the_name_of_a_secret_only() -> None:
    assert "signed with the secret in $KEY" in explained(WEBHOOK)


def codes(sql: str) -> list[str]:
    return [each.code for each in compile_sql(sql).diagnostics]


def test_a_document_that_loses_its_id_is_warned_of() -> None:
    assert codes(f"CREATE SINK s AS {SELECT.replace('total', '*')} INTO copies") == ["QL255"]


def test_one_whose_id_is_kept_is_not() -> None:
    assert codes(f"CREATE SINK s AS {SELECT.replace('total', '*, _id AS key')} INTO copies") == []


def test_rows_outside_keep_their_id() -> None:
    assert codes(f"CREATE SINK s AS {SELECT.replace('total', '*')} INTO FILE 'a.jsonl'") == []


def test_rows_in_the_clear_are_warned_of() -> None:
    assert codes(WEBHOOK.replace("https", "http")) == ["QL254"]


@pytest.mark.parametrize("host", ["127.0.0.1", "10.1.2.3:8080", "[::1]", "localhost", "169.254.169.254"])
def test_an_address_that_cannot_be_reached_without_leave_is_warned_of(host: str) -> None:
    sql = WEBHOOK.replace("example.com", host)
    assert codes(sql) == ["QL261"]
    assert codes(sql.replace("ENV 'KEY'", "ENV 'KEY', allow_private = TRUE")) == []


@pytest.mark.parametrize("host", ["example.com", "localhost.example.com", "8.8.8.8"])
def test_another_host_is_not(host: str) -> None:
    assert codes(WEBHOOK.replace("example.com", host)) == []


@pytest.mark.parametrize("query", ["token=hush", "a=1&API_KEY=hush", "sas_sig=hush", "key=hush", "X-Auth=hush"])
def test_a_secret_in_a_url_is_warned_of_and_not_shown(query: str) -> None:
    program = compile_sql(WEBHOOK.replace(".com/", f".com/?{query}"))
    (found,) = program.diagnostics
    assert found.code == "QL263"
    assert "hush" not in found.render(program.source)


@pytest.mark.parametrize("query", ["from=shop", "token=", "keyboard=de", "monkey=1", "sigma=2", "url=token"])
def test_other_values_in_a_url_are_not(query: str) -> None:
    assert codes(WEBHOOK.replace(".com/", f".com/?{query}")) == []


def test_a_name_is_taken_once_in_a_file() -> None:
    with pytest.raises(CompileError) as caught:
        compile_sql(f"{WEBHOOK}; {WEBHOOK}")
    assert caught.value.code == "QL231"


def test_a_dropped_name_is_free() -> None:
    assert len(compile_sql(f"{WEBHOOK}; DROP SINK s; {WEBHOOK}").statements) == 3


INTO_COPIES = f"CREATE SINK {{}} AS {SELECT} INTO copies;"
GROUPS = (
    "CREATE SINK {} AS SELECT k, COUNT(*) AS n FROM {} WHERE CHANGE_DETECTED() GROUP BY k EMIT CHANGES INTO copies;"
)


def shared(sql: str, **registered: str) -> list[str]:
    """The messages of QL262."""
    found = compile_sql(sql, sinks={name: each.removesuffix(";") for name, each in registered.items()}).diagnostics
    return [each.message for each in found if each.code == "QL262"]


def test_two_sinks_that_take_each_others_rows_are_warned_of() -> None:
    (message,) = shared(INTO_COPIES.format("a") + INTO_COPIES.format("b"))
    assert message.startswith("a writes into copies, too")


def test_a_registered_sink_takes_rows_as_well() -> None:
    (message,) = shared(INTO_COPIES.format("b"), a=INTO_COPIES.format("a"))
    assert message.startswith("a writes into copies, too")


def test_groups_of_any_collections_take_each_others_rows() -> None:
    assert len(shared(GROUPS.format("b", "orders"), a=GROUPS.format("a", "payments"))) == 1


def test_rows_of_joined_changes_share_an_id_with_no_other_collections() -> None:
    flow = "CREATE SINK a AS SELECT LAG(total) OVER () AS last FROM {} WHERE CHANGE_DETECTED() INTO copies;"
    assert len(shared(flow.format("orders") + INTO_COPIES.format("b"))) == 1
    assert shared(flow.format("payments") + INTO_COPIES.format("b")) == []


@pytest.mark.parametrize(
    "other",
    [
        INTO_COPIES.format("a").replace("orders", "payments"),
        INTO_COPIES.format("a").replace("copies", "others"),
        INTO_COPIES.format("a").replace("total", "CHANGE_ID() || ':a' AS _id"),
        GROUPS.format("a", "orders"),
        f"CREATE SINK a AS {SELECT} INTO FILE 'copies.jsonl'",
    ],
    ids=["other changes", "another collection", "another id", "groups and changes", "a file"],
)
def test_sinks_that_share_no_row_are_not_warned_of(other: str) -> None:
    assert shared(INTO_COPIES.format("b"), a=other) == []


def test_changes_of_another_kind_are_others() -> None:
    inserts, deletes = (f"AND CHANGE_TYPE() = '{each}' INTO" for each in ("INSERT", "DELETE"))
    made = INTO_COPIES.format("b").replace("INTO", inserts)
    assert shared(made, a=INTO_COPIES.format("a").replace("INTO", deletes)) == []
    assert len(shared(made, a=INTO_COPIES.format("a").replace("INTO", inserts))) == 1


def test_a_sink_that_is_replaced_or_dropped_takes_no_rows() -> None:
    registered = INTO_COPIES.format("a")
    assert shared(registered.replace("CREATE", "CREATE OR REPLACE"), a=registered) == []
    assert shared("DROP SINK a;" + INTO_COPIES.format("b"), a=registered) == []
    elsewhere = registered.replace("CREATE", "CREATE OR REPLACE").replace("copies", "others")
    assert shared(elsewhere + INTO_COPIES.format("b"), a=registered) == []


def test_a_registered_sink_that_does_not_compile_is_passed_over() -> None:
    assert shared(INTO_COPIES.format("b"), a="CREATE SINK a AS SELECT FROM WHERE INTO copies") == []


def test_a_sink_that_is_only_explained_takes_no_rows() -> None:
    sql = "EXPLAIN " + INTO_COPIES.format("a") + INTO_COPIES.format("b")
    assert shared(sql) == []


def test_an_option_that_is_no_secret_is_not_looked_up() -> None:
    with pytest.raises(CompileError, match="timeout_ms is no secret"):
        compile_sql(WEBHOOK.replace("secret", "timeout_ms"))


def test_a_replay_refuses_it() -> None:
    with pytest.raises(InputError) as caught:
        list(replay(WEBHOOK, []))
    assert caught.value.code == "QL424"


def test_a_database_in_memory_refuses_it() -> None:
    with OfflineDatabase() as db, pytest.raises(InputError) as caught:
        db.execute(WEBHOOK)
    assert caught.value.code == "QL424"
