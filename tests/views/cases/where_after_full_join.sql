-- remark
-- Mishaps(rollbacks=0, restarts=0, cache_rows=(100000,))
-- v4 after batch 0:
-- missing:  nothing
-- too much:
--   (None,)
-- of
--   (('bool', True),)
-- collection a
{"_id": "KEY", "k": "KEY", "s": "TEXT", "f": "BOOL"}
-- collection b
{"_id": "KEY"}
-- view v4
SELECT DISTINCT r2.f AS c2 FROM a AS r1 CROSS JOIN a AS r2 FULL JOIN a AS r3 ON r1._id = r3.k WHERE r1.s NOT IN ('é')
-- created after 0
-- batch 2025-03-01T04:23:00
[["insert", "a", null, {"_id": 31, "k": null, "s": "a", "f": true, "p": {}}]]
