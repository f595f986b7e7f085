-- A shop with 20,000 customers: five orders each with two items, three messages, a card.
CREATE TABLE customers (id bigint PRIMARY KEY, email text NOT NULL UNIQUE, name text, phone text, address text, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint NOT NULL REFERENCES customers (id), total numeric(10,2) NOT NULL, shipping_address text, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE order_items (id bigint PRIMARY KEY, order_id bigint NOT NULL REFERENCES orders (id), sku text NOT NULL, qty int NOT NULL, price numeric(10,2) NOT NULL);
CREATE TABLE support_messages (id bigint PRIMARY KEY, customer_id bigint NOT NULL REFERENCES customers (id), body text);
CREATE TABLE payment_cards (id bigint PRIMARY KEY, customer_id bigint NOT NULL REFERENCES customers (id), pan_last4 char(4), holder text);
CREATE INDEX ON customers (lower(email));
CREATE INDEX ON orders (customer_id);
CREATE INDEX ON order_items (order_id);
CREATE INDEX ON support_messages (customer_id);
CREATE INDEX ON payment_cards (customer_id);
INSERT INTO customers SELECT i, 'c' || i || '@shop.example', 'Customer ' || i, '+49' || i, 'Street ' || i FROM generate_series(1, 20000) i;
INSERT INTO orders SELECT i, 1 + (i * 7919) % 20000, i % 500, 'Street ' || i FROM generate_series(1, 100000) i;
INSERT INTO order_items SELECT i, 1 + i % 100000, 'sku', 1, 2 FROM generate_series(1, 200000) i;
INSERT INTO support_messages SELECT i, 1 + i % 20000, repeat('text ', 20) || i FROM generate_series(1, 60000) i;
INSERT INTO payment_cards SELECT i, i, '1234', 'Customer ' || i FROM generate_series(1, 20000) i;
ANALYZE customers, orders, order_items, support_messages, payment_cards;
