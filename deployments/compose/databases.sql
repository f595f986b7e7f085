-- Run once by the image of PostgreSQL, when its volume is empty: the coordinator's database is there already.
create database ledgers;
create database shop;
\connect shop
\include /seed/schema.sql
\include /seed/people.sql
