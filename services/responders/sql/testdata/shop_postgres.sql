CREATE TABLE employees (id bigint PRIMARY KEY, email text NOT NULL, manager_id bigint REFERENCES employees (id));
CREATE TABLE addresses (id bigint PRIMARY KEY, street text NOT NULL);
CREATE TABLE customers (
  id bigint PRIMARY KEY, email varchar(60) NOT NULL UNIQUE, name text NOT NULL, phone text, loyalty varchar(40), born date,
  country char(2), address_id bigint REFERENCES addresses (id), account_manager_id bigint REFERENCES employees (id));
CREATE TABLE orders (
  id bigint PRIMARY KEY, customer_id bigint NOT NULL REFERENCES customers (id), total numeric(30,10) NOT NULL,
  placed_at timestamptz NOT NULL, note jsonb, label bytea, margin numeric(10,2));
CREATE TABLE order_items (order_id bigint REFERENCES orders (id), line int, sku text NOT NULL, PRIMARY KEY (order_id, line));
CREATE TABLE messages (customer_id bigint NOT NULL REFERENCES customers (id), body text);
CREATE TABLE invoices (id bigint PRIMARY KEY, customer_id bigint NOT NULL REFERENCES customers (id), total numeric(10,2));
CREATE TABLE invoice_lines (id bigint PRIMARY KEY, invoice_id bigint NOT NULL REFERENCES invoices (id), sku text);
CREATE TABLE newsletter (email text PRIMARY KEY, topic text);
