-- remark
-- LATERAL, and queries in FROM that read what is around them
-- collection emp
{"_id": "KEY", "dept": "KEY", "sal": "INT", "name": "TEXT", "act": "BOOL"}
-- collection dept
{"_id": "KEY", "k": "KEY"}
-- collection ev
{"_id": "KEY", "usr": "KEY", "v": "REAL", "kind": "TEXT"}
-- view v1
SELECT _id AS i, (SELECT MAX(c) FROM (SELECT f.name, COUNT(*) AS c FROM emp f WHERE f.dept = e.dept GROUP BY f.name) q) AS c FROM emp e
-- view v2
SELECT _id AS i, (SELECT MAX(r) FROM (SELECT RANK() OVER (ORDER BY f.sal) AS r FROM emp f WHERE f.dept = e.dept) q) AS c FROM emp e
-- view v3
SELECT _id AS i, (SELECT x FROM (SELECT k AS x FROM dept d WHERE d.k = e.dept UNION ALL SELECT usr FROM ev WHERE ev.usr = e.dept) q ORDER BY x LIMIT 1) AS c FROM emp e
-- view v4
SELECT _id AS i FROM emp e WHERE sal NOT IN (SELECT q.m FROM (SELECT f.sal AS m FROM emp f WHERE f.dept = e.dept AND f._id < e._id ORDER BY f._id LIMIT 2) q)
-- view v5
SELECT e._id AS i, l.m FROM emp e, LATERAL (SELECT MAX(v) AS m, COUNT(*) AS c FROM ev WHERE ev.usr = e.dept) l
-- view v6
SELECT e._id AS i, l.v FROM emp e LEFT JOIN LATERAL (SELECT v FROM ev WHERE ev.usr = e.dept ORDER BY v DESC, _id LIMIT 2) l ON TRUE
-- view v7
SELECT e._id AS i, l.v FROM emp e LEFT JOIN LATERAL (SELECT v, kind FROM ev WHERE ev.usr >= e.dept ORDER BY v DESC, _id LIMIT 2) l ON l.kind = e.name
-- duckdb v7
SELECT e._id AS i, l.v FROM emp e LEFT JOIN (SELECT e2._id AS j, v, kind, ROW_NUMBER() OVER (PARTITION BY e2._id ORDER BY v DESC, ev._id) AS r FROM emp e2, ev WHERE ev.usr >= e2.dept) l ON l.j = e._id AND r <= 2 AND l.kind = e.name
-- view v8
SELECT e._id AS i, l.v, m.c FROM emp e CROSS JOIN LATERAL (SELECT v FROM ev WHERE ev.usr = e.dept) l JOIN LATERAL (SELECT COUNT(*) AS c FROM dept d WHERE d.k < l.v) m ON m.c > e.sal
-- view v9
SELECT d._id AS i, t.x FROM dept d, LATERAL (SELECT e.sal AS x FROM emp e WHERE e.dept = d.k UNION ALL SELECT v FROM ev WHERE ev.usr = d.k) t
-- view v10
SELECT d._id AS i, t.x FROM dept d LEFT JOIN LATERAL (SELECT e.sal AS x FROM emp e WHERE e.dept = d.k EXCEPT ALL SELECT v FROM ev WHERE ev.usr = d.k) t ON t.x > 0
-- duckdb v10
SELECT d._id AS i, t.x FROM dept d LEFT JOIN LATERAL (SELECT x FROM (SELECT e.sal AS x FROM emp e WHERE e.dept = d.k EXCEPT ALL SELECT v FROM ev WHERE ev.usr = d.k) WHERE x > 0) t ON TRUE
-- view v11
SELECT e._id AS i, n.t3 FROM emp e, LATERAL (SELECT e.sal * 2 AS t2) l, LATERAL (SELECT l.t2 + 1 AS t3) n WHERE n.t3 > 3
-- view v12
SELECT _id AS i, (SELECT SUM(l.x) FROM dept d, LATERAL (SELECT d.k + e.sal AS x) l WHERE d.k = e.dept) AS s FROM emp e
-- view v13
SELECT d._id AS i, l.act, l.n FROM dept d LEFT JOIN LATERAL (SELECT act, COUNT(*) AS n FROM emp e WHERE e.dept = d.k GROUP BY act HAVING COUNT(*) > 1) l ON TRUE
-- created after 0
-- batch 2025-03-01T00:00:00
[["insert", "dept", null, {"_id": 1, "k": 1}]]
[["insert", "ev", null, {"_id": 2, "usr": 4, "v": 3.0, "kind": "ab"}]]
[["insert", "ev", null, {"_id": 1, "usr": 2, "v": 3.25, "kind": "a"}], ["insert", "emp", null, {"_id": 3, "sal": -1, "name": "\u00e9", "act": false}]]
-- batch 2025-03-01T00:20:00
[["insert", "dept", null, {"_id": 4, "k": 2.0}]]
[["update", "dept", {"_id": 4, "k": 2.0}, {"_id": 4, "k": 2}], ["insert", "dept", null, {"_id": 3, "k": {"$numberDecimal": "2"}}]]
[["insert", "dept", null, {"_id": 5, "k": 2}], ["insert", "dept", null, {"_id": 6, "k": 0}]]
[["update", "emp", {"_id": 3, "sal": -1, "name": "\u00e9", "act": false}, {"_id": 3, "name": "\u00e9", "act": false, "sal": -2}]]
[["insert", "emp", null, {"_id": 7, "name": "\u00e9", "act": false, "sal": -2}]]
[["insert", "emp", null, {"_id": 8, "name": "\u00e9", "act": false, "sal": -2}]]
[["insert", "ev", null, {"_id": 9, "usr": {"$numberLong": "0"}, "v": 4.75, "kind": "\u00e9"}]]
-- batch 2025-03-01T00:40:00
[["insert", "dept", null, {"_id": 10, "k": null}]]
[["insert", "ev", null, {"_id": 8, "usr": {"$numberLong": "0"}, "v": 4.75, "kind": "\u00e9"}], ["update", "dept", {"_id": 1, "k": 1}, {"_id": 1, "k": 4.0}]]
[["insert", "dept", null, {"_id": 11, "k": 2}], ["insert", "emp", null, {"_id": 12, "dept": 1.0, "sal": 0, "name": "\u00e9", "act": false}]]
-- batch 2025-03-01T01:40:00
[["insert", "dept", null, {"_id": 13, "k": 3}]]
[["insert", "ev", null, {"_id": 14, "usr": 2, "v": 3.0, "kind": "a"}]]
[["insert", "emp", null, {"_id": 15, "dept": 1.0, "sal": 0, "name": "\u00e9", "act": false}]]
[["delete", "dept", {"_id": 11, "k": 2}, null], ["insert", "emp", null, {"_id": 16, "dept": {"$numberLong": "2"}, "sal": 3, "name": "a", "act": true}]]
[["update", "ev", {"_id": 1, "usr": 2, "v": 3.25, "kind": "a"}, {"_id": 1, "usr": 1, "kind": "", "v": 0.75}]]
