create table contacts (customer_id bigint primary key, nickname text not null);
create table tickets (id bigint primary key, customer_id bigint not null references contacts (customer_id), body text not null);
create index tickets_customer on tickets (customer_id);
