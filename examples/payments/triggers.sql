-- Accounts and payments. Balances follow the payments; what looks odd is put before somebody.

-- An older version of this file had a trigger that is no longer wanted.
DROP TRIGGER IF EXISTS old_payment_watch;

-- A balance that nobody may lose: when this trigger cannot go on, it stops and holds its place.
CREATE TRIGGER IF NOT EXISTS book_payment AFTER INSERT ON payments
WITH (on_error = 'stop', max_retries = 2, start = 'beginning')
AS
BEGIN
  UPDATE accounts SET balance = balance - NEW.amount WHERE _id = NEW.payer;
  UPDATE accounts SET balance = balance + NEW.amount WHERE _id = NEW.payee;
END;

CREATE TRIGGER watch_payment AFTER INSERT ON payments
WHEN (NEW.amount > 0)
BEGIN
  DECLARE recent INT;
  DECLARE spent DOUBLE;
  DECLARE reason TEXT;

  -- What the same account paid within the last ten minutes, this payment included.
  SELECT COUNT(*), SUM(p.amount) INTO recent, spent
  FROM payments p
  WHERE p.payer = NEW.payer AND p.paid_at > NEW.paid_at - INTERVAL '10 minutes' AND p.paid_at <= NEW.paid_at;

  IF recent >= 5 THEN
    reason := 'many payments: ' || recent;
  ELSIF spent > 10000 THEN
    reason := 'large sum: ' || spent;
  ELSIF EXISTS (SELECT 1 FROM blocked b WHERE b.account = NEW.payee) THEN
    reason := 'blocked payee';
  ELSE
    RETURN;
  END IF;

  INSERT INTO cases (account, opened_by, reason)
  VALUES (NEW.payer, NEW._id, reason)
  ON CONFLICT (account) DO NOTHING;
END;

-- A case freezes the account and all payments of the account that still wait; this fires on the write of another trigger.
CREATE TRIGGER freeze_account AFTER INSERT ON cases
BEGIN
  UPDATE accounts SET frozen = TRUE, frozen_by = TRIGGER_DEPTH() WHERE _id = NEW.account;

  FOR waiting IN (SELECT s._id AS id, s.amount AS amount FROM scheduled s WHERE s.payer = NEW.account) LOOP
    CASE waiting.amount > 1000
      WHEN TRUE THEN
        CALL ASK_APPROVAL(NEW.account, waiting.id, waiting.amount);
      ELSE
        UPDATE scheduled SET held = TRUE WHERE _id = waiting.id;
    END CASE;
  END LOOP;
END;

-- Both heads mixed: the events after ON, and the columns that count.
CREATE TRIGGER audit_accounts ON accounts AFTER UPDATE OF owner, "limit" OR DELETE
WITH (on_error = 'retry', max_retries = 3)
BEGIN
  IF TG_OP = 'DELETE' AND OLD.balance <> 0 THEN
    RAISE 'an account with a balance was deleted';
  END IF;
  INSERT INTO audit (account, action, fields, at)
  VALUES (OLD._id, TG_OP, CHANGED_FIELDS(), CHANGE_TIMESTAMP());
END;
