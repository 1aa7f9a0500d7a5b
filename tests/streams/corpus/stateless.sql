-- case filtered_and_computed
SELECT _id, UPPER(status) AS s, total * 1.21 AS gross, CHANGE_TYPE() AS what FROM orders
WHERE CHANGE_DETECTED() AND total BETWEEN 20 AND 90 AND region IS NOT NULL ORDER BY _id

-- case status_went_on
SELECT _id, OLD.status AS was, status AS now, CHANGE_TIMESTAMP() AS t FROM orders
WHERE CHANGE_DETECTED() AND OLD.status IS DISTINCT FROM status AND CHANGE_TYPE() = 'UPDATE' ORDER BY 1

-- case dearer_than_before
SELECT _id, total - OLD.total AS more, CASE WHEN total > OLD.total + 5 THEN 'much' ELSE 'little' END AS how
FROM orders WHERE CHANGE_DETECTED() AND total > OLD.total ORDER BY _id

-- case q1_currency
SELECT auction, bidder, 0.908 * price AS price, CHANGE_TIMESTAMP() AS t FROM bids WHERE CHANGE_DETECTED() ORDER BY 1

-- case q2_selection
SELECT auction, price FROM bids WHERE CHANGE_DETECTED() AND MOD(price, 3) = 0 ORDER BY 1

-- case q14_kinds_of_bids
SELECT auction, CASE WHEN EXTRACT(HOUR FROM CHANGE_TIMESTAMP()) BETWEEN 0 AND 6 THEN 'night' ELSE 'day' END AS part,
       LENGTH(REPLACE(url, '/', '')) AS n FROM bids WHERE CHANGE_DETECTED() AND 0.908 * price > 10 ORDER BY 1

-- case q21_channel
SELECT auction, CASE WHEN LOWER(channel) = 'google' THEN '0' WHEN LOWER(channel) = 'apple' THEN '1'
       ELSE SUBSTRING(url, 1, 7) END AS channel FROM bids WHERE CHANGE_DETECTED() ORDER BY 1

-- case q22_parts_of_the_url
SELECT SPLIT_PART(url, '/', 3) AS host, SPLIT_PART(url, '/', 4) AS dir, channel FROM bids WHERE CHANGE_DETECTED() ORDER BY 1

-- case one_row_per_item
SELECT o._id AS order_id, i.item AS item, i.place AS place, OLD.status AS was
FROM orders o CROSS JOIN UNNEST(o.items) WITH ORDINALITY AS i(item, place) WHERE CHANGE_DETECTED(o) AND i.item <> 2

-- case union_of_all_that_happened
SELECT _id AS id, 'order' AS what, total AS money, CHANGE_TIMESTAMP() AS t FROM orders WHERE CHANGE_DETECTED()
UNION ALL SELECT _id, 'payment', amount, CHANGE_TIMESTAMP() FROM payments WHERE CHANGE_DETECTED()
UNION ALL SELECT _id, 'bid', price, CHANGE_TIMESTAMP() FROM bids WHERE CHANGE_DETECTED() AND price > 50

-- case null_logic
SELECT _id, region = 'north' AS n, region <> 'north' OR total > 60 AS m, region IN ('south', NULL) AS k
FROM orders WHERE CHANGE_DETECTED() AND (region = 'north') IS NOT FALSE ORDER BY 1

-- case casts
SELECT _id, (total + 0.1)::BIGINT AS whole, CAST(_id AS TEXT) || '-' || COALESCE(region, 'none') AS label,
       DATE_TRUNC('day', CHANGE_TIMESTAMP()) AS day FROM orders WHERE CHANGE_DETECTED() AND CHANGE_TYPE() <> 'DELETE' ORDER BY 1

-- case named_stream
CREATE VIEW dear AS SELECT _id AS id, customer, total, CHANGE_TYPE() AS op, OLD.total AS was FROM orders
WHERE CHANGE_DETECTED() AND total > 50;
SELECT id, total - was AS more FROM dear WHERE op = 'UPDATE' ORDER BY 1
-- duckdb
SELECT _id AS id, total - old_total AS more FROM orders WHERE total > 50 AND op = 'UPDATE'
