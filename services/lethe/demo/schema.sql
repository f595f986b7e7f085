-- The shop's database. Invoices stand by themselves: they are kept by law when the customer is gone.
create table customers (
  id integer primary key,
  email text not null unique,
  name text not null,
  phone text,
  street text,
  city text,
  newsletter integer not null default 0
);
create table orders (
  id integer primary key,
  customer_id integer not null references customers (id),
  placed_at text not null,
  ship_to text not null
);
create table order_items (
  order_id integer not null references orders (id),
  line integer not null,
  title text not null,
  price_cents integer not null,
  primary key (order_id, line)
);
create table invoices (
  id integer primary key,
  customer_id integer not null,
  issued_on text not null,
  bill_to text not null,
  total_cents integer not null
);
create index orders_customer on orders (customer_id);
create index invoices_customer on invoices (customer_id);
