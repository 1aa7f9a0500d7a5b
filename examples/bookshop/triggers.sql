-- A bookshop. Orders and their lines are written by the shop; stock, statistics and the archive follow.

-- The other spelling of a trigger's head, with several events at once.
CREATE OR REPLACE TRIGGER reserve_books
ON orders
FOR INSERT, UPDATE, DELETE
AS
BEGIN
  IF TRIGGER_ACTION = 'INSERT' AND NEW.status = 'placed' THEN
    -- One book may stand on several lines of an order: each line is added.
    UPDATE books
    SET reserved = reserved + l.copies
    FROM order_lines l
    WHERE books.isbn = l.isbn AND l.order_id = NEW._id;

    INSERT INTO picking_list (order_id, isbn, copies, shelf)
    SELECT l.order_id, l.isbn, l.copies, b.shelf
    FROM order_lines l JOIN books b ON b.isbn = l.isbn
    WHERE l.order_id = NEW._id;

  ELSIF TRIGGER_ACTION = 'UPDATE' AND OLD.status = 'placed' AND NEW.status = 'sent' THEN
    UPDATE books
    SET reserved = reserved - l.copies, on_hand = on_hand - l.copies
    FROM order_lines l
    WHERE books.isbn = l.isbn AND l.order_id = NEW._id;

    DELETE FROM picking_list p USING order_lines l
    WHERE p.order_id = l.order_id AND p.isbn = l.isbn AND l.order_id = NEW._id;

  ELSIF TRIGGER_ACTION = 'DELETE' AND OLD.status = 'placed' THEN
    UPDATE books
    SET reserved = reserved - l.copies
    FROM order_lines l
    WHERE books.isbn = l.isbn AND l.order_id = OLD._id;

    DELETE FROM picking_list WHERE order_id = OLD._id;
  ELSE
    RETURN;
  END IF;

  INSERT INTO order_history (order_id, action, status, at)
  VALUES (COALESCE(NEW._id, OLD._id), CHANGE_TYPE(), COALESCE(NEW.status, 'deleted'), CHANGE_TIMESTAMP());
END;

-- A running total per customer and month, kept by an upsert.
CREATE TRIGGER count_sales AFTER UPDATE OF status ON orders
FOR EACH ROW
WHEN (NEW.status = 'sent' AND OLD.status IS DISTINCT FROM 'sent')
BEGIN
  INSERT INTO sales (customer, month, orders, total)
  VALUES (NEW.customer, TO_CHAR(NEW.ordered_at, 'YYYY-MM'), 1, NEW.total)
  ON CONFLICT (customer, month) DO UPDATE
  SET orders = sales.orders + 1, total = sales.total + EXCLUDED.total;
END;

-- The first order of a customer is worth a greeting; a later one leaves it as it is.
CREATE TRIGGER greet_customer AFTER INSERT ON orders
BEGIN
  INSERT INTO greetings (customer, first_order)
  VALUES (NEW.customer, NEW._id)
  ON CONFLICT (customer) DO NOTHING;
END;
