-- case flink_cumulate
SELECT * FROM TABLE(CUMULATE(TABLE bids, DESCRIPTOR(bidtime), INTERVAL '2' MINUTES, INTERVAL '10' MINUTES))
-- error QL302
windows that grow are groups of the day with EMIT CHANGES; TUMBLE, HOP and SESSION are known here

-- case ksql_tumbling
SELECT user_id, COUNT(*) FROM clicks WINDOW TUMBLING (SIZE 1 MINUTE) GROUP BY user_id EMIT CHANGES
-- error QL302
GROUP BY key, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '1 minute'); HOP and SESSION likewise

-- case ksql_final_window
SELECT user_id, COUNT(*) FROM clicks WINDOW TUMBLING (SIZE 1 MINUTE) WHERE CHANGE_DETECTED() GROUP BY user_id EMIT FINAL
-- error QL302
GROUP BY key, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '1 minute'); HOP and SESSION likewise

-- case ksql_hopping
SELECT user_id, COUNT(*) FROM clicks WINDOW HOPPING (SIZE 30 SECONDS, ADVANCE BY 10 SECONDS) GROUP BY user_id EMIT CHANGES
-- error QL302
GROUP BY key, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '1 minute'); HOP and SESSION likewise

-- case ksql_session
SELECT user_id, COUNT(*) FROM clicks WINDOW SESSION (60 SECONDS) GROUP BY user_id
-- error QL302
GROUP BY key, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '1 minute'); HOP and SESSION likewise

-- case emit_final
SELECT k, COUNT(*) FROM clicks WHERE CHANGE_DETECTED() GROUP BY k, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '1 minute') EMIT FINAL
-- error QL302
EMIT CHANGES gives groups with every change; without it they come once, when their window has ended

-- case flink_temporal_join
SELECT o.k, r.rate FROM orders AS o LEFT JOIN rates FOR SYSTEM_TIME AS OF o.at AS r ON o.cur = r.cur WHERE CHANGE_DETECTED(o)
-- error QL302
leave it out: a change meets the other collection's documents as they are when it comes

-- case ksql_within
SELECT o.k FROM orders o INNER JOIN payments p WITHIN 1 HOUR ON o.id = p.id EMIT CHANGES
-- error QL302
ON ... AND b.at BETWEEN a.at - INTERVAL '1 hour' AND a.at + INTERVAL '1 hour'

-- case ksql_within_detected
SELECT o.k FROM orders o INNER JOIN payments p WITHIN 1 HOUR ON o.id = p.id WHERE CHANGE_DETECTED(o)
-- error QL302
ON ... AND b.at BETWEEN a.at - INTERVAL '1 hour' AND a.at + INTERVAL '1 hour'

-- case insert_select
INSERT INTO sink SELECT k FROM orders WHERE CHANGE_DETECTED()
-- error QL140
a stream goes on into a sink: CREATE SINK name AS SELECT ... INTO target

-- case create_stream_as
CREATE STREAM s AS SELECT k FROM orders EMIT CHANGES
-- error QL302
CREATE VIEW name AS SELECT ... FROM collection WHERE CHANGE_DETECTED()

-- case create_stream
CREATE STREAM pageviews (viewtime BIGINT, userid VARCHAR) WITH (KAFKA_TOPIC='pageviews', VALUE_FORMAT='JSON')
-- error QL302
CREATE VIEW name AS SELECT ... FROM collection WHERE CHANGE_DETECTED()

-- case create_table_as
CREATE TABLE t AS SELECT k, COUNT(*) FROM orders GROUP BY k EMIT CHANGES
-- error QL302
CREATE MATERIALIZED VIEW name AS SELECT ...

-- case watermark
CREATE TABLE t (ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND)
-- error QL302
leave it out: CHANGE_TIMESTAMP() is never late; by other times a row behind its window is left out, and counted

-- case create_source
CREATE SOURCE s WITH (connector='kafka')
-- error QL302
CREATE VIEW name AS SELECT ... FROM collection WHERE CHANGE_DETECTED()

-- case risingwave_sink
CREATE SINK s FROM mv WITH (connector='kafka')
-- error QL302
CREATE SINK name AS SELECT ... WHERE CHANGE_DETECTED() INTO collection; PROCEDURE, WEBHOOK and FILE likewise

-- case subscribe_to
SUBSCRIBE TO v
-- error QL302
SELECT * FROM view EMIT CHANGES

-- case subscribe_query
SUBSCRIBE (SELECT * FROM v)
-- error QL302
SELECT * FROM view EMIT CHANGES

-- case tail
TAIL v
-- error QL302
SELECT * FROM view EMIT CHANGES

-- case asa_timestamp
SELECT System.Timestamp() AS t, COUNT(*) FROM input TIMESTAMP BY at GROUP BY TumblingWindow(minute, 5)
-- error QL302
CHANGE_TIMESTAMP(), or window_end of a group

-- case asa_tumbling
SELECT k, COUNT(*) FROM clicks WHERE CHANGE_DETECTED() GROUP BY k, TumblingWindow(second, 10)
-- error QL209
write TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '1 minute')

-- case asa_hopping
SELECT k, COUNT(*) FROM clicks WHERE CHANGE_DETECTED() GROUP BY k, HoppingWindow(second, 10, 5)
-- error QL209
write HOP(CHANGE_TIMESTAMP(), INTERVAL '5 seconds', INTERVAL '10 seconds')

-- case asa_sliding
SELECT k, COUNT(*) FROM clicks WHERE CHANGE_DETECTED() GROUP BY k, SlidingWindow(second, 10)
-- error QL209
write COUNT(*) OVER (ORDER BY at RANGE BETWEEN INTERVAL '10 seconds' PRECEDING AND CURRENT ROW)

-- case spark_window_sliding
SELECT window, COUNT(*) FROM clicks WHERE CHANGE_DETECTED() GROUP BY window(at, '10 minutes', '5 minutes')
-- error QL302
GROUP BY key, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '1 minute')

-- case spark_window
SELECT k, COUNT(*) FROM clicks WHERE CHANGE_DETECTED() GROUP BY k, window(at, '10 minutes')
-- error QL302
GROUP BY key, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '1 minute'); HOP and SESSION likewise

-- case spark_session
SELECT k, session_window(at, '5 minutes') AS w, COUNT(*) FROM clicks WHERE CHANGE_DETECTED() GROUP BY k, session_window(at, '5 minutes')
-- error QL209
write SESSION(CHANGE_TIMESTAMP(), INTERVAL '5 minutes')

-- case proctime
SELECT *, PROCTIME() FROM clicks WHERE CHANGE_DETECTED()
-- error QL209
write CHANGE_TIMESTAMP()

-- case latest_by_offset
SELECT LATEST_BY_OFFSET(v) FROM clicks WHERE CHANGE_DETECTED() GROUP BY k EMIT CHANGES
-- error QL209
write LAST(x ORDER BY at), where a subquery selects CHANGE_TIMESTAMP() AS at

-- case asa_limit_duration
SELECT LAG(v, 1) OVER (PARTITION BY k LIMIT DURATION(minute, 1)) FROM clicks WHERE CHANGE_DETECTED()
-- error QL302
RANGE BETWEEN INTERVAL '1 minute' PRECEDING AND CURRENT ROW

-- case emit_stream
SELECT k FROM orders EMIT STREAM
-- error QL302
EMIT CHANGES gives groups with every change; without it they come once, when their window has ended

-- case match_recognize
SELECT * FROM orders MATCH_RECOGNIZE (PARTITION BY k ORDER BY at MEASURES A.v AS x PATTERN (A B) DEFINE A AS v > 1)
-- error QL302
compare with LAG(...) OVER (PARTITION BY ... ORDER BY CHANGE_TIMESTAMP()) in a WITH query

-- case top
SELECT TOP 5 k FROM orders WHERE CHANGE_DETECTED()
-- error QL302
ROW_NUMBER() OVER (...) <= 5 in a materialized view

-- case mz_now
SELECT k FROM orders WHERE mz_now() <= at + 1000 AND CHANGE_DETECTED()
-- error QL209
write CHANGE_TIMESTAMP()

-- case tumble_rowtime
SELECT TUMBLE_ROWTIME(at, INTERVAL '1' MINUTE), COUNT(*) FROM clicks WHERE CHANGE_DETECTED() GROUP BY TUMBLE(at, INTERVAL '1' MINUTE)
-- error QL209
write window_end

-- case tumble_as_value
SELECT k, TUMBLE(at, INTERVAL '1 minute') AS w, COUNT(*) FROM clicks WHERE CHANGE_DETECTED() GROUP BY k, w
-- error QL236
TUMBLE_START is a value

-- case emit_limit
SELECT k, COUNT(*) FROM clicks EMIT CHANGES LIMIT 5
-- error QL302
leave LIMIT out: query --limit N ends after N rows

-- case group_emit_undetected
SELECT k, COUNT(*) FROM clicks GROUP BY k EMIT CHANGES
-- error QL303
keep it as a MATERIALIZED VIEW, and follow that: SELECT * FROM the_view EMIT CHANGES

-- case join_without_bound
SELECT a.k FROM a JOIN b ON a.k = b.k WHERE CHANGE_DETECTED(a) AND CHANGE_DETECTED(b)
-- error QL320
ON a.at BETWEEN b.at - INTERVAL '1 minute' AND b.at + INTERVAL '1 minute', where both select CHANGE_TIMESTAMP() AS at

-- case join_by_other_times
SELECT a.k FROM a JOIN b ON a.k = b.k AND a.at BETWEEN b.at AND b.at + INTERVAL '1 hour' WHERE CHANGE_DETECTED(a) AND CHANGE_DETECTED(b)
-- error QL320
ON a.at BETWEEN b.at - INTERVAL '1 minute' AND b.at + INTERVAL '1 minute', where both select CHANGE_TIMESTAMP() AS at

-- case change_timestamp_of_a_source
SELECT f.k FROM a f JOIN b s ON f.k = s.k AND CHANGE_TIMESTAMP(f) BETWEEN CHANGE_TIMESTAMP(s) - INTERVAL '1 minute' AND CHANGE_TIMESTAMP(s) WHERE CHANGE_DETECTED(f) AND CHANGE_DETECTED(s)
-- error QL205
of another source select it there: (SELECT ..., CHANGE_TIMESTAMP() AS x FROM b WHERE CHANGE_DETECTED()) b

-- case datediff_bound
SELECT o.k FROM orders o JOIN payments p ON o.id = p.id AND DATEDIFF(minute, o, p) BETWEEN 0 AND 5 WHERE CHANGE_DETECTED(o)
-- error QL209
write EXTRACT(EPOCH FROM a - b) / 86400
