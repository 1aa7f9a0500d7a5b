-- The Nexmark queries as materialized views. People sell things by auction, and others bid for them.
-- Prices are in cents. What the benchmark does with the clock of its engine, or with functions of its own, is said
-- differently here; the comments tell where.

CREATE TABLE person (
  _id INT PRIMARY KEY, name TEXT, email_address TEXT, credit_card TEXT, city TEXT, state TEXT,
  date_time TIMESTAMP, extra TEXT
);
CREATE TABLE auction (
  _id INT PRIMARY KEY, item_name TEXT, description TEXT, initial_bid BIGINT, reserve BIGINT,
  date_time TIMESTAMP, expires TIMESTAMP, seller INT, category INT, extra TEXT
);
CREATE TABLE bid (
  _id INT PRIMARY KEY, auction INT, bidder INT, price BIGINT, channel TEXT, url TEXT,
  date_time TIMESTAMP, extra TEXT
);
CREATE TABLE side_input (_id INT PRIMARY KEY, key INT, value TEXT);

-- Pass through: every bid.
CREATE MATERIALIZED VIEW nexmark_q0 AS
SELECT auction, bidder, price, date_time, extra FROM bid;

-- Currency conversion: prices in euros.
CREATE MATERIALIZED VIEW nexmark_q1 AS
SELECT auction, bidder, 0.908 * price AS price_eur, date_time, extra FROM bid;

-- Selection: bids on some auctions.
CREATE MATERIALIZED VIEW nexmark_q2 AS
SELECT auction, price FROM bid WHERE MOD(auction, 123) = 0;

-- Local items: who sells in category 10 in three states.
CREATE MATERIALIZED VIEW nexmark_q3 AS
SELECT p.name, p.city, p.state, a._id AS auction
FROM auction a JOIN person p ON a.seller = p._id
WHERE a.category = 10 AND p.state IN ('OR', 'ID', 'CA');

-- Average closing price by category.
CREATE MATERIALIZED VIEW nexmark_q4 AS
SELECT w.category, AVG(w.final) AS average
FROM (
  SELECT a._id, a.category, MAX(b.price) AS final
  FROM auction a JOIN bid b ON a._id = b.auction
  WHERE b.date_time BETWEEN a.date_time AND a.expires
  GROUP BY a._id, a.category
) w
GROUP BY w.category;

-- Hot items: the auctions with most bids within ten seconds, every two seconds.
CREATE MATERIALIZED VIEW nexmark_q5 AS
WITH counted AS (
  SELECT auction, COUNT(*) AS num, window_start, window_end
  FROM HOP(bid, date_time, INTERVAL '2' SECOND, INTERVAL '10' SECOND)
  GROUP BY auction, window_start, window_end
)
SELECT c.auction, c.num, c.window_start, c.window_end
FROM counted c
JOIN (SELECT MAX(num) AS most, window_start FROM counted GROUP BY window_start) m
  ON c.window_start = m.window_start AND c.num >= m.most;

-- Average selling price of each seller's last ten closed auctions, as of each of them.
CREATE MATERIALIZED VIEW nexmark_q6 AS
SELECT
  seller, auction, expires,
  AVG(final) OVER (PARTITION BY seller ORDER BY expires, auction ROWS BETWEEN 9 PRECEDING AND CURRENT ROW) AS average
FROM (
  SELECT a.seller, a._id AS auction, a.expires, MAX(b.price) AS final
  FROM auction a JOIN bid b ON a._id = b.auction
  WHERE b.date_time BETWEEN a.date_time AND a.expires
  GROUP BY a._id, a.seller, a.expires
) w;

-- Highest bid of every ten seconds, with whoever made it.
CREATE MATERIALIZED VIEW nexmark_q7 AS
SELECT b.auction, b.price, b.bidder, b.date_time, b.extra
FROM bid b
JOIN (
  SELECT MAX(price) AS price, window_start, window_end
  FROM TUMBLE(bid, date_time, INTERVAL '10' SECOND)
  GROUP BY window_start, window_end
) m ON b.price = m.price AND b.date_time >= m.window_start AND b.date_time < m.window_end;

-- New users: people who opened an auction within the ten seconds in which they came.
CREATE MATERIALIZED VIEW nexmark_q8 AS
SELECT p._id AS person, p.name, p.window_start
FROM (
  SELECT _id, name, window_start
  FROM person
  GROUP BY _id, name, TUMBLE(date_time, INTERVAL '10' SECOND)
) p
JOIN (
  SELECT seller, window_start
  FROM auction
  GROUP BY seller, TUMBLE(date_time, INTERVAL '10' SECOND)
) a ON p._id = a.seller AND p.window_start = a.window_start;

-- Winning bids: the highest valid one of each auction; of equal ones the first.
CREATE MATERIALIZED VIEW nexmark_q9 AS
SELECT
  auction, item_name, description, initial_bid, reserve, opened, expires, seller, category,
  bidder, price, bid_at, bid_extra
FROM (
  SELECT
    a._id AS auction, a.item_name, a.description, a.initial_bid, a.reserve, a.date_time AS opened, a.expires,
    a.seller, a.category, b.bidder, b.price, b.date_time AS bid_at, b.extra AS bid_extra,
    ROW_NUMBER() OVER (PARTITION BY a._id ORDER BY b.price DESC, b.date_time, b._id) AS place
  FROM auction a JOIN bid b ON a._id = b.auction
  WHERE b.date_time BETWEEN a.date_time AND a.expires
) ranked
WHERE place <= 1;

-- Log: every bid with its day and minute; the benchmark writes it to files by these.
CREATE MATERIALIZED VIEW nexmark_q10 AS
SELECT
  auction, bidder, price, date_time, extra,
  TO_CHAR(date_time, 'YYYY-MM-DD') AS day, TO_CHAR(date_time, 'HH24:MI') AS minute
FROM bid;

-- User sessions: bids of a bidder until ten seconds without one.
CREATE MATERIALIZED VIEW nexmark_q11 AS
SELECT bidder, COUNT(*) AS bids, window_start, window_end
FROM bid
GROUP BY bidder, SESSION(date_time, INTERVAL '10' SECOND);

-- Bids of a bidder in every ten seconds. The benchmark goes by the time at which its engine sees a bid. A view is what
-- its documents say, so it goes by the bid's own time.
CREATE MATERIALIZED VIEW nexmark_q12 AS
SELECT bidder, COUNT(*) AS bids, window_start, window_end
FROM bid
GROUP BY bidder, TUMBLE(date_time, INTERVAL '10' SECOND);

-- Side input: bids with what another collection says of their auction. A change there is followed, too.
CREATE MATERIALIZED VIEW nexmark_q13 AS
SELECT b.auction, b.bidder, b.price, b.date_time, s.value
FROM bid b JOIN side_input s ON MOD(b.auction, 10000) = s.key;

-- Calculation. The benchmark counts the letter c with a function of its own.
CREATE MATERIALIZED VIEW nexmark_q14 AS
SELECT
  auction, bidder, 0.908 * price AS price_eur,
  CASE
    WHEN EXTRACT(HOUR FROM date_time) BETWEEN 8 AND 18 THEN 'dayTime'
    WHEN EXTRACT(HOUR FROM date_time) <= 6 OR EXTRACT(HOUR FROM date_time) >= 20 THEN 'nightTime'
    ELSE 'otherTime'
  END AS bid_time_type,
  date_time, extra,
  LENGTH(extra) - LENGTH(REPLACE(extra, 'c', '')) AS c_counts
FROM bid
WHERE 0.908 * price > 1000000 AND 0.908 * price < 50000000;

-- Bidding statistics of each day: bids, bidders and auctions in three ranges of price.
CREATE MATERIALIZED VIEW nexmark_q15 AS
SELECT
  TO_CHAR(date_time, 'YYYY-MM-DD') AS day,
  COUNT(*) AS total_bids,
  COUNT(*) FILTER (WHERE price < 10000) AS rank1_bids,
  COUNT(*) FILTER (WHERE price >= 10000 AND price < 1000000) AS rank2_bids,
  COUNT(*) FILTER (WHERE price >= 1000000) AS rank3_bids,
  COUNT(DISTINCT bidder) AS total_bidders,
  COUNT(DISTINCT bidder) FILTER (WHERE price < 10000) AS rank1_bidders,
  COUNT(DISTINCT bidder) FILTER (WHERE price >= 10000 AND price < 1000000) AS rank2_bidders,
  COUNT(DISTINCT bidder) FILTER (WHERE price >= 1000000) AS rank3_bidders,
  COUNT(DISTINCT auction) AS total_auctions,
  COUNT(DISTINCT auction) FILTER (WHERE price < 10000) AS rank1_auctions,
  COUNT(DISTINCT auction) FILTER (WHERE price >= 10000 AND price < 1000000) AS rank2_auctions,
  COUNT(DISTINCT auction) FILTER (WHERE price >= 1000000) AS rank3_auctions
FROM bid
GROUP BY TO_CHAR(date_time, 'YYYY-MM-DD');

-- The same for each channel and day, with the minute of the last bid.
CREATE MATERIALIZED VIEW nexmark_q16 AS
SELECT
  channel,
  TO_CHAR(date_time, 'YYYY-MM-DD') AS day,
  MAX(TO_CHAR(date_time, 'HH24:MI')) AS minute,
  COUNT(*) AS total_bids,
  COUNT(*) FILTER (WHERE price < 10000) AS rank1_bids,
  COUNT(*) FILTER (WHERE price >= 10000 AND price < 1000000) AS rank2_bids,
  COUNT(*) FILTER (WHERE price >= 1000000) AS rank3_bids,
  COUNT(DISTINCT bidder) AS total_bidders,
  COUNT(DISTINCT bidder) FILTER (WHERE price < 10000) AS rank1_bidders,
  COUNT(DISTINCT bidder) FILTER (WHERE price >= 10000 AND price < 1000000) AS rank2_bidders,
  COUNT(DISTINCT bidder) FILTER (WHERE price >= 1000000) AS rank3_bidders,
  COUNT(DISTINCT auction) AS total_auctions,
  COUNT(DISTINCT auction) FILTER (WHERE price < 10000) AS rank1_auctions,
  COUNT(DISTINCT auction) FILTER (WHERE price >= 10000 AND price < 1000000) AS rank2_auctions,
  COUNT(DISTINCT auction) FILTER (WHERE price >= 1000000) AS rank3_auctions
FROM bid
GROUP BY channel, TO_CHAR(date_time, 'YYYY-MM-DD');

-- Statistics of each auction and day.
CREATE MATERIALIZED VIEW nexmark_q17 AS
SELECT
  auction,
  TO_CHAR(date_time, 'YYYY-MM-DD') AS day,
  COUNT(*) AS total_bids,
  COUNT(*) FILTER (WHERE price < 10000) AS rank1_bids,
  COUNT(*) FILTER (WHERE price >= 10000 AND price < 1000000) AS rank2_bids,
  COUNT(*) FILTER (WHERE price >= 1000000) AS rank3_bids,
  MIN(price) AS min_price,
  MAX(price) AS max_price,
  AVG(price) AS avg_price,
  SUM(price) AS sum_price
FROM bid
GROUP BY auction, TO_CHAR(date_time, 'YYYY-MM-DD');

-- Each bidder's last bid on each auction.
CREATE MATERIALIZED VIEW nexmark_q18 AS
SELECT auction, bidder, price, channel, url, date_time, extra
FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY bidder, auction ORDER BY date_time DESC, _id DESC) AS place FROM bid
) latest
WHERE place <= 1;

-- The ten highest bids of each auction.
CREATE MATERIALIZED VIEW nexmark_q19 AS
SELECT auction, bidder, price, channel, url, date_time, extra, place
FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY auction ORDER BY price DESC, _id) AS place FROM bid
) ranked
WHERE place <= 10;

-- Bids with their auction, in category 10.
CREATE MATERIALIZED VIEW nexmark_q20 AS
SELECT
  b.auction, b.bidder, b.price, b.channel, b.url, b.date_time AS bid_at, b.extra AS bid_extra,
  a.item_name, a.description, a.initial_bid, a.reserve, a.date_time AS opened, a.expires, a.seller, a.category
FROM bid b JOIN auction a ON b.auction = a._id
WHERE a.category = 10;

-- A number for each channel, from its name or its URL. REGEXP_MATCH gives the groups of the pattern, counted from 0.
CREATE MATERIALIZED VIEW nexmark_q21 AS
SELECT auction, bidder, price, channel, channel_id
FROM (
  SELECT
    auction, bidder, price, channel,
    CASE LOWER(channel)
      WHEN 'apple' THEN '0'
      WHEN 'google' THEN '1'
      WHEN 'facebook' THEN '2'
      WHEN 'baidu' THEN '3'
      ELSE REGEXP_MATCH(url, '(&|^)channel_id=([^&]*)')[1]
    END AS channel_id
  FROM bid
) numbered
WHERE channel_id IS NOT NULL;

-- The directories of each URL. Parts count from 1; the benchmark's SPLIT_INDEX counts from 0.
CREATE MATERIALIZED VIEW nexmark_q22 AS
SELECT
  auction, bidder, price, channel,
  SPLIT_PART(url, '/', 4) AS dir1, SPLIT_PART(url, '/', 5) AS dir2, SPLIT_PART(url, '/', 6) AS dir3
FROM bid;
