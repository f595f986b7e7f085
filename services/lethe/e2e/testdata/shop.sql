create table customers (id bigint primary key, email text not null, name text not null, phone text not null);
create table orders (id bigint primary key, customer_id bigint not null references customers (id), ship_to text not null);
create table order_items (order_id bigint not null references orders (id), line bigint not null, title text not null, primary key (order_id, line));
create table invoices (id bigint primary key, customer_id bigint not null, bill_to text not null, total_cents bigint not null);
create index orders_customer on orders (customer_id);
create index invoices_customer on invoices (customer_id);
create index customers_email on customers (lower(email));
