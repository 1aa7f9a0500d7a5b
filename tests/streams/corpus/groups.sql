-- case tumbling
SELECT region, COUNT(*) AS n, SUM(total) AS sum, window_start AS first, window_end AS past FROM orders
WHERE CHANGE_DETECTED() AND CHANGE_TYPE() = 'INSERT' GROUP BY region, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '10 minutes')

-- case window_bounds_in_capitals
SELECT region, COUNT(*) AS n, WINDOW_START AS first, WINDOW_END AS past FROM orders
WHERE CHANGE_DETECTED() GROUP BY region, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '10 minutes')
-- duckdb
SELECT region, COUNT(*) AS n, TUMBLE(moment, INTERVAL '10 minutes') AS first,
  TUMBLE(moment, INTERVAL '10 minutes') + INTERVAL '10 minutes' AS past FROM orders GROUP BY ALL

-- case computed_keys_before_a_hop
SELECT UPPER(page) AS p, referrer IS NULL AS direct, COUNT(*) AS n, window_start AS first FROM clicks
WHERE CHANGE_DETECTED() GROUP BY UPPER(page), referrer IS NULL, HOP(CHANGE_TIMESTAMP(), INTERVAL '5 minutes', INTERVAL '10 minutes')
-- duckdb
SELECT UPPER(page) AS p, referrer IS NULL AS direct, COUNT(*) AS n, first FROM clicks,
  LATERAL (SELECT TUMBLE(moment, INTERVAL '5 minutes') - i * INTERVAL '5 minutes' AS first FROM range(2) r(i)) GROUP BY ALL

-- case windows_in_from
SELECT k.page, window_start AS first, window_end AS past, COUNT(DISTINCT visitor) AS n
FROM TUMBLE(clicks, CHANGE_TIMESTAMP(), INTERVAL '5 minutes') AS k
WHERE CHANGE_DETECTED() AND CHANGE_TYPE() = 'INSERT' AND ms > 100 GROUP BY k.page, window_start, window_end HAVING COUNT(*) > 1
-- duckdb
SELECT page, TUMBLE(moment, INTERVAL '5 minutes') AS first, TUMBLE(moment, INTERVAL '5 minutes') + INTERVAL '5 minutes' AS past, COUNT(DISTINCT visitor) AS n
FROM clicks WHERE ms > 100 GROUP BY ALL HAVING COUNT(*) > 1

-- case flink_descriptor
SELECT window_start AS first, window_end AS past, SUM(price) AS sum
FROM TABLE(HOP(TABLE bids, DESCRIPTOR(CHANGE_TIMESTAMP()), INTERVAL '2' MINUTES, INTERVAL '10' MINUTES))
WHERE CHANGE_DETECTED() GROUP BY window_start, window_end
-- duckdb
SELECT first, first + INTERVAL '10 minutes' AS past, SUM(price) AS sum FROM bids,
  LATERAL (SELECT TUMBLE(moment, INTERVAL '2 minutes') - i * INTERVAL '2 minutes' AS first FROM range(5) r(i)) GROUP BY first

-- case items_per_minute
SELECT i.item, COUNT(*) AS n, window_start AS first FROM orders o, UNNEST(o.items) AS i(item)
WHERE CHANGE_DETECTED(o) GROUP BY i.item, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '2 minutes')

-- case another_date_beside_the_window
SELECT DATE_TRUNC('day', placed) AS day, COUNT(*) AS n, window_start AS first FROM orders
WHERE CHANGE_DETECTED() GROUP BY DATE_TRUNC('day', placed), TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '1' MINUTE)

-- case aggregates_of_all_kinds
SELECT window_start AS first, COUNT(*) FILTER (WHERE method = 'card') AS cards, COUNT(DISTINCT ip) AS ips,
  STRING_AGG(method, ',' ORDER BY amount, _id) AS methods, ARRAY_AGG(_id ORDER BY _id DESC) AS ids, MIN(ip) AS least,
  SUM(CASE WHEN amount > 10 THEN 1 ELSE 0 END) AS large, BOOL_OR(amount > 300) AS some, MEDIAN(amount) AS middle,
  STDDEV(amount) AS spread FROM payments WHERE CHANGE_DETECTED() GROUP BY TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '10 minutes')

-- case latest_and_earliest
SELECT sensor, FIRST(value ORDER BY taken) AS open, LAST(value ORDER BY taken) AS close, MAX(value) AS high, MIN(value) AS low, window_start AS first
FROM readings WHERE CHANGE_DETECTED() GROUP BY sensor, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '5 minutes')

-- case running_totals
SELECT customer, COUNT(*) AS n, SUM(amount) AS total FROM payments WHERE CHANGE_DETECTED() GROUP BY customer HAVING COUNT(*) > 1 EMIT CHANGES
-- duckdb
SELECT customer, n, total FROM (SELECT customer, COUNT(*) OVER w AS n, SUM(amount) OVER w AS total FROM payments
  WINDOW w AS (PARTITION BY customer ORDER BY moment)) WHERE n > 1

-- case window_over_groups
WITH minutes AS (SELECT page, COUNT(*) AS n, window_start AS first FROM clicks WHERE CHANGE_DETECTED()
  GROUP BY page, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '5 minutes'))
SELECT page, n, first, n - LAG(n) OVER (PARTITION BY page ORDER BY first) AS more, SUM(n) OVER (PARTITION BY page ORDER BY first) AS so_far FROM minutes

-- case groups_of_groups
WITH short AS (SELECT visitor, COUNT(*) AS n, window_start AS first FROM clicks WHERE CHANGE_DETECTED()
  GROUP BY visitor, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '70 seconds'))
SELECT MAX(n) AS most, COUNT(*) AS visitors, window_start AS first FROM short GROUP BY TUMBLE(first, INTERVAL '3 minutes')
-- duckdb
WITH short AS (SELECT visitor, COUNT(*) AS n, TUMBLE(moment, INTERVAL '70 seconds') AS f FROM clicks GROUP BY ALL)
SELECT MAX(n) AS most, COUNT(*) AS visitors, TUMBLE(f, INTERVAL '3 minutes') AS first FROM short GROUP BY ALL

-- case q5_hot_items
WITH counts AS (SELECT auction, COUNT(*) AS n, window_start AS first FROM bids WHERE CHANGE_DETECTED()
  GROUP BY auction, HOP(CHANGE_TIMESTAMP(), INTERVAL '2 minutes', INTERVAL '10 minutes')),
best AS (SELECT first, MAX(n) AS most FROM counts GROUP BY first)
SELECT c.auction, c.n, c.first FROM counts c JOIN best b ON c.first = b.first AND c.n >= b.most
-- duckdb
WITH counts AS (SELECT auction, COUNT(*) AS n, first FROM bids,
  LATERAL (SELECT TUMBLE(moment, INTERVAL '2 minutes') - i * INTERVAL '2 minutes' AS first FROM range(5) r(i)) GROUP BY auction, first)
SELECT auction, n, first FROM counts QUALIFY n = MAX(n) OVER (PARTITION BY first)

-- case q7_highest_bid
WITH highest AS (SELECT MAX(price) AS price, window_start AS first, window_end AS past FROM bids WHERE CHANGE_DETECTED()
  GROUP BY TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '5 minutes')),
every AS (SELECT _id AS id, price, CHANGE_TIMESTAMP() AS t FROM bids WHERE CHANGE_DETECTED())
SELECT e.id, e.price, h.first FROM every e JOIN highest h ON e.price = h.price AND e.t BETWEEN h.first AND h.past
-- duckdb
WITH highest AS (SELECT MAX(price) AS price, TUMBLE(moment, INTERVAL '5 minutes') AS first FROM bids GROUP BY ALL)
SELECT e._id AS id, e.price, h.first FROM bids e JOIN highest h ON e.price = h.price AND e.moment BETWEEN h.first AND h.first + INTERVAL '5 minutes'

-- case q8_new_sellers
WITH p AS (SELECT name, COUNT(*) AS n, window_start AS first FROM persons WHERE CHANGE_DETECTED() GROUP BY name, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '30 minutes')),
a AS (SELECT seller, COUNT(*) AS m, window_start AS first FROM auctions WHERE CHANGE_DETECTED() GROUP BY seller, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '30 minutes'))
SELECT p.name, p.n, a.m, p.first FROM p JOIN a ON p.first = a.first AND p.name = 'p' || a.seller
-- duckdb
WITH p AS (SELECT name, COUNT(*) AS n, TUMBLE(moment, INTERVAL '30 minutes') AS first FROM persons GROUP BY ALL),
a AS (SELECT seller, COUNT(*) AS m, TUMBLE(moment, INTERVAL '30 minutes') AS first FROM auctions GROUP BY ALL)
SELECT p.name, p.n, a.m, p.first FROM p JOIN a ON p.first = a.first AND p.name = 'p' || a.seller

-- case q11_sessions_of_bidders
SELECT bidder, COUNT(*) AS n, window_start AS first, window_end AS past FROM bids WHERE CHANGE_DETECTED()
GROUP BY bidder, SESSION(CHANGE_TIMESTAMP(), INTERVAL '2 minutes')
-- duckdb
WITH s AS (SELECT *, CASE WHEN moment < LAG(moment) OVER w + INTERVAL '2 minutes' THEN 0 ELSE 1 END AS b FROM bids WINDOW w AS (PARTITION BY bidder ORDER BY moment)),
n AS (SELECT *, SUM(b) OVER (PARTITION BY bidder ORDER BY moment) AS s FROM s)
SELECT bidder, COUNT(*) AS n, MIN(moment) AS first, MAX(moment) + INTERVAL '2 minutes' AS past FROM n GROUP BY bidder, s

-- case q15_statistics_of_a_day
SELECT DATE_TRUNC('day', CHANGE_TIMESTAMP()) AS day, COUNT(*) AS bids, COUNT(*) FILTER (WHERE price < 50) AS low,
  COUNT(DISTINCT bidder) AS bidders, COUNT(DISTINCT bidder) FILTER (WHERE price < 50) AS low_bidders FROM bids
WHERE CHANGE_DETECTED() GROUP BY DATE_TRUNC('day', CHANGE_TIMESTAMP()) EMIT CHANGES
-- duckdb
SELECT DATE_TRUNC('day', moment) AS day, COUNT(*) OVER w AS bids, COUNT(*) FILTER (WHERE price < 50) OVER w AS low,
  COUNT(DISTINCT bidder) OVER w AS bidders, COUNT(DISTINCT bidder) FILTER (WHERE price < 50) OVER w AS low_bidders
FROM bids WINDOW w AS (ORDER BY moment)

-- case string_agg_distinct_window
SELECT visitor, STRING_AGG(DISTINCT page, ',' ORDER BY page) AS pages, window_start AS first FROM clicks WHERE CHANGE_DETECTED() GROUP BY visitor, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '10 minutes')

-- case percentiles
SELECT bidder, PERCENTILE_CONT(0.9) WITHIN GROUP (ORDER BY price) AS p90, PERCENTILE_DISC(0.5) WITHIN GROUP (ORDER BY price DESC) AS p50, MODE() WITHIN GROUP (ORDER BY channel) AS m, window_start AS first
FROM bids WHERE CHANGE_DETECTED() GROUP BY bidder, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '10 minutes')
-- duckdb
SELECT bidder, QUANTILE_CONT(price, 0.9) AS p90, PERCENTILE_DISC(0.5) WITHIN GROUP (ORDER BY price DESC) AS p50, (SELECT channel FROM bids c WHERE c.bidder=b.bidder AND TUMBLE(c.moment, INTERVAL '10 minutes')=TUMBLE(b.moment, INTERVAL '10 minutes') GROUP BY channel ORDER BY COUNT(*) DESC, channel LIMIT 1) AS m, TUMBLE(moment, INTERVAL '10 minutes') AS first
FROM bids b GROUP BY bidder, TUMBLE(moment, INTERVAL '10 minutes')

-- case count_distinct_pairs
SELECT COUNT(DISTINCT (bidder, channel)) AS n, window_start AS first FROM bids WHERE CHANGE_DETECTED() GROUP BY TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '10 minutes')

-- case group_by_ordinal
SELECT region, status, COUNT(*) AS n FROM orders WHERE CHANGE_DETECTED() GROUP BY 1, 2, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '10 minutes')
-- duckdb
SELECT region, status, COUNT(*) AS n FROM orders GROUP BY region, status, TUMBLE(moment, INTERVAL '10 minutes')

-- case group_by_alias
SELECT CASE WHEN total > 60 THEN 'large' ELSE 'small' END AS size, COUNT(*) AS n, MAX(total) - MIN(total) AS span, window_end AS past FROM orders WHERE CHANGE_DETECTED() GROUP BY size, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '10 minutes')

-- case group_by_window_ordinal
SELECT TUMBLE_START(CHANGE_TIMESTAMP(), INTERVAL '5 minutes') AS w, page, COUNT(*) AS n FROM clicks WHERE CHANGE_DETECTED() GROUP BY 1, 2
-- duckdb
SELECT TUMBLE(moment, INTERVAL '5 minutes') AS w, page, COUNT(*) AS n FROM clicks GROUP BY 1,2

-- case group_by_date_trunc_ordinal
SELECT DATE_TRUNC('minute', CHANGE_TIMESTAMP()) AS minute, page, COUNT(*) AS n FROM clicks WHERE CHANGE_DETECTED() GROUP BY 1, 2 HAVING n > 1

-- case group_by_date_bin
SELECT DATE_BIN(INTERVAL '7 minutes', CHANGE_TIMESTAMP()) AS w, COUNT(*) AS n FROM clicks WHERE CHANGE_DETECTED() GROUP BY w

-- case group_emit_expr
SELECT total > 60 AS big, SUM(total) / COUNT(*) AS mean, AVG(total) AS mean2, STDDEV_POP(total) AS sd FROM orders WHERE CHANGE_DETECTED() GROUP BY total > 60 EMIT CHANGES
-- duckdb
SELECT total > 60 AS big, SUM(total) OVER w / COUNT(*) OVER w AS mean, AVG(total) OVER w AS mean2, STDDEV_POP(total) OVER w AS sd FROM orders WINDOW w AS (PARTITION BY total > 60 ORDER BY moment)

-- case group_having_only_aggregate
SELECT page FROM clicks WHERE CHANGE_DETECTED() GROUP BY page, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '5 minutes') HAVING COUNT(DISTINCT visitor) > 1 AND SUM(ms) > 500

-- case group_with_old
SELECT OLD.status AS was, status AS now, COUNT(*) AS n, SUM(total - OLD.total) AS more FROM orders WHERE CHANGE_DETECTED() AND CHANGE_TYPE() = 'UPDATE' GROUP BY OLD.status, status, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '10 minutes')
-- duckdb
SELECT old_status AS was, status AS now, COUNT(*) AS n, SUM(total - old_total) AS more FROM orders WHERE op='UPDATE' GROUP BY old_status, status, TUMBLE(moment, INTERVAL '10 minutes')

-- case signed_count
SELECT status, SUM(CASE CHANGE_TYPE() WHEN 'INSERT' THEN 1 WHEN 'DELETE' THEN -1 ELSE 0 END) AS net FROM orders WHERE CHANGE_DETECTED() GROUP BY status EMIT CHANGES
-- duckdb
SELECT status, SUM(CASE op WHEN 'INSERT' THEN 1 WHEN 'DELETE' THEN -1 ELSE 0 END) OVER (PARTITION BY status ORDER BY moment) AS net FROM orders

-- case union_in_groups
SELECT what, COUNT(*) AS n, SUM(money) AS m, window_start AS first FROM (SELECT 'o' AS what, total AS money, CHANGE_TIMESTAMP() AS t FROM orders WHERE CHANGE_DETECTED()
 UNION ALL SELECT 'p', amount, CHANGE_TIMESTAMP() FROM payments WHERE CHANGE_DETECTED()) u GROUP BY what, TUMBLE(t, INTERVAL '10 minutes')

-- case union_of_groups
SELECT region AS k, COUNT(*) AS n FROM orders WHERE CHANGE_DETECTED() GROUP BY region, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '10 minutes')
UNION ALL SELECT method, COUNT(*) FROM payments WHERE CHANGE_DETECTED() GROUP BY method, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '10 minutes')
-- duckdb
SELECT region AS k, COUNT(*) AS n FROM orders GROUP BY region, TUMBLE(moment, INTERVAL '10 minutes')
UNION ALL SELECT method, COUNT(*) FROM payments GROUP BY method, TUMBLE(moment, INTERVAL '10 minutes')

-- case session_aggregates
SELECT visitor, COUNT(*) AS n, FIRST(page ORDER BY CHANGE_TIMESTAMP()) AS entry, LAST(page ORDER BY CHANGE_TIMESTAMP()) AS leave, SUM(ms) AS ms, EXTRACT(EPOCH FROM window_end - window_start) AS len FROM clicks WHERE CHANGE_DETECTED() GROUP BY visitor, SESSION(CHANGE_TIMESTAMP(), INTERVAL '2 minutes') HAVING COUNT(*) > 1
-- duckdb
WITH s AS (SELECT *, CASE WHEN moment < LAG(moment) OVER w + INTERVAL '2 minutes' THEN 0 ELSE 1 END AS b FROM clicks WINDOW w AS (PARTITION BY visitor ORDER BY moment)),
n AS (SELECT *, SUM(b) OVER (PARTITION BY visitor ORDER BY moment) AS s FROM s)
SELECT visitor, COUNT(*) AS n, FIRST(page ORDER BY moment) AS entry, LAST(page ORDER BY moment) AS leave, SUM(ms) AS ms, EXTRACT(EPOCH FROM MAX(moment) + INTERVAL '2 minutes' - MIN(moment)) AS len FROM n GROUP BY visitor, s HAVING COUNT(*) > 1

-- case session_of_named_in_from
SELECT visitor, COUNT(*) AS n, window_start AS first FROM SESSION(clicks PARTITION BY visitor, CHANGE_TIMESTAMP(), INTERVAL '2 minutes') WHERE CHANGE_DETECTED() GROUP BY visitor, window_start, window_end
-- duckdb
WITH s AS (SELECT *, CASE WHEN moment < LAG(moment) OVER w + INTERVAL '2 minutes' THEN 0 ELSE 1 END AS b FROM clicks WINDOW w AS (PARTITION BY visitor ORDER BY moment)),
n AS (SELECT *, SUM(b) OVER (PARTITION BY visitor ORDER BY moment) AS s FROM s)
SELECT visitor, COUNT(*) AS n, MIN(moment) AS first FROM n GROUP BY visitor, s

-- case two_hops_of_group
SELECT page, COUNT(*) AS n, HOP_START(CHANGE_TIMESTAMP(), INTERVAL '5 minutes', INTERVAL '10 minutes') AS s, HOP_END(CHANGE_TIMESTAMP(), INTERVAL '5 minutes', INTERVAL '10 minutes') AS e FROM clicks WHERE CHANGE_DETECTED() GROUP BY page, HOP(CHANGE_TIMESTAMP(), INTERVAL '5 minutes', INTERVAL '10 minutes')
-- duckdb
SELECT page, COUNT(*) AS n, s, s + INTERVAL '10 minutes' AS e FROM clicks, LATERAL (SELECT TUMBLE(moment, INTERVAL '5 minutes') - i * INTERVAL '5 minutes' AS s FROM range(2) r(i)) GROUP BY ALL

-- case windowed_emit_changes
SELECT page, COUNT(*) AS n, window_start AS first FROM clicks WHERE CHANGE_DETECTED() GROUP BY page, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '5 minutes') EMIT CHANGES
-- duckdb
SELECT page, COUNT(*) OVER (PARTITION BY page, TUMBLE(moment, INTERVAL '5 minutes') ORDER BY moment) AS n, TUMBLE(moment, INTERVAL '5 minutes') AS first FROM clicks

-- case ratio_of_window_groups
WITH w AS (SELECT page, COUNT(*) AS n, window_start AS first FROM clicks WHERE CHANGE_DETECTED() GROUP BY page, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '10 minutes'))
SELECT first, SUM(n) AS all_, MAX(n) AS most, COUNT(*) AS pages FROM w GROUP BY first

-- case window_over_group_directly
SELECT page, COUNT(*) AS n, window_start AS first, SUM(COUNT(*)) OVER (PARTITION BY page ORDER BY window_start) AS so_far, LAG(COUNT(*)) OVER (PARTITION BY page ORDER BY window_start) AS l FROM clicks WHERE CHANGE_DETECTED() GROUP BY page, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '5 minutes')

-- case top_of_each_window
WITH counts AS (SELECT page, COUNT(*) AS n, window_start AS first FROM clicks WHERE CHANGE_DETECTED()
  GROUP BY page, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '10 minutes'))
SELECT first, page, n FROM counts QUALIFY ROW_NUMBER() OVER (PARTITION BY first ORDER BY n DESC, page) <= 2
-- duckdb
WITH counts AS (SELECT page, COUNT(*) AS n, TUMBLE(moment, INTERVAL '10 minutes') AS first FROM clicks GROUP BY ALL)
SELECT first, page, n FROM counts QUALIFY ROW_NUMBER() OVER (PARTITION BY first ORDER BY n DESC, page) <= 2

-- case flink_window_top_n
SELECT past, bidder, price, place FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY first, past ORDER BY price DESC, bidder) AS place FROM (
    SELECT bidder, SUM(price) AS price, window_start AS first, window_end AS past FROM bids WHERE CHANGE_DETECTED()
    GROUP BY bidder, HOP(CHANGE_TIMESTAMP(), INTERVAL '5 minutes', INTERVAL '10 minutes')) sums) ranked
WHERE place <= 3
-- duckdb
WITH sums AS (SELECT bidder, SUM(price) AS price, first, first + INTERVAL '10 minutes' AS past FROM bids,
  LATERAL (SELECT TUMBLE(moment, INTERVAL '5 minutes') - i * INTERVAL '5 minutes' AS first FROM range(2) r(i)) GROUP BY bidder, first)
SELECT past, bidder, price, ROW_NUMBER() OVER (PARTITION BY first ORDER BY price DESC, bidder) AS place FROM sums QUALIFY place <= 3

-- case share_of_each_window
WITH counts AS (SELECT page, COUNT(*) AS n, window_end AS past FROM clicks WHERE CHANGE_DETECTED()
  GROUP BY page, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '10 minutes'))
SELECT past, page, n * 1.0 / SUM(n) OVER (PARTITION BY past) AS share, MAX(n) OVER (PARTITION BY past) AS most,
  LEAD(page) OVER (PARTITION BY past ORDER BY n, page) AS next, PERCENT_RANK() OVER (PARTITION BY past ORDER BY n) AS rank,
  SUM(n) OVER (PARTITION BY past ORDER BY n, page ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS around, NTILE(2) OVER (PARTITION BY past ORDER BY n, page) AS half FROM counts
-- duckdb
WITH counts AS (SELECT page, COUNT(*) AS n, TUMBLE(moment, INTERVAL '10 minutes') + INTERVAL '10 minutes' AS past FROM clicks GROUP BY ALL)
SELECT past, page, n * 1.0 / SUM(n) OVER (PARTITION BY past) AS share, MAX(n) OVER (PARTITION BY past) AS most,
  LEAD(page) OVER (PARTITION BY past ORDER BY n, page) AS next, PERCENT_RANK() OVER (PARTITION BY past ORDER BY n) AS rank,
  SUM(n) OVER (PARTITION BY past ORDER BY n, page ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS around, NTILE(2) OVER (PARTITION BY past ORDER BY n, page) AS half FROM counts

-- case window_over_the_groups_of_a_window
SELECT page, COUNT(*) AS n, window_start AS first, RANK() OVER (PARTITION BY window_start ORDER BY COUNT(*) DESC) AS place,
  SUM(COUNT(*)) OVER (PARTITION BY window_start) AS all_of_them FROM clicks
WHERE CHANGE_DETECTED() GROUP BY page, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '10 minutes')

-- case best_of_each_window_over_time
WITH counts AS (SELECT page, COUNT(*) AS n, window_start AS first FROM clicks WHERE CHANGE_DETECTED()
  GROUP BY page, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '10 minutes')),
best AS (SELECT first, page, n FROM counts QUALIFY ROW_NUMBER() OVER (PARTITION BY first ORDER BY n DESC, page) = 1)
SELECT first, page, n, LAG(page) OVER (ORDER BY first) AS before FROM best
-- duckdb
WITH counts AS (SELECT page, COUNT(*) AS n, TUMBLE(moment, INTERVAL '10 minutes') AS first FROM clicks GROUP BY ALL),
best AS (SELECT first, page, n FROM counts QUALIFY ROW_NUMBER() OVER (PARTITION BY first ORDER BY n DESC, page) = 1)
SELECT first, page, n, LAG(page) OVER (ORDER BY first) AS before FROM best

-- case top_of_the_products_of_a_window
WITH sold AS (SELECT product, COUNT(*) AS n, window_start AS first FROM orders WHERE CHANGE_DETECTED() AND CHANGE_TYPE() = 'INSERT'
  GROUP BY product, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '20 minutes'))
SELECT s.first, p.category, p.name, s.n FROM sold s JOIN products p ON p._id = s.product
QUALIFY ROW_NUMBER() OVER (PARTITION BY s.first, p.category ORDER BY s.n DESC, p.name) = 1
-- duckdb
WITH sold AS (SELECT product, COUNT(*) AS n, TUMBLE(moment, INTERVAL '20 minutes') AS first FROM orders WHERE op = 'INSERT' GROUP BY ALL)
SELECT s.first, p.category, p.name, s.n FROM sold s JOIN products p ON p._id = s.product
QUALIFY ROW_NUMBER() OVER (PARTITION BY s.first, p.category ORDER BY s.n DESC, p.name) = 1

-- case three_level_groups
WITH c AS (SELECT page, visitor, COUNT(*) AS n, window_start AS w FROM clicks WHERE CHANGE_DETECTED() GROUP BY page, visitor, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '10 minutes')),
d AS (SELECT w, page, SUM(n) AS s FROM c GROUP BY w, page)
SELECT w, MAX(s) AS m, COUNT(*) AS pages FROM d GROUP BY w HAVING COUNT(*) > 1

-- case union_of_windowed_then_grouped
WITH a AS (SELECT 'c' AS k, COUNT(*) AS n, window_start AS w FROM clicks WHERE CHANGE_DETECTED() GROUP BY TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '10 minutes')
 UNION ALL SELECT 'b', COUNT(*), window_start FROM bids WHERE CHANGE_DETECTED() GROUP BY TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '10 minutes'))
SELECT w, SUM(n) AS n, MAX(k) AS k FROM a GROUP BY w
-- duckdb
WITH a AS (SELECT 'c' AS k, COUNT(*) AS n, TUMBLE(moment, INTERVAL '10 minutes') AS w FROM clicks GROUP BY ALL UNION ALL SELECT 'b', COUNT(*), TUMBLE(moment, INTERVAL '10 minutes') FROM bids GROUP BY ALL)
SELECT w, SUM(n) AS n, MAX(k) AS k FROM a GROUP BY w

-- case union_of_windowed_then_ranked
WITH a AS (SELECT 'c' AS k, COUNT(*) AS n, window_start AS w FROM clicks WHERE CHANGE_DETECTED() GROUP BY TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '10 minutes')
 UNION ALL SELECT 'b', COUNT(*), window_start FROM bids WHERE CHANGE_DETECTED() GROUP BY TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '10 minutes'))
SELECT w, k, n, RANK() OVER (PARTITION BY w ORDER BY n DESC) AS r FROM a
-- duckdb
WITH a AS (SELECT 'c' AS k, COUNT(*) AS n, TUMBLE(moment, INTERVAL '10 minutes') AS w FROM clicks GROUP BY ALL UNION ALL SELECT 'b', COUNT(*), TUMBLE(moment, INTERVAL '10 minutes') FROM bids GROUP BY ALL)
SELECT w, k, n, RANK() OVER (PARTITION BY w ORDER BY n DESC) AS r FROM a

-- case coalesce_old_new_key
SELECT COALESCE(OLD.status, 'none') || '>' || status AS step, COUNT(*) AS n FROM orders WHERE CHANGE_DETECTED() AND CHANGE_TYPE() <> 'DELETE' GROUP BY step EMIT CHANGES
-- duckdb
SELECT COALESCE(old_status, 'none') || '>' || status AS step, COUNT(*) OVER (PARTITION BY COALESCE(old_status, 'none') || '>' || status ORDER BY moment) AS n FROM orders WHERE op <> 'DELETE'

-- case having_alias
SELECT page, COUNT(*) AS n, SUM(ms) / n AS mean FROM clicks WHERE CHANGE_DETECTED() GROUP BY page, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '5 minutes') HAVING n > 1 AND mean > 200

-- case count_if_case_null
SELECT SUM(CASE WHEN region IS NULL THEN 1 END) AS nulls, COUNT(region) AS r, AVG(CASE region WHEN 'north' THEN total END) AS a FROM orders WHERE CHANGE_DETECTED() GROUP BY TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '20 minutes')

-- case tumble_by_own_time
SELECT region, COUNT(*) AS n, window_start AS first FROM orders WHERE CHANGE_DETECTED() AND CHANGE_TYPE() = 'INSERT' GROUP BY region, TUMBLE(placed, INTERVAL '10 minutes') EMIT CHANGES
-- duckdb
SELECT region, COUNT(*) OVER (PARTITION BY region, TUMBLE(placed, INTERVAL '10 minutes') ORDER BY moment) AS n, TUMBLE(placed, INTERVAL '10 minutes') AS first FROM orders WHERE op = 'INSERT'

-- case array_agg_of_structs
SELECT visitor, COUNT(*) AS n, ARRAY_AGG(page ORDER BY ms DESC, _id) FILTER (WHERE ms > 100) AS pages, window_start AS w FROM clicks WHERE CHANGE_DETECTED() GROUP BY visitor, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '10 minutes')

-- case unnest_group_having
SELECT i.item, COUNT(DISTINCT o.customer) AS c, window_end AS past FROM orders o CROSS JOIN UNNEST(o.items) AS i(item) WHERE CHANGE_DETECTED(o) AND i.item IN (1, 2) GROUP BY i.item, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '10 minutes') HAVING COUNT(*) >= 2
