-- A tea shop. Its own programs write the orders; these triggers do what must follow, and a view adds up.

CREATE TRIGGER order_placed AFTER INSERT ON orders
WHEN (NEW.status = 'placed')
BEGIN
  INSERT INTO packing_queue (order_id, tea, bags, queued_at)
  VALUES (NEW._id, NEW.tea, NEW.bags, CHANGE_TIMESTAMP());

  UPDATE stock SET reserved = reserved + NEW.bags WHERE _id = NEW.tea;

  IF NEW.express THEN
    CALL BOOK_COURIER(NEW._id, NEW.city);
  END IF;
END;

CREATE TRIGGER order_moved AFTER UPDATE OF status ON orders
BEGIN
  INSERT INTO order_log (order_id, was, became) VALUES (NEW._id, OLD.status, NEW.status);

  CASE NEW.status
    WHEN 'shipped' THEN
      UPDATE stock SET reserved = reserved - NEW.bags, on_hand = on_hand - NEW.bags WHERE _id = NEW.tea;
    WHEN 'cancelled' THEN
      UPDATE stock SET reserved = reserved - NEW.bags WHERE _id = NEW.tea;
      DELETE FROM packing_queue WHERE order_id = NEW._id;
  END CASE;
END;

CREATE MATERIALIZED VIEW sales AS
SELECT RANK() OVER (ORDER BY SUM(bags) DESC) AS place, tea, COUNT(*) AS orders, SUM(bags) AS bags,
       COUNT(*) FILTER (WHERE status = 'shipped') AS shipped, MAX(bags) AS largest
FROM orders
WHERE status <> 'cancelled'
GROUP BY tea;
