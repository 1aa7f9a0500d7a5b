-- remark
-- VALUES, queries without an alias, and clauses behind parentheses
-- collection emp
{"_id": "KEY", "dept": "KEY", "sal": "INT", "act": "BOOL"}
-- collection dept
{"_id": "KEY", "k": "KEY"}
-- view v1
SELECT v.a, v.b FROM (VALUES (1, 'x'), (2, 'y'), (NULL, 'z')) AS v(a, b)
-- view v2
SELECT e._id AS i, v.label FROM emp e LEFT JOIN (VALUES (1, 'one'), (2, 'two')) AS v(n, label) ON e.dept = v.n
-- view v3
WITH v(n, label) AS (VALUES (1, 'one'), (2, 'two'), (2, 'zwei')) SELECT e._id AS i, v.label FROM emp e JOIN v ON e.dept = v.n
-- view v4
SELECT dept, COUNT(*) AS n FROM (SELECT dept FROM emp WHERE act) GROUP BY dept
-- view v5
SELECT x, y FROM (SELECT dept AS x FROM emp GROUP BY dept), (SELECT k AS y FROM dept)
-- view v6
(SELECT dept AS x FROM emp) ORDER BY x LIMIT 3
-- view v7
(SELECT dept AS x FROM emp UNION ALL SELECT k FROM dept) ORDER BY x DESC LIMIT 4
-- view v8
(SELECT dept AS x FROM emp ORDER BY _id LIMIT 5) ORDER BY x LIMIT 2
-- view v9
SELECT * FROM (VALUES (1), (2), (3), (4), (5), (6), (7), (8)) AS v(x) WHERE x NOT IN (SELECT k FROM dept WHERE k IS NOT NULL)
-- view v10
SELECT _id AS i FROM emp WHERE dept IN (VALUES (1), (3))
-- view v11
SELECT d.k, s.m FROM dept d, LATERAL (SELECT MAX(sal) AS m FROM emp WHERE emp.dept = d.k) s
-- created after 0
-- batch 2025-03-01T00:20:00
[["insert", "dept", null, {"_id": 1}]]
[["insert", "emp", null, {"_id": 2, "dept": {"$numberLong": "1"}, "sal": -3, "act": false}]]
[["insert", "emp", null, {"_id": 3, "dept": 4, "act": false}]]
[["insert", "emp", null, {"_id": 1, "dept": {"$numberDecimal": "4"}, "sal": null, "act": true}]]
[["insert", "emp", null, {"_id": 4, "dept": null, "sal": -3, "act": true}], ["insert", "dept", null, {"_id": 2}], ["insert", "emp", null, {"_id": 5, "dept": 3, "sal": {"$numberLong": "2"}, "act": false}]]
-- batch 2025-03-01T00:21:00
[["update", "dept", {"_id": 2}, {"_id": 2, "k": 0}]]
[["insert", "emp", null, {"_id": 6, "dept": 2, "sal": 6.0, "act": true}]]
[["insert", "dept", null, {"_id": 7, "k": null}]]
[["insert", "dept", null, {"_id": 6, "k": 1}]]
[["insert", "emp", null, {"_id": 8, "dept": 1, "act": false}]]
[["insert", "dept", null, {"_id": 9, "k": 1.0}]]
[["insert", "dept", null, {"_id": 10, "k": null}], ["delete", "emp", {"_id": 1, "dept": {"$numberDecimal": "4"}, "sal": null, "act": true}, null]]
-- batch 2025-03-01T00:41:00
[["delete", "emp", {"_id": 3, "dept": 4, "act": false}, null]]
[["insert", "dept", null, {"_id": 11, "k": 0}], ["update", "dept", {"_id": 10, "k": null}, {"_id": 10, "k": 4}]]
[["insert", "emp", null, {"_id": 10, "dept": 3, "sal": 3, "act": false}]]
-- batch 2025-03-01T01:01:00
[["insert", "dept", null, {"_id": 5}]]
