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

-- case array_functions
SELECT _id, ARRAY_LENGTH(items) AS n, items[0] AS f, 2 = ANY(items) AS two, ARRAY_POSITION(items, 2) AS p FROM orders WHERE CHANGE_DETECTED() ORDER BY _id
-- duckdb
SELECT _id, LEN(items) AS n, items[1] AS f, 2 = ANY(items) AS two, LIST_POSITION(items, 2) AS p FROM orders

-- case date_functions
SELECT _id, EXTRACT(DOW FROM placed) AS dow, EXTRACT(EPOCH FROM CHANGE_TIMESTAMP() - placed) AS late, DATE_TRUNC('hour', placed) + INTERVAL '1 month' AS m FROM orders WHERE CHANGE_DETECTED() ORDER BY _id

-- case nullif_greatest
SELECT _id, NULLIF(region, 'north') AS r, GREATEST(total, OLD.total) AS g, LEAST(total, OLD.total, 50) AS l, total::TEXT AS tt FROM orders WHERE CHANGE_DETECTED() ORDER BY _id
-- duckdb
SELECT _id, NULLIF(region, 'north') AS r, GREATEST(total, old_total) AS g, LEAST(total, old_total, 50) AS l, CASE WHEN total = FLOOR(total) THEN CAST(total::BIGINT AS TEXT) ELSE total::TEXT END AS tt FROM orders

-- case detected_col_or_delete
SELECT _id, CHANGE_TYPE() AS op FROM orders WHERE CHANGE_DETECTED(total) AND CHANGE_TYPE() IN ('UPDATE', 'DELETE') ORDER BY _id
-- duckdb
SELECT _id, op FROM orders WHERE op = 'DELETE' OR op = 'UPDATE' AND total IS DISTINCT FROM old_total

-- case negated_logic
SELECT _id FROM orders WHERE CHANGE_DETECTED() AND NOT (region = 'north' OR total < 40) ORDER BY _id

-- case not_in_list_null
SELECT _id FROM orders WHERE CHANGE_DETECTED() AND region NOT IN ('north') ORDER BY _id

-- case unnest_left_empty
SELECT o._id AS id, i.item FROM orders o LEFT JOIN UNNEST(o.items) AS i(item) ON TRUE WHERE CHANGE_DETECTED(o) AND CHANGE_TYPE() = 'INSERT'
