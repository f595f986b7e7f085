-- Invented customers of the shop.
insert into customers (id, email, name, phone, street, city, newsletter) values
  (1, 'ada@example.org', 'Ada Adler', '+49 30 5550101', 'Lindenweg 1', 'Berlin', 1),
  (2, 'ben@example.org', 'Ben Brandt', '+49 30 5550102', 'Lindenweg 2', 'Berlin', 0),
  (3, 'cleo@example.org', 'Cleo Castellani', null, 'Via Roma 3', 'Torino', 1);
insert into orders (id, customer_id, placed_at, ship_to) values
  (11, 1, '2026-09-01T10:00:00Z', 'Lindenweg 1, Berlin'),
  (12, 1, '2026-10-12T18:30:00Z', 'Lindenweg 1, Berlin'),
  (13, 2, '2026-10-13T08:15:00Z', 'Lindenweg 2, Berlin');
insert into order_items (order_id, line, title, price_cents) values
  (11, 1, 'The Art of Forgetting', 1900),
  (12, 1, 'Rivers of the Underworld', 2400),
  (12, 2, 'A Short History of Memory', 1250),
  (13, 1, 'Rivers of the Underworld', 2400);
insert into invoices (id, customer_id, issued_on, bill_to, total_cents) values
  (21, 1, '2026-09-01', 'Ada Adler, Lindenweg 1, Berlin', 1900),
  (22, 1, '2026-10-12', 'Ada Adler, Lindenweg 1, Berlin', 3650),
  (23, 2, '2026-10-13', 'Ben Brandt, Lindenweg 2, Berlin', 2400);
