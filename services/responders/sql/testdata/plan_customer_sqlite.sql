CREATE TEMPORARY TABLE "lethe_0_0" AS SELECT DISTINCT i.d AS d, t."rowid" AS k0, t."address_id" AS l0, t."id" AS l1, t."email" AS l2, CASE WHEN (t."name" IS NOT NULL AND t."name" <> 'erased') OR t."phone" IS NOT NULL OR (t."born" IS NOT NULL AND t."born" <> '1900-01-01') OR t."address_id" IS NOT NULL OR (t."email" IS NOT NULL AND NOT (t."email" GLOB 'erased-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]')) OR (t."loyalty" IS NOT NULL AND NOT (t."loyalty" GLOB 'hmac-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]')) THEN 1 ELSE 0 END AS m, 0 AS s, 0 AS g FROM (SELECT value ->> 0 AS d, value ->> 1 AS v0 FROM json_each(?1)) AS i JOIN "shop"."customers" AS t ON t."id" = i.v0;

SELECT count(*) FROM temp."lethe_0_0";

CREATE INDEX temp."lethe_0_0_key" ON "lethe_0_0" (k0, d);

INSERT INTO temp."lethe_0_0" SELECT DISTINCT i.d AS d, t."rowid" AS k0, t."address_id" AS l0, t."id" AS l1, t."email" AS l2, CASE WHEN (t."name" IS NOT NULL AND t."name" <> 'erased') OR t."phone" IS NOT NULL OR (t."born" IS NOT NULL AND t."born" <> '1900-01-01') OR t."address_id" IS NOT NULL OR (t."email" IS NOT NULL AND NOT (t."email" GLOB 'erased-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]')) OR (t."loyalty" IS NOT NULL AND NOT (t."loyalty" GLOB 'hmac-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]')) THEN 1 ELSE 0 END AS m, 0 AS s, 0 AS g FROM (SELECT value ->> 0 AS d, value ->> 1 AS v0 FROM json_each(?1)) AS i JOIN "shop"."customers" AS t ON lower(t."email") = i.v0 WHERE NOT EXISTS (SELECT 1 FROM temp."lethe_0_0" AS h WHERE h.d = i.d AND h.g = 0 AND h.k0 = t."rowid");

SELECT CAST(t."phone" AS text), CASE typeof(t."rowid") WHEN 'null' THEN NULL WHEN 'blob' THEN 'b' || hex(t."rowid") WHEN 'real' THEN 'r' || printf('%!.17g', t."rowid") WHEN 'integer' THEN 'i' || t."rowid" ELSE 't' || t."rowid" END FROM "shop"."customers" AS t WHERE t."phone" IS NOT NULL;

INSERT INTO temp."lethe_0_0" SELECT DISTINCT i.d AS d, t."rowid" AS k0, t."address_id" AS l0, t."id" AS l1, t."email" AS l2, CASE WHEN (t."name" IS NOT NULL AND t."name" <> 'erased') OR t."phone" IS NOT NULL OR (t."born" IS NOT NULL AND t."born" <> '1900-01-01') OR t."address_id" IS NOT NULL OR (t."email" IS NOT NULL AND NOT (t."email" GLOB 'erased-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]')) OR (t."loyalty" IS NOT NULL AND NOT (t."loyalty" GLOB 'hmac-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]')) THEN 1 ELSE 0 END AS m, 0 AS s, 0 AS g FROM (SELECT value ->> 0 AS d, value ->> 1 AS v0 FROM json_each(?1)) AS i JOIN "shop"."customers" AS t ON t."rowid" = CASE substr(i.v0, 1, 1) WHEN 'i' THEN CAST(substr(i.v0, 2) AS INTEGER) WHEN 'r' THEN CAST(substr(i.v0, 2) AS REAL) WHEN 'b' THEN unhex(substr(i.v0, 2)) ELSE substr(i.v0, 2) END WHERE NOT EXISTS (SELECT 1 FROM temp."lethe_0_0" AS h WHERE h.d = i.d AND h.g = 0 AND h.k0 = t."rowid");

CREATE TEMPORARY TABLE "lethe_0_7" AS SELECT DISTINCT i.d AS d, t."rowid" AS k0, t."email" AS l0, 0 AS m, 0 AS s, 0 AS g FROM (SELECT value ->> 0 AS d, value ->> 1 AS v0 FROM json_each(?1)) AS i JOIN "shop"."newsletter" AS t ON lower(t."email") = i.v0 LIMIT 50001;

SELECT count(*) FROM temp."lethe_0_7";

CREATE INDEX temp."lethe_0_7_key" ON "lethe_0_7" (k0, d);

CREATE TEMPORARY TABLE "lethe_0_1" AS SELECT DISTINCT f.d AS d, t."rowid" AS k0, t."id" AS l0, 0 AS m, 1 AS s, 0 AS g FROM temp."lethe_0_0" AS f JOIN "shop"."addresses" AS t ON f.l0 = t."id";

SELECT count(*) FROM temp."lethe_0_1";

CREATE INDEX temp."lethe_0_1_key" ON "lethe_0_1" (k0, d);

UPDATE temp."lethe_0_1" AS x SET s = 0 WHERE x.s = 1 AND x.g = 0 AND NOT EXISTS (SELECT 1 FROM "shop"."customers" AS c WHERE c."address_id" = x.l0 AND NOT EXISTS (SELECT 1 FROM temp."lethe_0_0" AS y WHERE y.k0 = c."rowid" AND y.g = 0));

CREATE TEMPORARY TABLE "lethe_0_2" AS SELECT f.d AS d, t."rowid" AS k0, t."id" AS l0, 0 AS m, 0 AS s, 0 AS g FROM temp."lethe_0_0" AS f JOIN "shop"."orders" AS t ON f.l1 = t."customer_id" LIMIT 50001;

SELECT count(*) FROM temp."lethe_0_2";

CREATE INDEX temp."lethe_0_2_key" ON "lethe_0_2" (k0, d);

CREATE TEMPORARY TABLE "lethe_0_3" AS SELECT f.d AS d, t."order_id" AS k0, t."line" AS k1, t."order_id" AS l0, t."line" AS l1, 0 AS m, 0 AS s, 0 AS g FROM temp."lethe_0_2" AS f JOIN "shop"."order_items" AS t ON f.l0 = t."order_id" LIMIT 50001;

SELECT count(*) FROM temp."lethe_0_3";

CREATE INDEX temp."lethe_0_3_key" ON "lethe_0_3" (k0, k1, d);

CREATE TEMPORARY TABLE "lethe_0_4" AS SELECT f.d AS d, t."rowid" AS k0, 0 AS m, 0 AS s, 0 AS g FROM temp."lethe_0_0" AS f JOIN "shop"."messages" AS t ON f.l1 = t."customer_id" LIMIT 50001;

SELECT count(*) FROM temp."lethe_0_4";

CREATE INDEX temp."lethe_0_4_key" ON "lethe_0_4" (k0, d);

CREATE TEMPORARY TABLE "lethe_0_5" AS SELECT f.d AS d, t."rowid" AS k0, t."id" AS l0, 0 AS m, 0 AS s, 0 AS g FROM temp."lethe_0_0" AS f JOIN "shop"."invoices" AS t ON f.l1 = t."customer_id" LIMIT 50001;

SELECT count(*) FROM temp."lethe_0_5";

CREATE INDEX temp."lethe_0_5_key" ON "lethe_0_5" (k0, d);

INSERT INTO temp."lethe_0_7" SELECT DISTINCT f.d AS d, t."rowid" AS k0, t."email" AS l0, 0 AS m, 0 AS s, 0 AS g FROM temp."lethe_0_0" AS f JOIN "shop"."newsletter" AS t ON lower(f.l2) = lower(t."email") WHERE TRIM(CAST(f.l2 AS text)) <> '' AND CAST(f.l2 AS text) LIKE '%_@_%' AND NOT EXISTS (SELECT 1 FROM temp."lethe_0_7" AS h WHERE h.d = f.d AND h.g = 0 AND h.k0 = t."rowid") LIMIT 50000;

SELECT DISTINCT f.d, CAST(f.l2 AS text) FROM temp."lethe_0_0" AS f WHERE length(CAST(f.l2 AS BLOB)) <> length(f.l2) AND TRIM(CAST(f.l2 AS text)) <> '' AND CAST(f.l2 AS text) LIKE '%_@_%';

SELECT x.d, x.s, x.m, CASE typeof(x.l0) WHEN 'null' THEN NULL WHEN 'blob' THEN 'b' || hex(x.l0) WHEN 'real' THEN 'r' || printf('%!.17g', x.l0) WHEN 'integer' THEN 'i' || x.l0 ELSE 't' || x.l0 END, CASE typeof(x.l1) WHEN 'null' THEN NULL WHEN 'blob' THEN 'b' || hex(x.l1) WHEN 'real' THEN 'r' || printf('%!.17g', x.l1) WHEN 'integer' THEN 'i' || x.l1 ELSE 't' || x.l1 END, CASE typeof(x.l2) WHEN 'null' THEN NULL WHEN 'blob' THEN 'b' || hex(x.l2) WHEN 'real' THEN 'r' || printf('%!.17g', x.l2) WHEN 'integer' THEN 'i' || x.l2 ELSE 't' || x.l2 END FROM temp."lethe_0_0" AS x WHERE x.g = 0 ORDER BY x.d, x.s, x.m, 4, 5, 6;

SELECT x.d, x.s, x.m, CASE typeof(x.l0) WHEN 'null' THEN NULL WHEN 'blob' THEN 'b' || hex(x.l0) WHEN 'real' THEN 'r' || printf('%!.17g', x.l0) WHEN 'integer' THEN 'i' || x.l0 ELSE 't' || x.l0 END FROM temp."lethe_0_2" AS x WHERE x.g = 0 ORDER BY x.d, x.s, x.m, 4;

SELECT d, s, m, count(*) FROM temp."lethe_0_7" WHERE g = 0 GROUP BY d, s, m;

DELETE FROM "shop"."newsletter" WHERE ("rowid") IN (SELECT k0 FROM temp."lethe_0_7" WHERE g = 0 AND s = 0);

SELECT f.d, count(*) FROM temp."lethe_0_5" AS f JOIN "shop"."invoice_lines" AS t ON f.l0 = t."invoice_id" GROUP BY f.d;

SELECT d, s, m, count(*) FROM temp."lethe_0_5" WHERE g = 0 GROUP BY d, s, m;

SELECT d, s, m, count(*) FROM temp."lethe_0_4" WHERE g = 0 GROUP BY d, s, m;

DELETE FROM "shop"."messages" WHERE ("rowid") IN (SELECT k0 FROM temp."lethe_0_4" WHERE g = 0 AND s = 0);

SELECT d, s, m, count(*) FROM temp."lethe_0_3" WHERE g = 0 GROUP BY d, s, m;

DELETE FROM "shop"."order_items" WHERE ("order_id", "line") IN (SELECT k0, k1 FROM temp."lethe_0_3" WHERE g = 0 AND s = 0);

DELETE FROM "shop"."orders" WHERE ("rowid") IN (SELECT k0 FROM temp."lethe_0_2" WHERE g = 0 AND s = 0);

SELECT CASE typeof(t."rowid") WHEN 'null' THEN NULL WHEN 'blob' THEN 'b' || hex(t."rowid") WHEN 'real' THEN 'r' || printf('%!.17g', t."rowid") WHEN 'integer' THEN 'i' || t."rowid" ELSE 't' || t."rowid" END, CAST(t."loyalty" AS text) FROM "shop"."customers" AS t WHERE ((t."loyalty" IS NOT NULL AND NOT (t."loyalty" GLOB 'hmac-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]'))) AND (t."rowid") IN (SELECT k0 FROM temp."lethe_0_0" WHERE g = 0 AND m = 1) LIMIT 2000;

UPDATE "shop"."customers" AS t SET "loyalty" = coalesce(i.v1, t."loyalty") FROM (SELECT value ->> 0 AS d, value ->> 1 AS v0, value ->> 2 AS v1 FROM json_each(?1)) AS i WHERE t."rowid" = CASE substr(i.v0, 1, 1) WHEN 'i' THEN CAST(substr(i.v0, 2) AS INTEGER) WHEN 'r' THEN CAST(substr(i.v0, 2) AS REAL) WHEN 'b' THEN unhex(substr(i.v0, 2)) ELSE substr(i.v0, 2) END;

UPDATE "shop"."customers" AS t SET "email" = CASE WHEN t."email" IS NOT NULL THEN 'erased-' || substr(lower(hex(randomblob(12))), 1, 23) END, "name" = CASE WHEN t."name" IS NOT NULL THEN 'erased' END, "phone" = NULL, "born" = CASE WHEN t."born" IS NOT NULL THEN '1900-01-01' END, "address_id" = NULL WHERE (t."rowid") IN (SELECT k0 FROM temp."lethe_0_0" WHERE g = 0 AND m = 1);

SELECT d, s, m, count(*) FROM temp."lethe_0_1" WHERE g = 0 GROUP BY d, s, m;

DELETE FROM "shop"."addresses" WHERE ("rowid") IN (SELECT k0 FROM temp."lethe_0_1" WHERE g = 0 AND s = 0);

DROP TABLE temp."lethe_0_0";

DROP TABLE temp."lethe_0_7";

DROP TABLE temp."lethe_0_1";

DROP TABLE temp."lethe_0_2";

DROP TABLE temp."lethe_0_3";

DROP TABLE temp."lethe_0_4";

DROP TABLE temp."lethe_0_5";
