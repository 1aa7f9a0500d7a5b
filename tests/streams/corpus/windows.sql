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
