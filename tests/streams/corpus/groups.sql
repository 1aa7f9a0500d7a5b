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
