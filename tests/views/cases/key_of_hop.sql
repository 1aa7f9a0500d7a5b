-- remark
-- the _id had a field $hop, which the server does not store
-- collection a
{"_id": "KEY", "ts": "TIME"}
-- collection b
{"_id": "KEY", "ts": "TIME"}
-- view v8
SELECT r4._id AS c0, r3._id AS c1 FROM HOP(a, ts, INTERVAL '60 minutes', INTERVAL '60 minutes') AS r3 JOIN b AS r4 ON r4.ts = r3.ts
-- duckdb v8
SELECT b._id AS c0, a._id AS c1 FROM a JOIN b ON a.ts = b.ts
-- created after 0
-- batch 2025-03-01T00:00:00
[["insert", "a", null, {"_id": 1, "ts": {"$date": "2025-03-01T05:00:00Z"}}]]
[["insert", "b", null, {"_id": 2, "ts": {"$date": "2025-03-01T05:00:00Z"}}]]
