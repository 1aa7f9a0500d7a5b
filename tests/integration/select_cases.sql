-- One case a line: "=" rows in order, "~" in any order; what stands after ";;" is DuckDB's spelling.
~ SELECT * FROM a
~ SELECT k, v FROM a WHERE k = 1
~ SELECT k AS x, v + 1 AS y FROM a
~ SELECT _id FROM orders WHERE status <> 'paid'
~ SELECT _id FROM orders WHERE NOT (status = 'paid')
~ SELECT _id FROM orders WHERE status IS NULL OR amount > 5
~ SELECT _id FROM orders WHERE amount >= 10.5
~ SELECT _id FROM orders WHERE amount < 8
~ SELECT _id FROM orders WHERE amount BETWEEN -5 AND 10.5
~ SELECT _id FROM orders WHERE NOT amount BETWEEN 0 AND 10.5
~ SELECT _id FROM orders WHERE status IN ('paid', 'Open')
~ SELECT _id FROM orders WHERE status NOT IN ('paid', 'Open')
~ SELECT _id FROM orders WHERE status NOT IN ('paid', NULL)
~ SELECT _id FROM orders WHERE status IN ('paid', NULL)
~ SELECT _id FROM orders WHERE status LIKE 'p%'
~ SELECT _id FROM orders WHERE status ILIKE 'o%'
~ SELECT _id FROM orders WHERE qty IS DISTINCT FROM 2
~ SELECT _id FROM orders WHERE qty IS NOT DISTINCT FROM NULL
~ SELECT _id FROM orders WHERE FALSE
~ SELECT _id FROM orders WHERE NULL
~ SELECT _id FROM orders WHERE TRUE
~ SELECT _id FROM orders WHERE placed >= TIMESTAMP '2025-01-01 10:00:00'
~ SELECT _id, amount * 2 AS double FROM orders WHERE double > 15
~ SELECT _id, status || '!' AS status FROM orders WHERE status = 'paid'
~ SELECT _id, amount AS x, x + 1 AS y, y * 2 AS z FROM orders
~ SELECT CASE WHEN amount > 5 THEN 'big' WHEN amount <= 5 THEN 'small' END AS size, _id FROM orders
~ SELECT COALESCE(status, 'none') AS s, COUNT(*) AS n FROM orders GROUP BY s
= SELECT _id FROM orders ORDER BY amount, _id
= SELECT _id FROM orders ORDER BY amount DESC, _id DESC
= SELECT _id FROM orders ORDER BY status NULLS FIRST, _id
= SELECT _id FROM orders ORDER BY status DESC NULLS LAST, _id
= SELECT _id, qty FROM orders ORDER BY 2, 1
= SELECT _id, -qty AS m FROM orders ORDER BY m, _id
= SELECT _id FROM orders ORDER BY ABS(amount) DESC, _id LIMIT 3
= SELECT _id FROM orders ORDER BY _id LIMIT 2 OFFSET 3
= SELECT _id FROM orders ORDER BY _id OFFSET 6
= SELECT _id FROM orders ORDER BY _id LIMIT 0
= SELECT _id FROM orders ORDER BY _id LIMIT 1 + 1
= SELECT amount FROM orders ORDER BY placed, _id
= SELECT DISTINCT status FROM orders ORDER BY status
= SELECT DISTINCT status, qty FROM orders ORDER BY 2 DESC, 1
~ SELECT DISTINCT k, v FROM a
~ SELECT DISTINCT k FROM a WHERE v > 0
~ SELECT DISTINCT * FROM (SELECT k, v FROM b) x
~ SELECT DISTINCT amount FROM orders
~ SELECT COUNT(*) AS n FROM a
~ SELECT COUNT(*) AS n FROM nothing
~ SELECT COUNT(k) AS n, COUNT(DISTINCT k) AS d, SUM(v) AS s, AVG(v) AS a, MIN(v) AS lo, MAX(v) AS hi FROM a
~ SELECT COUNT(k) AS n, COUNT(DISTINCT k) AS d, SUM(v) AS s, AVG(v) AS a, MIN(v) AS lo, MAX(v) AS hi FROM nothing
~ SELECT SUM(v) + 1 AS s, COUNT(*) * 2 AS n FROM nothing
~ SELECT SUM(v) AS s FROM a HAVING COUNT(*) > 100
~ SELECT COUNT(*) AS n FROM nothing HAVING COUNT(*) = 0
~ SELECT 1 AS one FROM a HAVING TRUE
~ SELECT k, COUNT(*) AS n, SUM(v) AS s FROM a GROUP BY k
~ SELECT k, SUM(v) AS s FROM nothing GROUP BY k
~ SELECT k, SUM(v) AS s FROM a GROUP BY 1 HAVING SUM(v) IS NOT NULL
~ SELECT k, SUM(v) AS s FROM a GROUP BY k HAVING s > 1
~ SELECT status, MIN(amount) AS lo, MAX(amount) AS hi FROM orders GROUP BY status
~ SELECT MIN(status) AS lo, MAX(status) AS hi, MIN(placed) AS p, MAX(placed) AS q FROM orders
~ SELECT status, STDDEV(qty) AS s, VARIANCE(qty) AS v, STDDEV_POP(qty) AS sp, VAR_POP(qty) AS vp FROM orders GROUP BY status
~ SELECT BOOL_AND(vip) AS a, BOOL_OR(vip) AS o FROM customers
~ SELECT city, BOOL_AND(vip) AS a, BOOL_OR(vip) AS o FROM customers GROUP BY city
~ SELECT COUNT(*) FILTER (WHERE v > 0) AS p, SUM(v) FILTER (WHERE k = 1) AS s, MAX(v) FILTER (WHERE FALSE) AS m FROM a
~ SELECT k, COUNT(DISTINCT v) FILTER (WHERE v > 0) AS p, SUM(DISTINCT v) AS s, AVG(DISTINCT v) AS m FROM b GROUP BY k
~ SELECT status, ARRAY_AGG(_id ORDER BY amount DESC, _id) AS ids FROM orders GROUP BY status
~ SELECT ARRAY_AGG(v ORDER BY v) AS vs, ARRAY_AGG(DISTINCT v ORDER BY v DESC) AS ds FROM b
~ SELECT ARRAY_AGG(v) AS vs FROM nothing
~ SELECT STRING_AGG(status, ',' ORDER BY _id) AS s, STRING_AGG(DISTINCT status, '$x' ORDER BY status) AS d FROM orders
~ SELECT STRING_AGG(status, '-' ORDER BY _id) FILTER (WHERE qty = 2) AS s FROM orders
~ SELECT STRING_AGG(status, '-' ORDER BY _id) FILTER (WHERE qty = 222) AS s FROM orders
~ SELECT qty % 2 AS parity, COUNT(*) AS n FROM orders GROUP BY qty % 2
~ SELECT v, COUNT(*) AS n FROM a GROUP BY v HAVING COUNT(*) >= 1 AND v IS NOT NULL
~ SELECT COUNT(*) AS n FROM a GROUP BY k
= SELECT k, COUNT(*) AS n FROM a GROUP BY k ORDER BY COUNT(*) DESC, k
= SELECT k, SUM(v) AS s FROM a GROUP BY k ORDER BY s, k LIMIT 3
= SELECT k FROM a GROUP BY k ORDER BY MAX(v) DESC NULLS LAST, k
~ SELECT DISTINCT COUNT(*) AS n FROM a GROUP BY k
~ SELECT o._id, c.name FROM orders o JOIN customers c ON o.customer_id = c._id
~ SELECT o._id, c.name FROM orders o LEFT JOIN customers c ON o.customer_id = c._id
~ SELECT o._id, c.name FROM orders o RIGHT JOIN customers c ON o.customer_id = c._id
~ SELECT o._id, c.name FROM orders o FULL JOIN customers c ON o.customer_id = c._id
~ SELECT o._id, c.name FROM orders o, customers c WHERE o.customer_id = c._id AND c.vip
~ SELECT o._id, c._id AS cid FROM orders o CROSS JOIN customers c WHERE o.qty > c._id
~ SELECT a.k, a.v, b.v AS w FROM a JOIN b ON a.k = b.k AND a.v < b.v
~ SELECT a.k, b.v FROM a LEFT JOIN b ON a.k = b.k AND b.v > 1
~ SELECT a.k, b.v FROM a LEFT JOIN b ON a.k = b.k WHERE b.v IS NULL
~ SELECT a.k, b.v FROM a LEFT JOIN b ON a.v > 2 WHERE b.k = 2
~ SELECT a.k, b.k AS bk FROM a FULL JOIN b ON a.k = b.k WHERE a.v > 0 OR a.v IS NULL
~ SELECT a.k AS ak, b.k AS bk FROM a RIGHT JOIN b ON a.k = b.k WHERE a.v = 1
~ SELECT k, a.v AS av, b.v AS bv FROM a JOIN b USING (k)
~ SELECT k, a.v AS av, b.v AS bv FROM a LEFT JOIN b USING (k)
~ SELECT k, a.v AS av, b.v AS bv FROM a RIGHT JOIN b USING (k)
~ SELECT k, a.v AS av, b.v AS bv FROM a FULL JOIN b USING (k)
~ SELECT k, COUNT(*) AS n FROM a FULL JOIN b USING (k) GROUP BY k
~ SELECT k, v FROM a JOIN b USING (k, v)
~ SELECT c.name, d.name AS boss FROM customers c LEFT JOIN customers d ON c.boss = d._id
~ SELECT o._id, c.name, i.sku FROM orders o JOIN customers c ON c._id = o.customer_id LEFT JOIN items i ON i.order_id = o._id
~ SELECT o._id, c.name, i.sku FROM orders o LEFT JOIN customers c ON c._id = o.customer_id JOIN items i ON i.order_id = o._id WHERE c.city = 'Bern'
~ SELECT o._id, c.name, i.sku FROM orders o JOIN customers c ON c._id = o.customer_id RIGHT JOIN items i ON i.order_id = o._id WHERE c.name = 'Ann'
~ SELECT o._id, i._id AS iid FROM orders o JOIN customers c ON c._id = o.customer_id RIGHT JOIN items i ON i.order_id = o._id WHERE o.status = 'paid' OR o.status IS NULL
~ SELECT o._id, i._id AS iid FROM orders o JOIN customers c ON c._id = o.customer_id AND c.vip RIGHT JOIN items i ON i.order_id = o._id
~ SELECT o._id, i._id AS iid, c.name FROM orders o FULL JOIN items i ON i.order_id = o._id FULL JOIN customers c ON c._id = o.customer_id
~ SELECT c.name, COUNT(o._id) AS n, SUM(o.amount) AS s FROM customers c LEFT JOIN orders o ON o.customer_id = c._id GROUP BY c.name
= SELECT c.city, COUNT(*) AS n FROM orders o JOIN customers c ON o.customer_id = c._id GROUP BY c.city ORDER BY n DESC, c.city
~ SELECT a.k, nothing.v FROM a LEFT JOIN nothing ON a.k = nothing.k
~ SELECT a.k, nothing.v FROM a FULL JOIN nothing ON a.k = nothing.k
~ SELECT a.k, nothing.v FROM nothing FULL JOIN a ON a.k = nothing.k
~ SELECT a.k FROM a JOIN b ON TRUE WHERE a.k = b.v
~ SELECT a.k, b.k AS l FROM a JOIN b ON a.k IS NOT DISTINCT FROM b.k
~ SELECT x.s, x.n FROM (SELECT status AS s, COUNT(*) AS n FROM orders GROUP BY status) x WHERE x.n > 1
~ SELECT s, n FROM (SELECT status AS s, COUNT(*) AS n FROM orders GROUP BY status) x WHERE s IS NULL
~ SELECT MAX(n) AS m FROM (SELECT COUNT(*) AS n FROM orders GROUP BY status) x
~ SELECT p, q FROM (SELECT k, v FROM a) AS x(p, q) WHERE p = 1
~ SELECT * FROM (SELECT k, v FROM a ORDER BY v LIMIT 3) x WHERE v > 0
~ SELECT o._id, x.n FROM orders o JOIN (SELECT order_id, COUNT(*) AS n FROM items GROUP BY order_id) x ON x.order_id = o._id
~ SELECT o._id, x.n FROM orders o LEFT JOIN (SELECT order_id, COUNT(*) AS n FROM items GROUP BY order_id) x ON x.order_id = o._id WHERE x.n IS NULL OR x.n > 1
~ WITH big AS (SELECT _id, amount FROM orders WHERE amount > 5) SELECT COUNT(*) AS n FROM big
~ WITH x AS (SELECT k FROM a), y AS (SELECT k FROM x WHERE k > 1) SELECT x.k AS xk, y.k AS yk FROM x JOIN y ON x.k = y.k
~ WITH c(p, q) AS (SELECT k, v FROM a UNION SELECT k, v FROM b) SELECT p, q FROM c WHERE q > 1
~ WITH c AS (SELECT k FROM b) SELECT a.k FROM a WHERE EXISTS (SELECT 1 FROM c WHERE c.k = a.k)
~ WITH c AS (SELECT a.k FROM a) SELECT a.k, a.v FROM a WHERE EXISTS (SELECT 1 FROM c WHERE c.k = a.v)
~ WITH a AS (SELECT k FROM b) SELECT k FROM a
~ SELECT k FROM a UNION SELECT k FROM b
~ SELECT k FROM a UNION ALL SELECT k FROM b
~ SELECT k, v FROM a INTERSECT SELECT k, v FROM b
~ SELECT k, v FROM a EXCEPT SELECT k, v FROM b
~ SELECT k, v FROM a INTERSECT ALL SELECT k, v FROM b
~ SELECT k FROM a EXCEPT ALL SELECT k FROM b
~ SELECT k, v FROM a UNION SELECT v, k FROM b
~ SELECT k FROM a UNION (SELECT v FROM b EXCEPT SELECT k FROM b)
~ SELECT k FROM a EXCEPT SELECT v FROM b UNION SELECT 42
~ SELECT k FROM a UNION SELECT v FROM b INTERSECT SELECT k FROM a
= SELECT k FROM a UNION SELECT v FROM b ORDER BY k LIMIT 3
= SELECT k, v FROM a UNION ALL SELECT k, v FROM b ORDER BY 2 DESC, 1 OFFSET 2
~ (SELECT k FROM a ORDER BY k LIMIT 1) UNION ALL (SELECT k FROM b ORDER BY k DESC NULLS LAST LIMIT 1)
~ SELECT n, COUNT(*) AS c FROM (SELECT k AS n FROM a UNION ALL SELECT v FROM b) x GROUP BY n
~ SELECT * FROM (SELECT k, v FROM a) x UNION SELECT * FROM (SELECT k, v FROM b) y
~ SELECT * FROM (SELECT k, v AS w FROM a) x JOIN (SELECT k, v FROM b) y USING (k)
~ SELECT y.*, w FROM (SELECT k, v AS w FROM a) x JOIN (SELECT k, v FROM b) y USING (k)
~ SELECT k FROM nothing UNION SELECT k FROM a
~ SELECT 1 AS x, 'y' AS y
~ SELECT 1 + 1 AS two WHERE FALSE
~ SELECT 1 AS x UNION ALL SELECT 2 UNION ALL SELECT NULL
~ SELECT _id FROM orders WHERE amount > (SELECT AVG(qty) FROM orders)
~ SELECT _id FROM orders WHERE amount = (SELECT MAX(v) FROM nothing)
~ SELECT _id, (SELECT name FROM customers c WHERE c._id = o.customer_id) AS name FROM orders o
~ SELECT c.name, (SELECT COUNT(*) FROM orders o WHERE o.customer_id = c._id) AS n FROM customers c
~ SELECT c.name, (SELECT SUM(o.amount) FROM orders o WHERE o.customer_id = c._id) AS n FROM customers c WHERE n > 0 OR n IS NULL ;; SELECT * FROM (SELECT c.name, (SELECT SUM(o.amount) FROM orders o WHERE o.customer_id = c._id) AS n FROM customers c) WHERE n > 0 OR n IS NULL
~ SELECT _id FROM orders WHERE customer_id IN (SELECT _id FROM customers WHERE city = 'Bern')
~ SELECT _id FROM orders WHERE customer_id NOT IN (SELECT _id FROM customers WHERE city = 'Bern')
~ SELECT k FROM a WHERE k NOT IN (SELECT k FROM b)
~ SELECT k FROM a WHERE k NOT IN (SELECT k FROM b WHERE k IS NOT NULL)
~ SELECT k FROM a WHERE k NOT IN (SELECT k FROM nothing)
~ SELECT k FROM a WHERE k IN (SELECT k FROM nothing)
~ SELECT k, k IN (SELECT k FROM b) AS i, k NOT IN (SELECT k FROM b WHERE k IS NOT NULL) AS n FROM a
~ SELECT k FROM a WHERE (k IN (SELECT v FROM b)) IS NULL
~ SELECT k, v FROM a WHERE k IN (SELECT b.k FROM b WHERE b.v = a.v)
~ SELECT k, v FROM a WHERE k NOT IN (SELECT b.k FROM b WHERE b.v = a.v)
~ SELECT k FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.k = a.k AND b.v > 1)
~ SELECT k FROM a WHERE NOT EXISTS (SELECT * FROM b WHERE b.k = a.k)
~ SELECT k FROM a WHERE EXISTS (SELECT 1 FROM nothing) OR k = 1
~ SELECT c.name FROM customers c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c._id AND EXISTS (SELECT 1 FROM items i WHERE i.order_id = o._id AND i.price < c._id))
~ SELECT c.name, (SELECT COUNT(*) FROM orders o WHERE o.customer_id = c._id AND o.qty > (SELECT MIN(i.n) FROM items i WHERE i.order_id = o._id AND i.n < c._id + 2)) AS n FROM customers c
~ SELECT k FROM a WHERE EXISTS (SELECT 1 FROM a WHERE v = 7) AND v > 0
~ SELECT k FROM a WHERE EXISTS (SELECT 1 FROM b JOIN a ON a.k = b.k WHERE a.v = 1)
~ SELECT a.k, x.k AS xk FROM a JOIN a x ON x.v = a.v WHERE a.k = (SELECT MAX(x.k) FROM a x WHERE x.v = a.v)
~ SELECT a.k FROM a WHERE a.v = (SELECT MAX(b.v) FROM b JOIN b AS b2 ON b.k = b2.k WHERE b.k = a.k)
~ SELECT k, COUNT(*) AS n FROM a GROUP BY k HAVING COUNT(*) > (SELECT COUNT(*) FROM nothing)
~ SELECT k, (SELECT COUNT(*) FROM b WHERE b.k = a.k) AS n FROM a GROUP BY k
~ SELECT k, SUM(v) + (SELECT MAX(v) FROM b) AS n FROM a GROUP BY k
~ SELECT SUM((SELECT COUNT(*) FROM b WHERE b.k = a.k)) AS n FROM a
~ SELECT k FROM a GROUP BY k HAVING EXISTS (SELECT 1 FROM b WHERE b.k = a.k)
= SELECT k, v FROM a ORDER BY (SELECT COUNT(*) FROM b WHERE b.k = a.k) DESC, k, v
~ SELECT (SELECT MAX(v) FROM a) - (SELECT MIN(v) FROM b) AS d
~ SELECT a.k FROM a JOIN b ON a.k = b.k AND b.v IN (SELECT v FROM a WHERE v > 0)
~ SELECT a.k, b.k AS bk FROM a LEFT JOIN b ON a.k = b.k AND EXISTS (SELECT 1 FROM a x WHERE x.v = b.v)
~ SELECT k FROM a WHERE k = ANY (SELECT v FROM b)
~ SELECT o._id, x.tag FROM orders o, UNNEST(o.tags) AS x(tag)
~ SELECT o._id, x.tag FROM orders o CROSS JOIN UNNEST(o.tags) AS x(tag) WHERE x.tag <> 'b'
~ SELECT x.tag, COUNT(*) AS n FROM orders o, UNNEST(o.tags) AS x(tag) GROUP BY x.tag
~ SELECT o._id, x.tag FROM orders o LEFT JOIN UNNEST(o.tags) AS x(tag) ON TRUE
~ SELECT o._id, c.name, x.tag FROM orders o JOIN customers c ON c._id = o.customer_id, UNNEST(o.tags) AS x(tag) WHERE c.vip
~ SELECT o._id FROM orders o WHERE EXISTS (SELECT 1 FROM UNNEST(o.tags) AS x(tag) WHERE x.tag = 'a')
~ SELECT o._id, (SELECT COUNT(*) FROM UNNEST(o.tags) AS x(tag)) AS n FROM orders o
~ SELECT t AS q FROM (SELECT k AS t FROM a) a
~ SELECT status AS "odd.name", qty AS "$q" FROM orders WHERE "odd.name" = 'paid'
~ SELECT "odd.name" FROM (SELECT status AS "odd.name" FROM orders) x WHERE "odd.name" = 'paid'
~ SELECT k AS "a b", COUNT(*) AS "$n" FROM a GROUP BY k HAVING COUNT(*) > 0
~ SELECT UPPER(status) AS u, qty FROM orders
~ SELECT _id, status || '!' AS u, LOWER(COALESCE(status, 'NONE')) AS l FROM orders WHERE qty > 0
= SELECT UPPER(name) AS u FROM customers ORDER BY name
= SELECT UPPER(name) AS u, city FROM customers ORDER BY _id DESC LIMIT 2
~ SELECT UPPER(status) AS u, COUNT(*) AS n FROM orders GROUP BY status
~ SELECT UPPER(MAX(status)) AS u, COUNT(*) || 'x' AS n FROM orders
~ SELECT UPPER('x') AS u
~ SELECT UPPER(c.name) || o._id AS u FROM customers c JOIN orders o ON o.customer_id = c._id
~ SELECT UPPER((SELECT MAX(name) FROM customers c WHERE c._id = o.customer_id)) AS u FROM orders o
~ SELECT k FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.k = a.k UNION SELECT k FROM b WHERE b.v = a.v)
~ SELECT k, (SELECT COUNT(*) FROM b x FULL JOIN b y ON x.k = y.k AND x.v = a.v) AS n FROM a
~ SELECT k FROM a WHERE k IN (SELECT k FROM b WHERE v = a.v EXCEPT SELECT 4)
~ SELECT SUM(v) AS v FROM a HAVING SUM(v) > 1
= SELECT k, SUM(v) AS v FROM a GROUP BY k ORDER BY SUM(v), k
~ SELECT k + 1 AS k, COUNT(*) AS n FROM a GROUP BY k
~ SELECT k, v FROM a x WHERE v = (SELECT MAX(v) FROM a y WHERE y.k = x.k)
~ SELECT x.k, (SELECT COUNT(*) FROM (SELECT DISTINCT b.v FROM b) y) AS n FROM a x
~ SELECT u.t FROM UNNEST(ARRAY['a', 'b', NULL]) AS u(t) ;; SELECT u.t FROM UNNEST(['a', 'b', NULL]) AS u(t)
~ SELECT city, COUNT(*) AS n FROM customers GROUP BY city HAVING city IN (SELECT city FROM customers WHERE vip)
~ SELECT x.k FROM a x JOIN b y ON x.k = y.k JOIN nothing z ON TRUE
~ SELECT x.k FROM a x JOIN b y USING (k) JOIN a z USING (k)
~ SELECT k FROM a FULL JOIN b USING (k) FULL JOIN nothing USING (k)
~ SELECT k FROM a LEFT JOIN b USING (k) WHERE k > 1 ORDER BY 1
= SELECT DISTINCT k + 1 AS l FROM a ORDER BY k + 1 DESC
= SELECT * FROM (SELECT k, v FROM a) x ORDER BY v, k LIMIT 4
~ SELECT k, v FROM a LIMIT NULL
~ WITH x AS (SELECT k FROM a UNION ALL SELECT k FROM b) SELECT k, COUNT(*) AS n FROM x WHERE k IN (SELECT k FROM x WHERE k > 1) GROUP BY k
~ WITH x(p) AS (SELECT k FROM a UNION SELECT v FROM b) SELECT p FROM x EXCEPT SELECT k FROM b
~ SELECT k, v FROM a WHERE v > ALL (SELECT v FROM b WHERE v IS NOT NULL AND v < 3)
~ SELECT k, v FROM a WHERE v >= ANY (SELECT k FROM b)
~ SELECT k, v FROM a WHERE NOT (v <> ALL (SELECT k FROM b)) OR v <= ALL (SELECT k FROM b WHERE k IS NOT NULL)
~ SELECT v.n, v.s FROM (VALUES (1, 'x'), (2, 'y'), (NULL, 'z')) AS v(n, s)
~ SELECT a.v, x.s FROM a JOIN (VALUES (1, 'one'), (2, 'two')) AS x(n, s) ON a.k = x.n
~ WITH x(n) AS (VALUES (1), (3)) SELECT a.v FROM a WHERE a.k IN (SELECT n FROM x)
= (SELECT k, v FROM a) ORDER BY v, k LIMIT 4
= (SELECT k FROM a UNION SELECT k FROM b) ORDER BY k LIMIT 3
~ (SELECT v FROM a ORDER BY v, k LIMIT 3) ORDER BY v DESC LIMIT 1
~ SELECT k, COUNT(*) AS n FROM (SELECT k FROM a WHERE v IS NOT NULL) GROUP BY k
~ SELECT COUNT(DISTINCT (k, v)) AS n FROM a
