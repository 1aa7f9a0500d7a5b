-- remark
-- an array of fractions was no constant any more
-- collection emp
{"_id": "KEY", "dept": "KEY", "sal": "INT", "bonus": "REAL", "act": "BOOL"}
-- view v1
SELECT dept, PERCENTILE_CONT(ARRAY[0.1, 0.5, 1.0]) WITHIN GROUP (ORDER BY bonus) AS x FROM emp GROUP BY dept
-- view v2
SELECT dept, act, PERCENTILE_DISC(ARRAY[0, 0.5]) WITHIN GROUP (ORDER BY sal) AS x FROM emp GROUP BY ROLLUP(dept, act)
-- duckdb v2
SELECT dept, act, PERCENTILE_DISC([0.0, 0.5]) WITHIN GROUP (ORDER BY sal) AS x FROM emp GROUP BY ROLLUP(dept, act)
-- created after 0
-- batch 2025-03-01T00:00:00
[["insert", "emp", null, {"_id": 1, "dept": 2.0, "sal": null, "bonus": 1.75, "act": false}]]
[["insert", "emp", null, {"_id": 2, "dept": null, "act": false}], ["insert", "emp", null, {"_id": 3, "dept": 1.0, "sal": {"$numberLong": "1"}, "bonus": 9.5, "act": false}]]
[["insert", "emp", null, {"_id": 4, "dept": 2, "sal": {"$numberDecimal": "0"}, "act": false}]]
[["insert", "emp", null, {"_id": 5, "sal": {"$numberLong": "2"}, "bonus": 3.0, "act": null}], ["insert", "emp", null, {"_id": 6, "dept": 2.0, "sal": null, "bonus": 1.75, "act": false}]]
-- batch 2025-03-01T01:00:00
[["delete", "emp", {"_id": 1, "dept": 2.0, "sal": null, "bonus": 1.75, "act": false}, null]]
[["insert", "emp", null, {"_id": 7, "dept": {"$numberDecimal": "2"}, "sal": {"$numberLong": "8"}, "bonus": 8.5, "act": false}]]
[["delete", "emp", {"_id": 6, "dept": 2.0, "sal": null, "bonus": 1.75, "act": false}, null], ["insert", "emp", null, {"_id": 8, "dept": 2, "sal": {"$numberLong": "2"}, "bonus": 4.75, "act": true}], ["update", "emp", {"_id": 8, "dept": 2, "sal": {"$numberLong": "2"}, "bonus": 4.75, "act": true}, {"_id": 8, "dept": 2, "sal": {"$numberLong": "2"}, "bonus": 5.75}], ["insert", "emp", null, {"_id": 9, "dept": null, "sal": 1, "bonus": 2.25, "act": true}]]
