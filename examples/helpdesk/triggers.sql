-- A help desk. Tickets get a deadline and somebody who works on them, customers hear about it, and changes are kept.

CREATE TRIGGER ticket_opened AFTER INSERT ON tickets
WITH (on_error = 'dead_letter')
BEGIN
  DECLARE hours INT := 48;
  DECLARE chosen TEXT;
  DECLARE their_plan TEXT;

  IF NEW.subject IS NULL OR TRIM(NEW.subject) = '' THEN
    RAISE 'a ticket needs a subject';
  END IF;

  SELECT c.plan INTO their_plan FROM customers c WHERE c._id = NEW.customer;

  CASE
    WHEN NEW.severity = 'down' AND their_plan = 'gold' THEN
      hours := 1;
    WHEN NEW.severity = 'down' THEN
      hours := 4;
    WHEN their_plan = 'gold' THEN
      hours := 24;
    ELSE
      SET hours = 72;
  END CASE;

  -- The agent with the fewest open tickets gets this one.
  SELECT a._id INTO chosen FROM agents a WHERE NEW.topic = ANY(a.topics) ORDER BY a.open_tickets, a._id LIMIT 1;

  UPDATE tickets
  SET due_at = CHANGE_TIMESTAMP() + hours * INTERVAL '1 hour', agent = chosen, state = 'open'
  WHERE _id = NEW._id;
  UPDATE agents SET open_tickets = open_tickets + 1 WHERE _id = chosen;

  CALL SEND_MAIL(NEW.customer, 'we have received: ' || NEW.subject);
END;

CREATE TRIGGER ticket_changed AFTER UPDATE ON tickets
BEGIN
  -- What ticket_opened itself wrote is no news.
  IF TRIGGER_DEPTH() > 0 THEN
    RETURN;
  END IF;

  INSERT INTO ticket_history (ticket, fields, at)
  VALUES (NEW._id, CHANGED_FIELDS(), CHANGE_TIMESTAMP());

  IF OLD.state = 'open' AND NEW.state = 'solved' THEN
    UPDATE agents SET open_tickets = open_tickets - 1 WHERE _id = NEW.agent;
    CALL SEND_MAIL(NEW.customer, 'solved: ' || NEW.subject);
  END IF;
END;

-- When an agent leaves, each of the open tickets goes to the lead of its topic.
CREATE TRIGGER agent_left AFTER DELETE ON agents
BEGIN
  FOR ticket IN (SELECT t._id AS id, t.topic AS topic FROM tickets t
                 WHERE t.agent = OLD._id AND t.state = 'open' ORDER BY t._id) LOOP
    DECLARE lead TEXT;
    SELECT o.lead INTO lead FROM topics o WHERE o._id = ticket.topic;
    UPDATE tickets SET agent = lead WHERE _id = ticket.id;
    UPDATE agents SET open_tickets = open_tickets + 1 WHERE _id = lead;
  END LOOP;
END;
