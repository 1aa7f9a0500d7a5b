-- One case a line: a statement run in MongoDB and in DuckDB, after which all tables must be equal.
INSERT INTO a (k, v) VALUES (10, 11)
INSERT INTO a (k, v) VALUES (10, NULL), (11, 2 + 3), (NULL, -1)
INSERT INTO a (k, v) SELECT k, v FROM b
INSERT INTO a (v, k) SELECT k, v FROM b WHERE k IS NOT NULL
INSERT INTO a (k, v) SELECT k, SUM(v) FROM b GROUP BY k
INSERT INTO a (k, v) SELECT k, v FROM nothing
INSERT INTO a (k, v) SELECT COUNT(*), MAX(k) FROM nothing
INSERT INTO a (k, v) SELECT k, v FROM b UNION SELECT k, v FROM a
INSERT INTO a (k, v) SELECT k, v FROM b UNION ALL SELECT 1, 2
INSERT INTO a (k, v) SELECT k, v FROM b EXCEPT SELECT k, v FROM a
INSERT INTO a (k, v) SELECT a.k, b.v FROM a FULL JOIN b ON a.k = b.k
INSERT INTO a (k, v) SELECT a.k, b.v FROM a JOIN b ON a.k = b.k WHERE b.v > 1
INSERT INTO a (k, v) SELECT k, v FROM a WHERE k IN (SELECT k FROM b)
INSERT INTO a (k, v) VALUES ((SELECT MAX(k) FROM b), (SELECT COUNT(*) FROM nothing))
INSERT INTO a (k, v) WITH big AS (SELECT k FROM b WHERE k > 3) SELECT k, 1 FROM big
INSERT INTO a (k, v) SELECT k, v FROM b ORDER BY v DESC, k LIMIT 2
INSERT INTO a (k) VALUES (77)
UPDATE a SET v = 9
UPDATE a SET v = v + 1
UPDATE a SET v = k, k = v
UPDATE a SET v = NULL WHERE k = 1
UPDATE a SET v = v * 2 WHERE v > 0 AND k IS NOT NULL
UPDATE a SET v = 0 WHERE k IS NULL
UPDATE a SET v = 0 WHERE v <> 1
UPDATE a SET v = 0 WHERE NOT (v = 1 OR k = 2)
UPDATE a SET v = 0 WHERE k IN (1, 3)
UPDATE a SET v = 0 WHERE k NOT IN (1, NULL)
UPDATE a SET v = 0 WHERE k BETWEEN 2 AND 3
UPDATE a SET v = 0 WHERE FALSE
UPDATE a AS t SET v = t.v + 1 WHERE t.k = 4
UPDATE a SET v = 5 WHERE k IN (SELECT k FROM b WHERE v = 7)
UPDATE a SET v = 5 WHERE k NOT IN (SELECT k FROM b)
UPDATE a SET v = 5 WHERE k NOT IN (SELECT k FROM b WHERE k IS NOT NULL)
UPDATE a SET v = 5 WHERE EXISTS (SELECT 1 FROM b WHERE b.k = a.k AND b.v > a.v)
UPDATE a SET v = 5 WHERE NOT EXISTS (SELECT 1 FROM b WHERE b.k = a.k)
UPDATE a SET v = 5 WHERE v = (SELECT MAX(v) FROM a)
UPDATE a SET v = 5 WHERE v > (SELECT AVG(v) FROM nothing)
UPDATE customers SET city = 'x' WHERE name LIKE '%e%'
UPDATE customers SET vip = NOT vip, city = UPPER(city) || '!'
UPDATE customers SET city = 'Rome' WHERE vip
UPDATE orders SET status = 'late', qty = COALESCE(qty, 0) + 1 WHERE placed < TIMESTAMP '2025-01-01 12:00:00'
UPDATE orders SET amount = amount / 2 WHERE amount > 10
UPDATE orders SET status = c.name FROM customers c WHERE c._id = orders.customer_id
UPDATE orders o SET status = c.name, qty = c._id FROM customers c WHERE c._id = o.customer_id AND c.vip
UPDATE orders o SET qty = x.n FROM (SELECT order_id, COUNT(*) AS n FROM items GROUP BY order_id) x WHERE x.order_id = o._id
UPDATE orders o SET qty = o.qty + x.n FROM (SELECT order_id, SUM(n) AS n FROM items GROUP BY order_id) x WHERE x.order_id = o._id AND o.status = 'paid'
UPDATE orders o SET status = d.name FROM customers c JOIN customers d ON d._id = c.boss WHERE c._id = o.customer_id
UPDATE orders o SET status = 'hit' FROM items i WHERE i.order_id = o._id AND i.price > o.amount
UPDATE orders o SET status = 'hit' FROM items i WHERE i.order_id = o._id AND i.sku = 'q' AND o.qty = 2
UPDATE orders o SET status = 'hit' FROM customers c WHERE c._id = o.customer_id AND EXISTS (SELECT 1 FROM items i WHERE i.order_id = o._id)
UPDATE orders o SET status = 'hit' FROM nothing n WHERE n.k = o._id
UPDATE customers c SET name = b.name FROM customers b WHERE b._id = c.boss
DELETE FROM a
DELETE FROM a WHERE k = 1
DELETE FROM a WHERE k IS NULL OR v < 0
DELETE FROM a WHERE NULL
DELETE FROM a WHERE k IN (SELECT k FROM b WHERE v = 7)
DELETE FROM a WHERE k NOT IN (SELECT k FROM b WHERE k IS NOT NULL)
DELETE FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.k = a.k)
DELETE FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE b.k = a.k)
DELETE FROM a WHERE v = (SELECT MAX(v) FROM a)
DELETE FROM a USING b WHERE a.k = b.k
DELETE FROM a USING b WHERE a.k = b.k AND b.v > a.v
DELETE FROM orders o USING customers c WHERE c._id = o.customer_id AND c.city = 'Bern'
DELETE FROM orders o USING items i WHERE i.order_id = o._id AND i.sku = 'p'
DELETE FROM orders o USING items i, customers c WHERE i.order_id = o._id AND c._id = o.customer_id AND c.name <> 'Bob'
DELETE FROM items WHERE price > 1.5
DELETE FROM items WHERE order_id IN (SELECT o._id FROM orders o WHERE o.customer_id IN (SELECT c._id FROM customers c WHERE c.vip))
INSERT INTO customers (_id, name) VALUES (1, 'New'), (20, 'Eve') ON CONFLICT (_id) DO NOTHING
INSERT INTO customers (_id, name) VALUES (1, 'New'), (20, 'Eve') ON CONFLICT (_id) DO UPDATE SET name = EXCLUDED.name
INSERT INTO customers (_id, name, boss) VALUES (2, 'New', 5), (20, 'Eve', 5) ON CONFLICT (_id) DO UPDATE SET boss = customers.boss + EXCLUDED.boss
INSERT INTO customers (_id, name) VALUES (2, 'New') ON CONFLICT (_id) DO UPDATE SET name = customers.name || '/' || EXCLUDED.name WHERE customers.vip
INSERT INTO customers (_id, name) VALUES (1, 'New') ON CONFLICT (_id) DO UPDATE SET name = customers.name || '/' || EXCLUDED.name WHERE customers.vip
INSERT INTO customers (_id, name, city) SELECT _id + 3, status, 'from' FROM orders WHERE _id < 5 ON CONFLICT (_id) DO UPDATE SET city = EXCLUDED.city
INSERT INTO customers (_id, name) SELECT customer_id, MAX(status) FROM orders WHERE customer_id IS NOT NULL GROUP BY customer_id ON CONFLICT (_id) DO NOTHING
INSERT INTO a (k, v) SELECT 1, 2
INSERT INTO customers (_id, name) SELECT _id + 10, UPPER(name) FROM customers
UPDATE a SET v = (SELECT MAX(v) FROM b)
UPDATE a SET v = (SELECT SUM(b.v) FROM b WHERE b.k = a.k) + v WHERE k IS NOT NULL
UPDATE a SET v = (SELECT SUM(v) FROM b WHERE b.k = a.k), k = v WHERE k IN (SELECT x.k FROM (SELECT a.k FROM a) x)
UPDATE customers SET name = UPPER(name) WHERE vip AND city IN (SELECT city FROM customers)
UPDATE customers SET boss = (SELECT COUNT(*) FROM orders o WHERE o.customer_id = customers._id), name = UPPER(name) || (SELECT MAX(k) FROM a)
