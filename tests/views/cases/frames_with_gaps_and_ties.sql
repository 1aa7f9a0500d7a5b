-- remark
-- EXCLUDE, IGNORE NULLS and WITH TIES
-- collection emp
{"_id": "KEY", "dept": "KEY", "sal": "INT", "bonus": "REAL", "comm": "DECIMAL", "name": "TEXT"}
-- collection dept
{"_id": "KEY", "k": "KEY"}
-- view v1
SELECT _id AS i, FIRST_VALUE(sal) OVER (ORDER BY _id ROWS BETWEEN 1 PRECEDING AND 2 FOLLOWING EXCLUDE CURRENT ROW) AS f, LAST_VALUE(sal) OVER (ORDER BY _id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW) AS l, NTH_VALUE(sal, 2) OVER (ORDER BY _id ROWS BETWEEN 2 PRECEDING AND 2 FOLLOWING EXCLUDE CURRENT ROW) AS n FROM emp
-- view v2
SELECT _id AS i, LAST_VALUE(sal) IGNORE NULLS OVER (ORDER BY _id) AS s, FIRST_VALUE(sal) IGNORE NULLS OVER (PARTITION BY dept ORDER BY _id) AS f, NTH_VALUE(bonus, 2) IGNORE NULLS OVER (ORDER BY _id ROWS BETWEEN 3 PRECEDING AND 3 FOLLOWING) AS n, LAST_VALUE(comm) RESPECT NULLS OVER (ORDER BY _id) AS r FROM emp
-- duckdb v2
SELECT _id AS i, LAST_VALUE(sal IGNORE NULLS) OVER (ORDER BY _id) AS s, FIRST_VALUE(sal IGNORE NULLS) OVER (PARTITION BY dept ORDER BY _id) AS f, NTH_VALUE(bonus, 2 IGNORE NULLS) OVER (ORDER BY _id ROWS BETWEEN 3 PRECEDING AND 3 FOLLOWING) AS n, LAST_VALUE(comm) OVER (ORDER BY _id) AS r FROM emp
-- view v3
SELECT _id AS i, LAG(bonus) IGNORE NULLS OVER (ORDER BY _id) AS s, LEAD(bonus, 2, -7) IGNORE NULLS OVER (PARTITION BY dept ORDER BY _id DESC) AS l FROM emp
-- duckdb v3
SELECT _id AS i, LAG(bonus IGNORE NULLS) OVER (ORDER BY _id) AS s, LEAD(bonus, 2, -7 IGNORE NULLS) OVER (PARTITION BY dept ORDER BY _id DESC) AS l FROM emp
-- view v4
SELECT _id AS i, LAST_VALUE(sal) IGNORE NULLS OVER (ORDER BY _id ROWS BETWEEN 3 PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW) AS s FROM emp
-- duckdb v4
SELECT _id AS i, LAST_VALUE(sal IGNORE NULLS) OVER (ORDER BY _id ROWS BETWEEN 3 PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW) AS s FROM emp
-- view v5
SELECT _id AS i, sal FROM emp ORDER BY sal DESC NULLS LAST FETCH FIRST 3 ROWS WITH TIES
-- duckdb v5
SELECT _id AS i, sal FROM emp QUALIFY RANK() OVER (ORDER BY sal DESC NULLS LAST) <= 3
-- view v6
SELECT dept, COUNT(*) AS n FROM emp GROUP BY dept ORDER BY n DESC FETCH FIRST ROW WITH TIES
-- duckdb v6
SELECT dept, COUNT(*) AS n FROM emp GROUP BY dept QUALIFY RANK() OVER (ORDER BY COUNT(*) DESC) <= 1
-- view v7
SELECT sal FROM emp ORDER BY sal OFFSET 2 FETCH NEXT 2 ROWS WITH TIES
-- duckdb v7
SELECT sal FROM emp QUALIFY RANK() OVER (ORDER BY sal) <= 4 AND ROW_NUMBER() OVER (ORDER BY sal) > 2
-- view v8
SELECT DISTINCT dept FROM emp ORDER BY dept FETCH FIRST 2 ROWS WITH TIES
-- duckdb v8
SELECT DISTINCT dept FROM emp ORDER BY dept LIMIT 2
-- view v9
SELECT dept AS x FROM emp UNION ALL SELECT k FROM dept ORDER BY x DESC FETCH FIRST 2 ROWS WITH TIES
-- duckdb v9
SELECT x FROM (SELECT dept AS x FROM emp UNION ALL SELECT k FROM dept) QUALIFY RANK() OVER (ORDER BY x DESC) <= 2
-- view v10
SELECT d._id AS i, l.n FROM dept d LEFT JOIN LATERAL (SELECT name AS n FROM emp e WHERE e.dept = d.k ORDER BY sal FETCH FIRST 1 ROW WITH TIES) l ON TRUE
-- duckdb v10
SELECT d._id AS i, l.n FROM dept d LEFT JOIN LATERAL (SELECT name AS n FROM emp e WHERE e.dept = d.k QUALIFY RANK() OVER (ORDER BY sal) <= 1) l ON TRUE
-- created after 0
-- batch 2025-03-01T00:20:00
[["insert", "emp", null, {"_id": 1, "dept": {"$numberLong": "1"}, "sal": 3, "bonus": null, "comm": {"$numberDecimal": "1.5"}, "name": ""}], ["insert", "dept", null, {"_id": 2, "k": 1.0}], ["update", "emp", {"_id": 1, "dept": {"$numberLong": "1"}, "sal": 3, "bonus": null, "comm": {"$numberDecimal": "1.5"}, "name": ""}, {"_id": 1, "sal": 3, "comm": {"$numberDecimal": "1.5"}, "name": "", "dept": 1.0, "bonus": 5.0}], ["insert", "dept", null, {"_id": 3, "k": {"$numberLong": "2"}}]]
[["insert", "dept", null, {"_id": 4, "k": 1.0}], ["insert", "dept", null, {"_id": 5, "k": 1.0}], ["update", "dept", {"_id": 2, "k": 1.0}, {"_id": 2, "k": 2}], ["insert", "dept", null, {"_id": 6, "k": 0.0}]]
-- batch 2025-03-01T00:40:00
[["update", "dept", {"_id": 4, "k": 1.0}, {"_id": 4, "k": 0}], ["insert", "emp", null, {"_id": 7, "sal": 3, "comm": {"$numberDecimal": "1.5"}, "name": "", "dept": 1.0, "bonus": 5.0}], ["insert", "emp", null, {"_id": 8, "dept": null, "sal": 4.0, "bonus": -3.75, "comm": {"$numberDecimal": "3.5"}, "name": "a"}], ["insert", "emp", null, {"_id": 6, "dept": 0, "bonus": -3.0, "comm": {"$numberDecimal": "4.0"}, "name": "\u00e9"}]]
[["insert", "emp", null, {"_id": 9, "dept": null, "sal": 4.0, "bonus": -3.75, "comm": {"$numberDecimal": "3.5"}, "name": "a"}], ["insert", "dept", null, {"_id": 10, "k": 2}]]
[["insert", "dept", null, {"_id": 11, "k": 1.0}]]
[["insert", "emp", null, {"_id": 12, "sal": 5, "comm": {"$numberDecimal": "4.25"}, "name": ""}], ["insert", "dept", null, {"_id": 13, "k": 3}], ["update", "dept", {"_id": 10, "k": 2}, {"_id": 10, "k": {"$numberLong": "2"}}], ["replace", "dept", {"_id": 13, "k": 3}, {"_id": 13, "k": 3}]]
-- batch 2025-03-01T01:00:00
[["insert", "dept", null, {"_id": 14, "k": 3}]]
[["delete", "dept", {"_id": 14, "k": 3}, null]]
[["update", "emp", {"_id": 8, "dept": null, "sal": 4.0, "bonus": -3.75, "comm": {"$numberDecimal": "3.5"}, "name": "a"}, {"_id": 8, "sal": 4.0, "comm": {"$numberDecimal": "3.5"}, "dept": 0, "bonus": 9.75, "name": ""}]]
[["replace", "dept", {"_id": 4, "k": 0}, {"_id": 4, "k": 0}]]
[["update", "dept", {"_id": 4, "k": 0}, {"_id": 4, "k": null}]]
[["delete", "emp", {"_id": 8, "sal": 4.0, "comm": {"$numberDecimal": "3.5"}, "dept": 0, "bonus": 9.75, "name": ""}, null], ["insert", "dept", null, {"_id": 15, "k": 1}]]
