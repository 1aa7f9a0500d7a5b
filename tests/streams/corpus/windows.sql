-- case velocity_of_payments
WITH seen AS (
  SELECT _id, customer, amount, CHANGE_TIMESTAMP() AS t,
    COUNT(*) OVER (PARTITION BY customer ORDER BY CHANGE_TIMESTAMP() RANGE BETWEEN INTERVAL '5 minutes' PRECEDING AND CURRENT ROW) AS n,
    AVG(amount) OVER (PARTITION BY customer ORDER BY CHANGE_TIMESTAMP() ROWS BETWEEN 10 PRECEDING AND 1 PRECEDING) AS usual,
    LAG(ip) OVER (PARTITION BY customer ORDER BY CHANGE_TIMESTAMP()) AS was
  FROM payments WHERE CHANGE_DETECTED()
)
SELECT _id, CASE WHEN n > 3 THEN 'fast' WHEN amount > 3 * usual THEN 'large' ELSE 'moved' END AS why
FROM seen WHERE n > 3 OR amount > 3 * usual OR (SELECT COUNT(*) FROM customers c WHERE c._id = seen.customer) = 0

-- case first_click_of_each_visitor
SELECT visitor, page FROM clicks WHERE CHANGE_DETECTED()
QUALIFY ROW_NUMBER() OVER (PARTITION BY visitor ORDER BY CHANGE_TIMESTAMP()) = 1

-- case deduplicated_by_row_number
SELECT customer, product, total FROM (
  SELECT customer, product, total, ROW_NUMBER() OVER (PARTITION BY customer, product ORDER BY CHANGE_TIMESTAMP()) AS place
  FROM orders WHERE CHANGE_DETECTED()) ranked WHERE place = 1

-- case page_changed
SELECT visitor, page, before, gap FROM (
  SELECT visitor, page, LAG(page) OVER w AS before,
         EXTRACT(EPOCH FROM CHANGE_TIMESTAMP() - LAG(CHANGE_TIMESTAMP()) OVER w) AS gap
  FROM clicks WHERE CHANGE_DETECTED() WINDOW w AS (PARTITION BY visitor ORDER BY CHANGE_TIMESTAMP())) steps
WHERE page IS DISTINCT FROM before

-- case last_known_value
SELECT sensor, value, LAST_VALUE(value) IGNORE NULLS OVER (PARTITION BY sensor ORDER BY CHANGE_TIMESTAMP()) AS known
FROM readings WHERE CHANGE_DETECTED()
-- duckdb
SELECT sensor, value, LAST_VALUE(value IGNORE NULLS) OVER (PARTITION BY sensor ORDER BY moment) AS known FROM readings

-- case hot_sensor
SELECT sensor, value, AVG(value) OVER recent AS mean, MAX(value) OVER recent AS most, COUNT(value) OVER recent AS n
FROM readings WHERE CHANGE_DETECTED() AND sensor <> 'z'
WINDOW recent AS (PARTITION BY sensor ORDER BY CHANGE_TIMESTAMP() ROWS BETWEEN 3 PRECEDING AND CURRENT ROW)
QUALIFY MAX(value) OVER recent > 30

-- case two_partitions
SELECT _id, COUNT(*) OVER (PARTITION BY region ORDER BY CHANGE_TIMESTAMP()) AS r, SUM(total) OVER (PARTITION BY customer ORDER BY CHANGE_TIMESTAMP()) AS c,
  RANK() OVER (ORDER BY CHANGE_TIMESTAMP()) AS k, COUNT(DISTINCT customer) OVER (PARTITION BY region ORDER BY CHANGE_TIMESTAMP()) AS d
FROM orders WHERE CHANGE_DETECTED()

-- case old_and_window
SELECT _id, OLD.status AS was, COUNT(*) FILTER (WHERE OLD.status = 'new') OVER (ORDER BY CHANGE_TIMESTAMP()) AS paid,
  LAG(OLD.total) OVER (PARTITION BY customer ORDER BY CHANGE_TIMESTAMP()) AS t
FROM orders WHERE CHANGE_DETECTED() AND OLD.status IS NOT NULL

-- case window_over_a_window
WITH one AS (SELECT bidder, price, CHANGE_TIMESTAMP() AS t, price - LAG(price) OVER (PARTITION BY bidder ORDER BY CHANGE_TIMESTAMP()) AS step FROM bids WHERE CHANGE_DETECTED()),
two AS (SELECT bidder, t, step, SUM(step) OVER (PARTITION BY bidder ORDER BY t ROWS 2 PRECEDING) AS moved FROM one WHERE step <> 0)
SELECT bidder, step, moved, MAX(moved) OVER (ORDER BY t ROWS BETWEEN 5 PRECEDING AND 1 PRECEDING) AS most FROM two

-- case excluded_rows
SELECT price, SUM(price) OVER (ORDER BY CHANGE_TIMESTAMP() ROWS BETWEEN 4 PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW) AS others,
  NTH_VALUE(price, 2) OVER (PARTITION BY auction ORDER BY CHANGE_TIMESTAMP() ROWS 3 PRECEDING) AS second FROM bids WHERE CHANGE_DETECTED()

-- case highest_so_far
SELECT auction, price FROM bids WHERE CHANGE_DETECTED()
QUALIFY price > COALESCE(MAX(price) OVER (PARTITION BY auction ORDER BY CHANGE_TIMESTAMP() ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)

-- case q6_last_ten
SELECT bidder, AVG(price) OVER (PARTITION BY bidder ORDER BY CHANGE_TIMESTAMP() ROWS BETWEEN 9 PRECEDING AND CURRENT ROW) AS mean
FROM bids WHERE CHANGE_DETECTED()

-- case window_over_a_union
WITH money AS (
  SELECT customer, total AS amount, CHANGE_TIMESTAMP() AS t FROM orders WHERE CHANGE_DETECTED() AND CHANGE_TYPE() = 'INSERT'
  UNION ALL SELECT customer, -amount, CHANGE_TIMESTAMP() FROM payments WHERE CHANGE_DETECTED())
SELECT customer, amount, SUM(amount) OVER (PARTITION BY customer ORDER BY t) AS balance FROM money

-- case funnel
SELECT visitor, page FROM (
  SELECT visitor, page, LAG(page) OVER w AS p1, LAG(page, 2) OVER w AS p2 FROM clicks WHERE CHANGE_DETECTED()
  WINDOW w AS (PARTITION BY visitor ORDER BY CHANGE_TIMESTAMP())) x WHERE page <> p1 AND p1 <> p2

-- case sessions_by_lag
WITH gaps AS (SELECT visitor, CHANGE_TIMESTAMP() AS t, CASE WHEN CHANGE_TIMESTAMP() - LAG(CHANGE_TIMESTAMP()) OVER (PARTITION BY visitor ORDER BY CHANGE_TIMESTAMP()) < INTERVAL '2 minutes' THEN 0 ELSE 1 END AS begins
  FROM clicks WHERE CHANGE_DETECTED())
SELECT visitor, t, SUM(begins) OVER (PARTITION BY visitor ORDER BY t) AS session FROM gaps

-- case lag_default_and_offset
SELECT bidder, price, LAG(price, 2, -1) OVER (PARTITION BY bidder ORDER BY CHANGE_TIMESTAMP()) AS p2,
 LAG(price, 1, price) OVER (PARTITION BY bidder ORDER BY CHANGE_TIMESTAMP()) AS p1,
 COALESCE(LAG(channel) OVER (PARTITION BY bidder ORDER BY CHANGE_TIMESTAMP()), 'none') AS c FROM bids WHERE CHANGE_DETECTED()

-- case string_agg_over
SELECT visitor, STRING_AGG(page, '>') OVER (PARTITION BY visitor ORDER BY CHANGE_TIMESTAMP() ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS path FROM clicks WHERE CHANGE_DETECTED()

-- case median_over
SELECT price, MEDIAN(price) OVER (PARTITION BY auction ORDER BY CHANGE_TIMESTAMP() ROWS 4 PRECEDING) AS m, PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY price) OVER (PARTITION BY auction) AS pc FROM bids WHERE CHANGE_DETECTED()
-- duckdb
SELECT price, MEDIAN(price) OVER (PARTITION BY auction ORDER BY moment ROWS 4 PRECEDING) AS m, MEDIAN(price) OVER (PARTITION BY auction ORDER BY moment) AS pc FROM bids

-- case rank_by_price
SELECT auction, price, RANK() OVER (PARTITION BY auction ORDER BY price DESC) AS r, DENSE_RANK() OVER (PARTITION BY auction ORDER BY price DESC) AS d FROM bids WHERE CHANGE_DETECTED()
-- duckdb
SELECT auction, price, (SELECT COUNT(*) FROM bids c WHERE c.auction = b.auction AND c.price > b.price AND c.moment <= b.moment) + 1 AS r,
(SELECT COUNT(DISTINCT c.price) FROM bids c WHERE c.auction = b.auction AND c.price > b.price AND c.moment <= b.moment) + 1 AS d FROM bids b

-- case sum_by_price_range
SELECT auction, price, SUM(price) OVER (PARTITION BY auction ORDER BY price RANGE BETWEEN 20 PRECEDING AND CURRENT ROW) AS s FROM bids WHERE CHANGE_DETECTED()
-- duckdb
SELECT auction, price, (SELECT SUM(price) FROM bids c WHERE c.auction = b.auction AND c.price BETWEEN b.price - 20 AND b.price AND c.moment <= b.moment) AS s FROM bids b

-- case order_by_change_id
SELECT _id, LAG(_id) OVER (ORDER BY CHANGE_ID()) AS l, COUNT(*) OVER (PARTITION BY customer ORDER BY CHANGE_ID() ROWS 2 PRECEDING) AS n FROM payments WHERE CHANGE_DETECTED()
-- duckdb
SELECT _id, LAG(_id) OVER (ORDER BY moment) AS l, COUNT(*) OVER (PARTITION BY customer ORDER BY moment ROWS 2 PRECEDING) AS n FROM payments

-- case order_desc
SELECT price, ROW_NUMBER() OVER (PARTITION BY auction ORDER BY CHANGE_TIMESTAMP() DESC) AS r, FIRST_VALUE(price) OVER (PARTITION BY auction ORDER BY CHANGE_TIMESTAMP() DESC) AS f FROM bids WHERE CHANGE_DETECTED()
-- duckdb
SELECT price, 1 AS r, price AS f FROM bids

-- case first_last_nth
SELECT sensor, FIRST_VALUE(value) OVER w AS f, LAST_VALUE(value) OVER w AS l, NTH_VALUE(value, 3) OVER w AS n, FIRST_VALUE(value) IGNORE NULLS OVER w AS fi
FROM readings WHERE CHANGE_DETECTED() WINDOW w AS (PARTITION BY sensor ORDER BY CHANGE_TIMESTAMP() ROWS BETWEEN 4 PRECEDING AND 1 PRECEDING)
-- duckdb
SELECT sensor, FIRST_VALUE(value) OVER w AS f, LAST_VALUE(value) OVER w AS l, NTH_VALUE(value, 3) OVER w AS n, FIRST_VALUE(value IGNORE NULLS) OVER w AS fi
FROM readings WINDOW w AS (PARTITION BY sensor ORDER BY moment ROWS BETWEEN 4 PRECEDING AND 1 PRECEDING)

-- case window_inherits
SELECT sensor, SUM(value) OVER (w ROWS 1 PRECEDING) AS a, COUNT(*) OVER (w ORDER BY CHANGE_TIMESTAMP()) AS b FROM readings WHERE CHANGE_DETECTED() WINDOW w AS (PARTITION BY sensor)
-- duckdb
SELECT sensor, SUM(value) OVER (PARTITION BY sensor ORDER BY moment ROWS 1 PRECEDING) AS a, COUNT(*) OVER (PARTITION BY sensor ORDER BY moment) AS b FROM readings

-- case window_partition_expr
SELECT total, SUM(total) OVER (PARTITION BY COALESCE(region, 'none'), total > 60 ORDER BY CHANGE_TIMESTAMP()) AS s,
  SUM(CASE WHEN CHANGE_TYPE() = 'INSERT' THEN total ELSE 0 END) OVER (ORDER BY CHANGE_TIMESTAMP()) AS i FROM orders WHERE CHANGE_DETECTED()

-- case range_minutes_excl
SELECT visitor, COUNT(*) OVER (PARTITION BY visitor ORDER BY CHANGE_TIMESTAMP() RANGE BETWEEN INTERVAL '5 minutes' PRECEDING AND INTERVAL '1 minute' PRECEDING) AS n,
 SUM(ms) OVER (PARTITION BY visitor ORDER BY CHANGE_TIMESTAMP() RANGE INTERVAL '90' SECOND PRECEDING) AS m FROM clicks WHERE CHANGE_DETECTED()

-- case window_in_case
SELECT _id, CASE WHEN LAG(page) OVER (PARTITION BY visitor ORDER BY CHANGE_TIMESTAMP()) = page THEN 'again' WHEN LAG(page) OVER (PARTITION BY visitor ORDER BY CHANGE_TIMESTAMP()) IS NULL THEN 'first' ELSE 'other' END AS what FROM clicks WHERE CHANGE_DETECTED()

-- case window_in_where_directly
SELECT _id, page FROM clicks WHERE CHANGE_DETECTED() AND LAG(page) OVER (PARTITION BY visitor ORDER BY CHANGE_TIMESTAMP()) = page AND ms > 50
-- duckdb
SELECT _id, page FROM clicks WHERE ms > 50 QUALIFY LAG(page) OVER (PARTITION BY visitor ORDER BY moment) = page

-- case nested_ctes
WITH a AS (WITH inner1 AS (SELECT visitor, ms, CHANGE_TIMESTAMP() AS t FROM clicks WHERE CHANGE_DETECTED()) SELECT * FROM inner1 WHERE ms > 100),
b AS (SELECT visitor, ms, t, LAG(ms) OVER (PARTITION BY visitor ORDER BY t) AS p FROM a)
SELECT b.visitor, b.ms - b.p AS d FROM b WHERE b.p IS NOT NULL

-- case star_from_cte
WITH a AS (SELECT visitor, ms, CHANGE_TIMESTAMP() AS t FROM clicks WHERE CHANGE_DETECTED())
SELECT *, SUM(ms) OVER (PARTITION BY visitor ORDER BY t) AS s FROM a

-- case cte_columns_list
WITH a(v, t) AS (SELECT visitor, CHANGE_TIMESTAMP() FROM clicks WHERE CHANGE_DETECTED()) SELECT v, COUNT(*) OVER (PARTITION BY v ORDER BY t) AS n FROM a

-- case unnest_window
SELECT o._id AS id, i.item, COUNT(*) OVER (PARTITION BY i.item ORDER BY CHANGE_TIMESTAMP() ROWS UNBOUNDED PRECEDING) AS n FROM orders o, UNNEST(o.items) AS i(item) WHERE CHANGE_DETECTED(o) AND CHANGE_TYPE() = 'INSERT' AND i.item = 3

-- case filter_over
SELECT _id, SUM(ms) FILTER (WHERE page = '/tea') OVER (PARTITION BY visitor ORDER BY CHANGE_TIMESTAMP()) AS tea, COUNT(*) FILTER (WHERE referrer IS NOT NULL) OVER (ORDER BY CHANGE_TIMESTAMP() ROWS 9 PRECEDING) AS r FROM clicks WHERE CHANGE_DETECTED()

-- case bool_aggs_over
SELECT _id, BOOL_AND(ms > 100) OVER (PARTITION BY visitor ORDER BY CHANGE_TIMESTAMP() ROWS 2 PRECEDING) AS a, ARRAY_AGG(page) OVER (PARTITION BY visitor ORDER BY CHANGE_TIMESTAMP() ROWS 2 PRECEDING) AS p, CORR(ms, visitor) OVER (ORDER BY CHANGE_TIMESTAMP() ROWS 9 PRECEDING) AS c FROM clicks WHERE CHANGE_DETECTED()
-- duckdb
SELECT _id, BOOL_AND(ms > 100) OVER (PARTITION BY visitor ORDER BY moment ROWS 2 PRECEDING) AS a, ARRAY_AGG(page) OVER (PARTITION BY visitor ORDER BY moment ROWS 2 PRECEDING) AS p, CASE WHEN isnan(CORR(ms, visitor) OVER (ORDER BY moment ROWS 9 PRECEDING)) THEN NULL ELSE CORR(ms, visitor) OVER (ORDER BY moment ROWS 9 PRECEDING) END AS c FROM clicks

-- case qualify_two
SELECT auction, price FROM bids WHERE CHANGE_DETECTED() QUALIFY price = MAX(price) OVER (PARTITION BY auction ORDER BY CHANGE_TIMESTAMP()) AND ROW_NUMBER() OVER (PARTITION BY auction ORDER BY CHANGE_TIMESTAMP()) > 1

-- case order_by_two
SELECT auction, ROW_NUMBER() OVER (PARTITION BY auction ORDER BY CHANGE_TIMESTAMP(), price) AS r, LAG(price) OVER (ORDER BY CHANGE_TIMESTAMP(), _id DESC) AS l FROM bids WHERE CHANGE_DETECTED()

-- case union_of_windows_and_joins
SELECT _id AS id, LAG(_id) OVER (ORDER BY CHANGE_TIMESTAMP()) AS l FROM bids WHERE CHANGE_DETECTED()
UNION ALL SELECT c._id, p._id FROM clicks c JOIN products p ON p._id = c.visitor WHERE CHANGE_DETECTED(c)

-- case partition_by_old
SELECT _id, COUNT(*) OVER (PARTITION BY OLD.status, status ORDER BY CHANGE_TIMESTAMP()) AS n, SUM(total - COALESCE(OLD.total, 0)) OVER (ORDER BY CHANGE_TIMESTAMP()) AS turnover FROM orders WHERE CHANGE_DETECTED()

-- case window_on_deletes_only
SELECT _id, OLD.total AS t, SUM(OLD.total) OVER (ORDER BY CHANGE_TIMESTAMP()) AS gone FROM orders WHERE CHANGE_DETECTED() AND CHANGE_TYPE() = 'DELETE'

-- case time_since_previous_status
SELECT _id, status, EXTRACT(EPOCH FROM CHANGE_TIMESTAMP() - LAG(CHANGE_TIMESTAMP()) OVER (PARTITION BY _id ORDER BY CHANGE_TIMESTAMP())) AS secs FROM orders WHERE CHANGE_DETECTED(status)
-- duckdb
SELECT _id, status, EXTRACT(EPOCH FROM moment - LAG(moment) OVER (PARTITION BY _id ORDER BY moment)) AS secs FROM orders WHERE op <> 'UPDATE' OR status IS DISTINCT FROM old_status

-- case daily_reset_running
SELECT _id, SUM(ms) OVER (PARTITION BY visitor, DATE_TRUNC('minute', CHANGE_TIMESTAMP()) ORDER BY CHANGE_TIMESTAMP()) AS s FROM clicks WHERE CHANGE_DETECTED()

-- case running_max_age
SELECT _id, MAX(placed) OVER (ORDER BY CHANGE_TIMESTAMP()) AS latest, MIN(EXTRACT(EPOCH FROM CHANGE_TIMESTAMP() - placed)) OVER (PARTITION BY region ORDER BY CHANGE_TIMESTAMP() ROWS 3 PRECEDING) AS m FROM orders WHERE CHANGE_DETECTED()
