-- A shop with 20,000 customers: five orders each with two items, three messages, a card.
CREATE TABLE customers (id bigint PRIMARY KEY, email varchar(100) NOT NULL UNIQUE, name text, phone text, address text, created_at timestamp NOT NULL DEFAULT now());
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint NOT NULL REFERENCES customers (id), total decimal(10,2) NOT NULL, shipping_address text, created_at timestamp NOT NULL DEFAULT now());
CREATE TABLE order_items (id bigint PRIMARY KEY, order_id bigint NOT NULL REFERENCES orders (id), sku varchar(100) NOT NULL, qty int NOT NULL, price decimal(10,2) NOT NULL);
CREATE TABLE support_messages (id bigint PRIMARY KEY, customer_id bigint NOT NULL REFERENCES customers (id), body text);
CREATE TABLE payment_cards (id bigint PRIMARY KEY, customer_id bigint NOT NULL REFERENCES customers (id), pan_last4 char(4), holder text);
INSERT INTO customers SELECT seq, concat('c', seq, '@shop.example'), concat('Customer ', seq), concat('+49', seq), concat('Street ', seq), now() FROM seq_1_to_20000;
INSERT INTO orders SELECT seq, 1 + (seq * 7919) % 20000, seq % 500, concat('Street ', seq), now() FROM seq_1_to_100000;
INSERT INTO order_items SELECT seq, 1 + seq % 100000, 'sku', 1, 2 FROM seq_1_to_200000;
INSERT INTO support_messages SELECT seq, 1 + seq % 20000, concat(repeat('text ', 20), seq) FROM seq_1_to_60000;
INSERT INTO payment_cards SELECT seq, seq, '1234', concat('Customer ', seq) FROM seq_1_to_20000;
ANALYZE TABLE customers, orders, order_items, support_messages, payment_cards;
