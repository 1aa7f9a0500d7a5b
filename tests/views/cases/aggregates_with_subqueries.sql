-- remark
-- subqueries in FILTER and in arguments; pairs and bits
-- collection emp
{"_id": "KEY", "dept": "KEY", "sal": "INT", "bonus": "REAL", "comm": "DECIMAL", "act": "BOOL"}
-- collection dept
{"_id": "KEY", "k": "KEY"}
-- collection ev
{"_id": "KEY", "v": "REAL"}
-- view v1
SELECT dept, COVAR_POP(bonus, comm) FILTER (WHERE act) AS a, REGR_COUNT(bonus, comm) AS n FROM emp GROUP BY ROLLUP (dept)
-- view v2
SELECT dept, BIT_AND(sal) AS a, BIT_OR(sal) AS o, BIT_XOR(sal) AS x, BIT_XOR(DISTINCT sal) AS d FROM emp GROUP BY dept
-- view v3
SELECT dept, COUNT(*) FILTER (WHERE sal IN (SELECT k FROM dept)) AS c, SUM(bonus) FILTER (WHERE EXISTS (SELECT 1 FROM dept d WHERE d.k = e.sal)) AS s FROM emp e GROUP BY dept
-- view v4
SELECT dept, MAX((SELECT COUNT(*) FROM dept d WHERE d.k <= e.sal)) AS m FROM emp e GROUP BY dept
-- view v5
SELECT _id AS i, SUM((SELECT COUNT(*) FROM dept d WHERE d.k = e.sal)) OVER (ORDER BY _id) AS m FROM emp e
-- view v6
SELECT SUM(CASE WHEN sal NOT IN (SELECT k FROM dept) THEN 1 END) AS m, COUNT(*) AS n FROM emp e HAVING COUNT(*) FILTER (WHERE sal > (SELECT AVG(v) FROM ev)) > 0
-- created after 0
-- batch 2025-03-01T01:00:00
[["insert", "emp", null, {"_id": 1, "dept": 3, "sal": 1099511627776, "bonus": 6.5, "comm": {"$numberDecimal": "9.5"}, "act": false}]]
[["insert", "ev", null, {"_id": 2, "v": 4.75}]]
[["insert", "dept", null, {"_id": 3, "k": 1}]]
[["insert", "emp", null, {"_id": 4, "dept": 3, "sal": 1099511627776, "bonus": 6.5, "comm": {"$numberDecimal": "9.5"}, "act": false}]]
[["update", "dept", {"_id": 3, "k": 1}, {"_id": 3, "k": 3}]]
-- batch 2025-03-01T02:00:00
[["insert", "dept", null, {"_id": 5}]]
[["insert", "dept", null, {"_id": 6, "k": 3}]]
[["insert", "emp", null, {"_id": 7, "dept": 2, "sal": {"$numberDecimal": "3"}, "act": true}], ["insert", "dept", null, {"_id": 2, "k": 2}], ["insert", "emp", null, {"_id": 8, "dept": 0.0, "sal": 4, "bonus": -2.25, "act": false}], ["insert", "emp", null, {"_id": 9, "dept": 2, "sal": 4, "bonus": -2.75, "comm": {"$numberDecimal": "2.75"}, "act": false}]]
[["insert", "dept", null, {"_id": 10, "k": 1}]]
-- batch 2025-03-01T03:00:00
[["insert", "dept", null, {"_id": 11, "k": null}]]
[["insert", "emp", null, {"_id": 12, "dept": 0.0, "sal": -3, "bonus": 7.75, "comm": {"$numberDecimal": "2.75"}, "act": null}], ["insert", "dept", null, {"_id": 13, "k": 1.0}], ["replace", "emp", {"_id": 1, "dept": 3, "sal": 1099511627776, "bonus": 6.5, "comm": {"$numberDecimal": "9.5"}, "act": false}, {"_id": 1, "sal": -3, "bonus": 4.75, "comm": {"$numberDecimal": "-3.75"}}], ["update", "dept", {"_id": 11, "k": null}, {"_id": 11, "k": {"$numberLong": "3"}}]]
[["update", "dept", {"_id": 6, "k": 3}, {"_id": 6, "k": 2}], ["insert", "dept", null, {"_id": 14, "k": 2}]]
[["insert", "dept", null, {"_id": 15, "k": 2}], ["insert", "ev", null, {"_id": 16, "v": 4.75}]]
[["update", "dept", {"_id": 5}, {"_id": 5, "k": 0}]]
-- batch 2025-03-01T03:00:00
[["insert", "emp", null, {"_id": 17, "dept": 0.0, "sal": -3, "bonus": 7.75, "comm": {"$numberDecimal": "2.75"}, "act": null}]]
[["insert", "emp", null, {"_id": 18, "dept": 1, "sal": 3, "bonus": null, "comm": {"$numberDecimal": "4.0"}}]]
