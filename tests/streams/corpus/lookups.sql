-- case enriched
SELECT o._id AS id, o.total, c.name AS customer, c.level, p.name AS product, o.total - p.price AS margin
FROM orders o JOIN customers c ON c._id = o.customer LEFT JOIN products p ON p._id = o.product
WHERE CHANGE_DETECTED(o) AND CHANGE_TYPE() = 'INSERT'

-- case several_rows_of_a_lookup
SELECT c._id AS click, p._id AS product, p.price FROM clicks c LEFT JOIN products p ON p.category = 'a' AND p.price < c.ms / 100
WHERE CHANGE_DETECTED(c)

-- case constant_row_of_a_lookup
SELECT b._id AS id, b.price * c.level AS x FROM bids b JOIN customers c ON c._id = 3 WHERE CHANGE_DETECTED(b)

-- case comma_join
SELECT o._id AS id, p.name FROM orders o, products p WHERE CHANGE_DETECTED(o) AND p._id = o.product AND p.price < o.total

-- case in_subquery
SELECT _id, total FROM orders WHERE CHANGE_DETECTED() AND customer IN (SELECT _id FROM customers WHERE level > 1)

-- case not_exists
SELECT _id FROM orders o WHERE CHANGE_DETECTED()
AND NOT EXISTS (SELECT 1 FROM products p WHERE p._id = o.product AND p.category = 'a')

-- case subquery_of_the_old_document
SELECT _id, (SELECT name FROM customers c WHERE c._id = OLD.customer) AS who FROM orders
WHERE CHANGE_DETECTED() AND CHANGE_TYPE() IN (SELECT CASE WHEN level > 1 THEN 'UPDATE' ELSE 'DELETE' END FROM customers d WHERE d._id = orders.customer)
-- duckdb
SELECT _id, (SELECT name FROM customers c WHERE c._id = o.old_customer) AS who FROM orders o
WHERE op IN (SELECT CASE WHEN level > 1 THEN 'UPDATE' ELSE 'DELETE' END FROM customers d WHERE d._id = o.customer)

-- case latest_of_a_collection
SELECT o._id, (SELECT p.name FROM products p WHERE p.category = o.region ORDER BY p.price DESC LIMIT 1) AS n,
       (SELECT MAX(p.price) FROM products p WHERE p._id = o.product) AS m FROM orders o WHERE CHANGE_DETECTED()

-- case lookup_then_window_then_group
WITH rich AS (
  SELECT o._id AS id, p.category AS category, o.total AS total, CHANGE_TIMESTAMP() AS t
  FROM orders o JOIN products p ON p._id = o.product WHERE CHANGE_DETECTED(o)
), stepped AS (
  SELECT category, t, total - LAG(total) OVER (PARTITION BY category ORDER BY t) AS step FROM rich
)
SELECT category, window_start AS first, COUNT(step) AS n, SUM(step) AS sum, MAX(step) AS most FROM stepped
GROUP BY category, TUMBLE(t, INTERVAL '5 minutes') HAVING COUNT(*) > 1

-- case lookup_of_groups
SELECT o._id AS id, g.n, g.most FROM orders o
JOIN (SELECT level, COUNT(*) AS n, MAX(_id) AS most FROM customers GROUP BY level) g ON g.level = o.customer
WHERE CHANGE_DETECTED(o)

-- case named_stream_with_a_lookup
CREATE VIEW rich AS SELECT o._id AS id, c.country AS country, o.total AS total, CHANGE_TIMESTAMP() AS t
FROM orders o JOIN customers c ON c._id = o.customer WHERE CHANGE_DETECTED(o);
CREATE VIEW richer AS SELECT r.id, r.country, r.total, r.t, p.name AS name FROM rich r LEFT JOIN products p ON p._id = r.id % 5;
SELECT country, name, SUM(total) OVER (PARTITION BY country ORDER BY t) AS running FROM richer
-- duckdb
SELECT c.country AS country, p.name AS name, SUM(o.total) OVER (PARTITION BY c.country ORDER BY moment) AS running
FROM orders o JOIN customers c ON c._id = o.customer LEFT JOIN products p ON p._id = o._id % 5

-- case lookup_two_conditions
SELECT o._id AS id, p.name FROM orders o LEFT JOIN products p ON p._id = o.product AND p.price > 2 AND p.category = 'a' AND o.total > 30 WHERE CHANGE_DETECTED(o)

-- case lookup_expression
SELECT o._id AS id, c.name FROM orders o JOIN customers c ON c._id = MOD(o.customer + 1, 8) WHERE CHANGE_DETECTED(o)

-- case lookup_name_concat
SELECT o._id AS id, c.level FROM orders o LEFT JOIN customers c ON c.name = 'c' || o.customer WHERE CHANGE_DETECTED(o)

-- case lookup_two_level
SELECT o._id AS id, c.name, p.name AS pn FROM orders o JOIN customers c ON c._id = o.customer JOIN products p ON p._id = c.level AND p.price < o.total WHERE CHANGE_DETECTED(o)

-- case lookup_right
SELECT o._id AS id, p.name FROM products p RIGHT JOIN orders o ON p._id = o.product WHERE CHANGE_DETECTED(o)

-- case scalar_sub_case
SELECT _id, CASE WHEN (SELECT level FROM customers c WHERE c._id = o.customer) > 1 THEN 'vip' ELSE 'plain' END AS k FROM orders o WHERE CHANGE_DETECTED()

-- case lookup_grouped
SELECT c.country, COUNT(*) AS n, SUM(o.total) AS sum, window_start AS first FROM orders o JOIN customers c ON c._id = o.customer WHERE CHANGE_DETECTED(o) GROUP BY c.country, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '10 minutes')

-- case not_in_subquery
SELECT _id FROM orders WHERE CHANGE_DETECTED() AND product NOT IN (SELECT _id FROM products WHERE price > 5)

-- case quantified_any_subquery
SELECT _id FROM orders WHERE CHANGE_DETECTED() AND product = ANY (SELECT _id FROM products WHERE price > 5)

-- case exists_with_old
SELECT _id, status FROM orders o WHERE CHANGE_DETECTED() AND EXISTS (SELECT 1 FROM products p WHERE p._id = o.product AND p.price < OLD.total)
-- duckdb
SELECT _id, status FROM orders o WHERE EXISTS (SELECT 1 FROM products p WHERE p._id = o.product AND p.price < o.old_total)

-- case window_over_lookup_and_union
WITH m AS (SELECT customer, total AS x, CHANGE_TIMESTAMP() AS t FROM orders WHERE CHANGE_DETECTED() UNION ALL SELECT customer, amount, CHANGE_TIMESTAMP() FROM payments WHERE CHANGE_DETECTED())
SELECT c.country, m.x, AVG(m.x) OVER (PARTITION BY c.country ORDER BY m.t ROWS 3 PRECEDING) AS a FROM m JOIN customers c ON c._id = m.customer

-- case group_on_join_windows_key
WITH o AS (SELECT customer, total, CHANGE_TIMESTAMP() AS t FROM orders WHERE CHANGE_DETECTED())
SELECT o.customer, SUM(o.total) AS s FROM o JOIN customers c ON c._id = o.customer AND c.country = 'NL' GROUP BY o.customer, TUMBLE(o.t, INTERVAL '10 minutes') HAVING SUM(o.total) > 100

-- case lookup_of_closed_groups
WITH c AS (SELECT visitor, COUNT(*) AS n, window_start AS w FROM clicks WHERE CHANGE_DETECTED() GROUP BY visitor, TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '10 minutes'))
SELECT c.w, k.name, c.n FROM c LEFT JOIN customers k ON k._id = c.visitor + 1 WHERE c.n > (SELECT MIN(level) FROM customers z WHERE z.country = k.country)

-- case exists_correlated_two
SELECT _id FROM payments p WHERE CHANGE_DETECTED() AND EXISTS (SELECT 1 FROM customers c WHERE c._id = p.customer AND c.level >= 1 AND c.country <> 'FR') AND amount < 100
