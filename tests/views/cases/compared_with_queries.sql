-- remark
-- ANY and ALL of a query, and a row before IN, with NULLs on both sides
-- collection emp
{"_id": "KEY", "dept": "KEY", "sal": "INT", "name": "TEXT", "act": "BOOL"}
-- collection dept
{"_id": "KEY", "k": "KEY", "title": "TEXT"}
-- collection ev
{"_id": "KEY", "v": "REAL"}
-- view v1
SELECT e.dept, COUNT(*) AS n FROM emp e GROUP BY e.dept HAVING COUNT(*) >= ALL (SELECT COUNT(*) FROM emp f GROUP BY f.dept)
-- view v2
SELECT _id AS i FROM emp WHERE sal > ALL (SELECT k FROM dept WHERE k IS NOT NULL)
-- view v3
SELECT _id AS i, sal <> ALL (SELECT k FROM dept) AS x, sal <= ALL (SELECT v FROM ev) AS y, sal < ANY (SELECT k FROM dept d WHERE d.title = e.name) AS z FROM emp e
-- view v4
SELECT _id AS i, sal = ALL (SELECT k FROM dept d WHERE d._id > e._id) AS x, sal <> ANY (SELECT k FROM dept d) AS y FROM emp e
-- view v5
SELECT _id AS i FROM emp WHERE (dept, sal) IN (SELECT k, k FROM dept)
-- view v6
SELECT _id AS i FROM emp e WHERE (dept, sal) IN (SELECT f.dept, MAX(f.sal) FROM emp f GROUP BY f.dept)
-- view v7
SELECT COUNT(DISTINCT (name, act)) AS c, dept FROM emp GROUP BY dept
-- view v8
SELECT dept, SUM(sal) AS s FROM emp GROUP BY dept HAVING (dept, SUM(sal)) IN (SELECT k, _id FROM dept)
-- view v9
SELECT _id AS i, (dept, name) IN (SELECT k, title FROM dept) AS x FROM emp e
-- duckdb v9
SELECT _id AS i, CASE WHEN EXISTS (SELECT 1 FROM dept d WHERE d.k = e.dept AND d.title = e.name) THEN TRUE WHEN EXISTS (SELECT 1 FROM dept d WHERE (d.k = e.dept AND d.title = e.name) IS NULL) THEN NULL ELSE FALSE END AS x FROM emp e
-- view v10
SELECT _id AS i FROM emp e WHERE (name, act) IN (SELECT f.name, f.act FROM emp f WHERE f.dept = e.dept AND f._id <> e._id) OR act
-- duckdb v10
SELECT _id AS i FROM emp e WHERE EXISTS (SELECT f.name, f.act FROM emp f WHERE f.dept = e.dept AND f._id <> e._id AND f.name = e.name AND f.act = e.act) OR act
-- view v11
SELECT _id AS i FROM emp e WHERE (name, act) NOT IN (SELECT f.name, f.act FROM emp f WHERE f.dept = e.dept AND f._id <> e._id)
-- duckdb v11
SELECT _id AS i FROM emp e WHERE NOT EXISTS (SELECT 1 FROM emp f WHERE f.dept = e.dept AND f._id <> e._id AND ((f.name = e.name AND f.act = e.act) IS NOT FALSE))
-- created after 0
-- batch 2025-03-01T00:01:00
[["insert", "ev", null, {"_id": 1, "v": 9.5}]]
[["insert", "dept", null, {"_id": 1, "k": 4, "title": "\u00e9"}], ["insert", "emp", null, {"_id": 1, "dept": {"$numberLong": "3"}, "sal": {"$numberLong": "6"}, "name": "a", "act": true}]]
[["update", "ev", {"_id": 1, "v": 9.5}, {"_id": 1, "v": 9.5}], ["update", "ev", {"_id": 1, "v": 9.5}, {"_id": 1, "v": -3.0}], ["insert", "emp", null, {"_id": 2, "dept": 4, "sal": 3, "name": "ab", "act": true}], ["insert", "dept", null, {"_id": 3, "k": 3, "title": ""}]]
-- batch 2025-03-01T00:01:00
[["update", "ev", {"_id": 1, "v": -3.0}, {"_id": 1, "v": -4.0}]]
[["update", "dept", {"_id": 3, "k": 3, "title": ""}, {"_id": 3, "title": "", "k": {"$numberDecimal": "0"}}]]
[["insert", "ev", null, {"_id": 4, "v": 9.0}], ["insert", "dept", null, {"_id": 5, "title": null}], ["insert", "dept", null, {"_id": 6, "k": 4, "title": "\u00e9"}], ["insert", "dept", null, {"_id": 2, "k": 2, "title": "ab"}]]
[["insert", "emp", null, {"_id": 7, "dept": 3, "sal": 1, "name": "b"}], ["insert", "ev", null, {"_id": 8}], ["insert", "dept", null, {"_id": 9, "k": {"$numberLong": "2"}, "title": "\u00e9"}]]
-- batch 2025-03-01T00:21:00
[["insert", "ev", null, {"_id": 10, "v": -2.25}]]
[["update", "dept", {"_id": 3, "title": "", "k": {"$numberDecimal": "0"}}, {"_id": 3, "k": {"$numberDecimal": "0"}, "title": "a"}]]
[["insert", "emp", null, {"_id": 11, "dept": 4, "sal": 3, "name": "ab", "act": true}], ["insert", "ev", null, {"_id": 12, "v": -1.5}]]
-- batch 2025-03-01T00:22:00
[["update", "dept", {"_id": 2, "k": 2, "title": "ab"}, {"_id": 2, "title": "ab", "k": {"$numberDecimal": "2"}}]]
[["insert", "ev", null, {"_id": 13}]]
[["insert", "emp", null, {"_id": 9, "dept": {"$numberDecimal": "2"}, "sal": 3.0, "name": "B", "act": false}], ["delete", "ev", {"_id": 13}, null], ["insert", "emp", null, {"_id": 8, "dept": 1, "sal": -2, "name": "a", "act": true}], ["insert", "ev", null, {"_id": 14, "v": 4.0}]]
