CREATE TABLE employees (id INTEGER PRIMARY KEY, email TEXT NOT NULL, manager_id INTEGER REFERENCES employees (id));
CREATE TABLE addresses (id INTEGER PRIMARY KEY, street TEXT NOT NULL);
CREATE TABLE customers (
  id INTEGER PRIMARY KEY, email VARCHAR(60) NOT NULL UNIQUE, name TEXT NOT NULL, phone TEXT, loyalty VARCHAR(40), born DATE,
  country CHAR(2), address_id INTEGER REFERENCES addresses (id), account_manager_id INTEGER REFERENCES employees (id));
CREATE TABLE orders (
  id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers (id), total NUMERIC NOT NULL,
  placed_at TIMESTAMP NOT NULL, note JSON, label BLOB, margin NUMERIC);
CREATE TABLE order_items (order_id INTEGER REFERENCES orders (id), line INTEGER, sku TEXT NOT NULL, PRIMARY KEY (order_id, line)) WITHOUT ROWID;
CREATE TABLE messages (customer_id INTEGER NOT NULL REFERENCES customers, body TEXT);
CREATE TABLE invoices (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers (id), total NUMERIC);
CREATE TABLE invoice_lines (id INTEGER PRIMARY KEY, invoice_id INTEGER NOT NULL REFERENCES invoices (id), sku TEXT);
CREATE TABLE newsletter (email TEXT PRIMARY KEY, topic TEXT);
