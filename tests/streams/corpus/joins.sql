-- case paid_within_ten_minutes
SELECT o.id AS order_id, p.amount, EXTRACT(EPOCH FROM p.t - o.t) AS after
FROM (SELECT _id AS id, CHANGE_TIMESTAMP() AS t FROM orders WHERE CHANGE_DETECTED() AND CHANGE_TYPE() = 'INSERT') o
LEFT JOIN (SELECT order_id, amount, CHANGE_TIMESTAMP() AS t FROM payments WHERE CHANGE_DETECTED()) p
  ON p.order_id = o.id AND p.t BETWEEN o.t AND o.t + INTERVAL '10 minutes'

-- case shipped_before_paid
SELECT a.id, a.status, b.amount FROM
 (SELECT _id AS id, status, CHANGE_TIMESTAMP() AS t FROM orders WHERE CHANGE_DETECTED() AND status = 'shipped') a
 JOIN (SELECT order_id, amount, CHANGE_TIMESTAMP() AS t FROM payments WHERE CHANGE_DETECTED()) b
 ON a.id = b.order_id AND b.t > a.t AND b.t <= a.t + INTERVAL '15 minutes'

-- case meets_itself
SELECT x.visitor, x.page AS seen, y.page AS next FROM
 (SELECT visitor, page, CHANGE_TIMESTAMP() AS t FROM clicks WHERE CHANGE_DETECTED()) x
 JOIN (SELECT visitor, page, CHANGE_TIMESTAMP() AS t FROM clicks WHERE CHANGE_DETECTED()) y
 ON x.visitor = y.visitor AND y.t > x.t AND y.t < x.t + INTERVAL '2 minutes' AND x.page <> y.page

-- case all_that_did_not_meet
SELECT x.id AS order_id, y.id AS click FROM
 (SELECT _id AS id, customer, CHANGE_TIMESTAMP() AS t FROM orders WHERE CHANGE_DETECTED()) x
 FULL JOIN (SELECT _id AS id, visitor, CHANGE_TIMESTAMP() AS t FROM clicks WHERE CHANGE_DETECTED()) y
 ON x.customer = y.visitor AND x.t BETWEEN y.t - INTERVAL '30 seconds' AND y.t + INTERVAL '1 minute'
WHERE x.id IS NULL OR y.id IS NULL

-- case three_streams
WITH o AS (SELECT _id AS id, customer, CHANGE_TIMESTAMP() AS t FROM orders WHERE CHANGE_DETECTED() AND CHANGE_TYPE() = 'INSERT'),
p AS (SELECT order_id, customer, amount, CHANGE_TIMESTAMP() AS t FROM payments WHERE CHANGE_DETECTED()),
k AS (SELECT visitor, page, CHANGE_TIMESTAMP() AS t FROM clicks WHERE CHANGE_DETECTED())
SELECT o.id, p.amount, k.page FROM o
LEFT JOIN p ON p.order_id = o.id AND p.t BETWEEN o.t AND o.t + INTERVAL '10 minutes'
LEFT JOIN k ON k.visitor = o.customer AND k.t BETWEEN o.t - INTERVAL '1 minute' AND o.t + INTERVAL '1 minute'

-- case third_stream_by_the_second
WITH o AS (SELECT _id AS id, customer, CHANGE_TIMESTAMP() AS t FROM orders WHERE CHANGE_DETECTED() AND CHANGE_TYPE() = 'INSERT'),
p AS (SELECT order_id, customer, amount, CHANGE_TIMESTAMP() AS t FROM payments WHERE CHANGE_DETECTED()),
k AS (SELECT visitor, page, CHANGE_TIMESTAMP() AS t FROM clicks WHERE CHANGE_DETECTED())
SELECT o.id, p.amount, k.page FROM o
LEFT JOIN p ON p.order_id = o.id AND p.t BETWEEN o.t AND o.t + INTERVAL '10 minutes'
FULL JOIN k ON k.visitor = p.customer AND k.t BETWEEN p.t - INTERVAL '1 minute' AND p.t + INTERVAL '3 minutes'

-- case joined_and_grouped
WITH o AS (SELECT _id AS id, region, CHANGE_TIMESTAMP() AS t FROM orders WHERE CHANGE_DETECTED() AND CHANGE_TYPE() = 'INSERT'),
p AS (SELECT order_id, amount, CHANGE_TIMESTAMP() AS t FROM payments WHERE CHANGE_DETECTED())
SELECT o.region, COUNT(*) AS n, COUNT(p.amount) AS paid, SUM(p.amount) AS sum, window_start AS first
FROM o LEFT JOIN p ON p.order_id = o.id AND p.t BETWEEN o.t AND o.t + INTERVAL '10 minutes'
GROUP BY o.region, TUMBLE(o.t, INTERVAL '5 minutes')

-- case joined_and_grouped_by_the_partner
WITH o AS (SELECT _id AS id, region, CHANGE_TIMESTAMP() AS t FROM orders WHERE CHANGE_DETECTED()),
p AS (SELECT order_id, amount, CHANGE_TIMESTAMP() AS t FROM payments WHERE CHANGE_DETECTED())
SELECT COUNT(*) AS n, window_start AS first
FROM o JOIN p ON p.order_id = o.id AND p.t BETWEEN o.t - INTERVAL '5 minutes' AND o.t + INTERVAL '10 minutes'
GROUP BY TUMBLE(p.t, INTERVAL '5 minutes')

-- case joined_and_in_sessions
WITH o AS (SELECT _id AS id, region, CHANGE_TIMESTAMP() AS t FROM orders WHERE CHANGE_DETECTED()),
p AS (SELECT order_id, amount, CHANGE_TIMESTAMP() AS t FROM payments WHERE CHANGE_DETECTED())
SELECT o.region, COUNT(*) AS n, COUNT(p.amount) AS m, window_start AS first
FROM o LEFT JOIN p ON p.order_id = o.id AND p.t BETWEEN o.t AND o.t + INTERVAL '10 minutes'
GROUP BY o.region, SESSION(o.t, INTERVAL '1 minute')
-- duckdb
WITH j AS (SELECT o.region, o.moment AS t, p.amount FROM orders o LEFT JOIN payments p ON p.order_id = o._id AND p.moment BETWEEN o.moment AND o.moment + INTERVAL '10 minutes'),
s AS (SELECT *, CASE WHEN t < LAG(t) OVER (PARTITION BY region ORDER BY t) + INTERVAL '1 minute' THEN 0 ELSE 1 END AS b FROM j),
n AS (SELECT *, SUM(b) OVER (PARTITION BY region ORDER BY t, b DESC ROWS UNBOUNDED PRECEDING) AS s FROM s)
SELECT region, COUNT(*) AS n, COUNT(amount) AS m, MIN(t) AS first FROM n GROUP BY region, s

-- case windows_joined
WITH a AS (SELECT customer, SUM(total) AS bought, window_start AS first FROM orders WHERE CHANGE_DETECTED() GROUP BY customer, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '10 minutes')),
b AS (SELECT customer, SUM(amount) AS paid, window_start AS first FROM payments WHERE CHANGE_DETECTED() GROUP BY customer, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '10 minutes'))
SELECT COALESCE(a.customer, b.customer) AS customer, a.bought, b.paid, COALESCE(a.first, b.first) AS first
FROM a FULL JOIN b ON a.customer = b.customer AND a.first = b.first
-- duckdb
WITH a AS (SELECT customer, SUM(total) AS bought, TUMBLE(moment, INTERVAL '10 minutes') AS first FROM orders GROUP BY ALL),
b AS (SELECT customer, SUM(amount) AS paid, TUMBLE(moment, INTERVAL '10 minutes') AS first FROM payments GROUP BY ALL)
SELECT COALESCE(a.customer, b.customer) AS customer, a.bought, b.paid, COALESCE(a.first, b.first) AS first
FROM a FULL JOIN b ON a.customer = b.customer AND a.first = b.first

-- case joined_with_a_lookup
WITH o AS (SELECT _id AS id, customer, CHANGE_TIMESTAMP() AS t FROM orders WHERE CHANGE_DETECTED() AND CHANGE_TYPE() = 'INSERT'),
p AS (SELECT order_id, amount, CHANGE_TIMESTAMP() AS t FROM payments WHERE CHANGE_DETECTED())
SELECT o.id, p.amount, c.name FROM o JOIN p ON p.order_id = o.id AND p.t BETWEEN o.t AND o.t + INTERVAL '10 minutes'
JOIN customers c ON c._id = o.customer AND c.level > 0

-- case joined_and_counted_with_every_change
WITH o AS (SELECT _id AS id, customer, CHANGE_TIMESTAMP() AS t FROM orders WHERE CHANGE_DETECTED()),
p AS (SELECT order_id, amount, CHANGE_TIMESTAMP() AS t FROM payments WHERE CHANGE_DETECTED())
SELECT COUNT(*) AS n FROM o JOIN p ON p.order_id = o.id AND p.t BETWEEN o.t AND o.t + INTERVAL '10 minutes' EMIT CHANGES
-- duckdb
SELECT ROW_NUMBER() OVER () AS n FROM orders o JOIN payments p ON p.order_id = o._id AND p.moment BETWEEN o.moment AND o.moment + INTERVAL '10 minutes'

-- case cte_used_twice
WITH a AS (SELECT visitor, page, CHANGE_TIMESTAMP() AS t FROM clicks WHERE CHANGE_DETECTED())
SELECT x.visitor, x.page AS p, y.page AS q FROM a x JOIN a y ON x.visitor = y.visitor AND x.t < y.t AND y.t <= x.t + INTERVAL '1 minute'

-- case join_bound_with_epoch
SELECT a.id, b.id AS other FROM (SELECT _id AS id, CHANGE_TIMESTAMP() AS t FROM bids WHERE CHANGE_DETECTED()) a
JOIN (SELECT _id AS id, CHANGE_TIMESTAMP() AS t FROM clicks WHERE CHANGE_DETECTED()) b
ON b.t >= a.t AND b.t <= a.t + INTERVAL '1' MINUTE AND a.id % 3 = b.id % 3

-- case join_using
SELECT o.id, p.amount FROM (SELECT _id AS id, customer, CHANGE_TIMESTAMP() AS t FROM orders WHERE CHANGE_DETECTED()) o
JOIN (SELECT customer, amount, CHANGE_TIMESTAMP() AS t FROM payments WHERE CHANGE_DETECTED()) p USING (customer)
WHERE p.t BETWEEN o.t AND o.t + INTERVAL '3 minutes'
-- duckdb
SELECT o._id AS id, p.amount FROM orders o JOIN payments p ON o.customer=p.customer AND p.moment BETWEEN o.moment AND o.moment + INTERVAL '3 minutes'

-- case join_comma_where
SELECT o.id, p.amount FROM (SELECT _id AS id, customer, CHANGE_TIMESTAMP() AS t FROM orders WHERE CHANGE_DETECTED()) o,
 (SELECT customer, amount, CHANGE_TIMESTAMP() AS t FROM payments WHERE CHANGE_DETECTED()) p WHERE p.customer = o.customer AND p.t BETWEEN o.t AND o.t + INTERVAL '3 minutes'

-- case anti_join_streams
SELECT o.id FROM (SELECT _id AS id, CHANGE_TIMESTAMP() AS t FROM orders WHERE CHANGE_DETECTED() AND CHANGE_TYPE() = 'INSERT') o
LEFT JOIN (SELECT order_id, CHANGE_TIMESTAMP() AS t FROM payments WHERE CHANGE_DETECTED()) p ON p.order_id = o.id AND p.t BETWEEN o.t AND o.t + INTERVAL '20 minutes' WHERE p.order_id IS NULL

-- case left_join_on_left_condition
SELECT o.id, p.amount FROM (SELECT _id AS id, total, CHANGE_TIMESTAMP() AS t FROM orders WHERE CHANGE_DETECTED()) o
LEFT JOIN (SELECT order_id, amount, CHANGE_TIMESTAMP() AS t FROM payments WHERE CHANGE_DETECTED()) p ON p.order_id = o.id AND p.t BETWEEN o.t - INTERVAL '10 minutes' AND o.t + INTERVAL '10 minutes' AND o.total > 60 AND (p.amount > 10 OR o.total > 100)

-- case joined_or_condition
SELECT o.id, p.id AS pid FROM (SELECT _id AS id, customer, CHANGE_TIMESTAMP() AS t FROM orders WHERE CHANGE_DETECTED()) o
LEFT JOIN (SELECT _id AS id, order_id, customer, CHANGE_TIMESTAMP() AS t FROM payments WHERE CHANGE_DETECTED()) p ON (p.order_id = o.id OR p.customer = o.customer) AND p.t BETWEEN o.t AND o.t + INTERVAL '2 minutes'

-- case join_of_windows_ranked
WITH a AS (SELECT customer, SUM(total) AS bought, window_start AS first FROM orders WHERE CHANGE_DETECTED() GROUP BY customer, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '10 minutes')),
b AS (SELECT customer, SUM(amount) AS paid, window_start AS first FROM payments WHERE CHANGE_DETECTED() GROUP BY customer, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '10 minutes'))
SELECT a.first, a.customer, RANK() OVER (PARTITION BY a.first ORDER BY a.bought - b.paid DESC, a.customer) AS r FROM a JOIN b ON a.customer = b.customer AND a.first = b.first
-- duckdb
WITH a AS (SELECT customer, SUM(total) AS bought, TUMBLE(moment, INTERVAL '10 minutes') AS first FROM orders GROUP BY ALL),
b AS (SELECT customer, SUM(amount) AS paid, TUMBLE(moment, INTERVAL '10 minutes') AS first FROM payments GROUP BY ALL)
SELECT a.first, a.customer, RANK() OVER (PARTITION BY a.first ORDER BY a.bought - b.paid DESC, a.customer) AS r FROM a JOIN b ON a.customer = b.customer AND a.first = b.first

-- case join_bound_diff
SELECT a.id, b.id AS other FROM (SELECT _id AS id, CHANGE_TIMESTAMP() AS t FROM bids WHERE CHANGE_DETECTED()) a
JOIN (SELECT _id AS id, CHANGE_TIMESTAMP() AS t FROM clicks WHERE CHANGE_DETECTED()) b
ON b.t - a.t BETWEEN INTERVAL '0 seconds' AND INTERVAL '30 seconds'

-- case self_meet_left
SELECT a.id, a.page, b.page AS next FROM (SELECT _id AS id, visitor, page, CHANGE_TIMESTAMP() AS t FROM clicks WHERE CHANGE_DETECTED()) a
LEFT JOIN (SELECT visitor, page, CHANGE_TIMESTAMP() AS t FROM clicks WHERE CHANGE_DETECTED() AND page = '/pay') b ON b.visitor = a.visitor AND b.t > a.t AND b.t <= a.t + INTERVAL '10 minutes'

-- case right_join_streams
SELECT a.id, b.bid FROM (SELECT _id AS id, visitor, CHANGE_TIMESTAMP() AS t FROM clicks WHERE CHANGE_DETECTED()) a
RIGHT JOIN (SELECT _id AS bid, bidder, CHANGE_TIMESTAMP() AS t FROM bids WHERE CHANGE_DETECTED()) b ON b.bidder = a.visitor AND a.t BETWEEN b.t - INTERVAL '2 minutes' AND b.t

-- case join_inequalities_2
SELECT a.id, b.id AS other FROM (SELECT _id AS id, price, bidder, CHANGE_TIMESTAMP() AS t FROM bids WHERE CHANGE_DETECTED()) a
JOIN (SELECT _id AS id, price, bidder, CHANGE_TIMESTAMP() AS t FROM bids WHERE CHANGE_DETECTED()) b
ON a.t < b.t AND b.t - a.t < INTERVAL '2 minutes' AND a.price > b.price AND a.bidder <> b.bidder

-- case join_bound_diff_left
SELECT a.id, b.id AS other FROM (SELECT _id AS id, visitor, CHANGE_TIMESTAMP() AS t FROM clicks WHERE CHANGE_DETECTED()) a
LEFT JOIN (SELECT _id AS id, bidder, CHANGE_TIMESTAMP() AS t FROM bids WHERE CHANGE_DETECTED()) b
ON a.visitor = b.bidder AND a.t - b.t >= INTERVAL '-1 minute' AND INTERVAL '2 minutes' > a.t - b.t
