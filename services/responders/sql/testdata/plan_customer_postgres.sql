CREATE TEMPORARY TABLE "lethe_0_0" ON COMMIT DROP AS SELECT DISTINCT i.d AS d, t."id" AS k0, t."address_id" AS l0, t."id" AS l1, t."email" AS l2, CASE WHEN (t."name" IS NOT NULL AND t."name" <> CAST('erased' AS text)) OR t."phone" IS NOT NULL OR (t."born" IS NOT NULL AND t."born" <> CAST('1900-01-01' AS date)) OR t."address_id" IS NOT NULL OR (t."email" IS NOT NULL AND NOT (CAST(t."email" AS text) ~ '^erased-[0-9a-f]{23}$')) OR (t."loyalty" IS NOT NULL AND NOT (CAST(t."loyalty" AS text) ~ '^hmac-[0-9a-f]{35}$')) THEN 1 ELSE 0 END AS m, 0 AS s, 0 AS g FROM unnest($1::int[], $2::text[]) AS i (d, v0) JOIN "shop"."customers" AS t ON t."id" = CAST(i.v0 AS bigint);

INSERT INTO pg_temp."lethe_0_0" SELECT DISTINCT i.d AS d, t."id" AS k0, t."address_id" AS l0, t."id" AS l1, t."email" AS l2, CASE WHEN (t."name" IS NOT NULL AND t."name" <> CAST('erased' AS text)) OR t."phone" IS NOT NULL OR (t."born" IS NOT NULL AND t."born" <> CAST('1900-01-01' AS date)) OR t."address_id" IS NOT NULL OR (t."email" IS NOT NULL AND NOT (CAST(t."email" AS text) ~ '^erased-[0-9a-f]{23}$')) OR (t."loyalty" IS NOT NULL AND NOT (CAST(t."loyalty" AS text) ~ '^hmac-[0-9a-f]{35}$')) THEN 1 ELSE 0 END AS m, 0 AS s, 0 AS g FROM unnest($1::int[], $2::text[]) AS i (d, v0) JOIN "shop"."customers" AS t ON lower(t."email") = i.v0 WHERE NOT EXISTS (SELECT 1 FROM pg_temp."lethe_0_0" AS h WHERE h.d = i.d AND h.g = 0 AND h.k0 = t."id");

SELECT CAST(t."phone" AS text), CAST(t."id" AS text) FROM "shop"."customers" AS t WHERE t."phone" IS NOT NULL;

INSERT INTO pg_temp."lethe_0_0" SELECT DISTINCT i.d AS d, t."id" AS k0, t."address_id" AS l0, t."id" AS l1, t."email" AS l2, CASE WHEN (t."name" IS NOT NULL AND t."name" <> CAST('erased' AS text)) OR t."phone" IS NOT NULL OR (t."born" IS NOT NULL AND t."born" <> CAST('1900-01-01' AS date)) OR t."address_id" IS NOT NULL OR (t."email" IS NOT NULL AND NOT (CAST(t."email" AS text) ~ '^erased-[0-9a-f]{23}$')) OR (t."loyalty" IS NOT NULL AND NOT (CAST(t."loyalty" AS text) ~ '^hmac-[0-9a-f]{35}$')) THEN 1 ELSE 0 END AS m, 0 AS s, 0 AS g FROM unnest($1::int[], $2::text[]) AS i (d, v0) JOIN "shop"."customers" AS t ON t."id" = CAST(i.v0 AS bigint) WHERE NOT EXISTS (SELECT 1 FROM pg_temp."lethe_0_0" AS h WHERE h.d = i.d AND h.g = 0 AND h.k0 = t."id");

CREATE TEMPORARY TABLE "lethe_0_7" ON COMMIT DROP AS SELECT DISTINCT i.d AS d, t."email" AS k0, t."email" AS l0, 0 AS m, 0 AS s, 0 AS g FROM unnest($1::int[], $2::text[]) AS i (d, v0) JOIN "shop"."newsletter" AS t ON lower(t."email") = i.v0 LIMIT 50001;

CREATE TEMPORARY TABLE "lethe_0_1" ON COMMIT DROP AS SELECT DISTINCT f.d AS d, t."id" AS k0, t."id" AS l0, 0 AS m, 1 AS s, 0 AS g FROM pg_temp."lethe_0_0" AS f JOIN "shop"."addresses" AS t ON f.l0 = t."id";

UPDATE pg_temp."lethe_0_1" AS x SET s = 0 WHERE x.s = 1 AND x.g = 0 AND NOT EXISTS (SELECT 1 FROM "shop"."customers" AS c WHERE c."address_id" = x.l0 AND NOT EXISTS (SELECT 1 FROM pg_temp."lethe_0_0" AS y WHERE y.k0 = c."id" AND y.g = 0));

CREATE TEMPORARY TABLE "lethe_0_2" ON COMMIT DROP AS SELECT f.d AS d, t."id" AS k0, t."id" AS l0, 0 AS m, 0 AS s, 0 AS g FROM pg_temp."lethe_0_0" AS f JOIN "shop"."orders" AS t ON f.l1 = t."customer_id" LIMIT 50001;

CREATE TEMPORARY TABLE "lethe_0_5" ON COMMIT DROP AS SELECT f.d AS d, t."id" AS k0, t."id" AS l0, 0 AS m, 0 AS s, 0 AS g FROM pg_temp."lethe_0_0" AS f JOIN "shop"."invoices" AS t ON f.l1 = t."customer_id" LIMIT 50001;

INSERT INTO pg_temp."lethe_0_7" SELECT DISTINCT f.d AS d, t."email" AS k0, t."email" AS l0, 0 AS m, 0 AS s, 0 AS g FROM pg_temp."lethe_0_0" AS f JOIN "shop"."newsletter" AS t ON lower(f.l2) = lower(t."email") WHERE TRIM(CAST(f.l2 AS text)) <> '' AND CAST(f.l2 AS text) LIKE '%_@_%' AND NOT EXISTS (SELECT 1 FROM pg_temp."lethe_0_7" AS h WHERE h.d = f.d AND h.g = 0 AND h.k0 = t."email") LIMIT 50000;

SELECT DISTINCT f.d, CAST(f.l2 AS text) FROM pg_temp."lethe_0_0" AS f WHERE octet_length(CAST(f.l2 AS text)) <> length(CAST(f.l2 AS text)) AND TRIM(CAST(f.l2 AS text)) <> '' AND CAST(f.l2 AS text) LIKE '%_@_%';

SELECT o.d, count(*), sum(o.todo) FROM (SELECT f.d AS d, 1 AS todo FROM pg_temp."lethe_0_0" AS f JOIN "shop"."messages" AS t ON f.l1 = t."customer_id" LIMIT 50001) AS o GROUP BY o.d;

SELECT o.d, count(*), sum(o.todo) FROM (SELECT f.d AS d, 1 AS todo FROM pg_temp."lethe_0_2" AS f JOIN "shop"."order_items" AS t ON f.l0 = t."order_id" LIMIT 50001) AS o GROUP BY o.d;

SELECT x.d, x.s, x.m, CAST(x.l0 AS text), CAST(x.l1 AS text), CAST(x.l2 AS text) FROM pg_temp."lethe_0_0" AS x WHERE x.g = 0 ORDER BY x.d, x.s, x.m, 4, 5, 6;

SELECT x.d, x.s, x.m, CAST(x.l0 AS text) FROM pg_temp."lethe_0_2" AS x WHERE x.g = 0 ORDER BY x.d, x.s, x.m, 4;

SET LOCAL plan_cache_mode = auto;

SELECT d, s, m, count(*) FROM pg_temp."lethe_0_7" WHERE g = 0 GROUP BY d, s, m;

DELETE FROM "shop"."newsletter" WHERE ("email") IN (SELECT k0 FROM pg_temp."lethe_0_7" WHERE g = 0 AND s = 0);

SELECT f.d, count(*) FROM pg_temp."lethe_0_5" AS f JOIN "shop"."invoice_lines" AS t ON f.l0 = t."invoice_id" GROUP BY f.d;

SELECT d, s, m, count(*) FROM pg_temp."lethe_0_5" WHERE g = 0 GROUP BY d, s, m;

DELETE FROM "shop"."messages" AS t USING pg_temp."lethe_0_0" AS f WHERE f.l1 = t."customer_id";

DELETE FROM "shop"."order_items" AS t USING pg_temp."lethe_0_2" AS f WHERE f.l0 = t."order_id";

DELETE FROM "shop"."orders" WHERE ("id") IN (SELECT k0 FROM pg_temp."lethe_0_2" WHERE g = 0 AND s = 0);

SELECT CAST(t."id" AS text), CAST(t."loyalty" AS text) FROM "shop"."customers" AS t WHERE ((t."loyalty" IS NOT NULL AND NOT (CAST(t."loyalty" AS text) ~ '^hmac-[0-9a-f]{35}$'))) AND (t."id") IN (SELECT k0 FROM pg_temp."lethe_0_0" WHERE g = 0 AND m = 1) LIMIT 2000;

UPDATE "shop"."customers" AS t SET "loyalty" = coalesce(i.v1, t."loyalty") FROM unnest($1::int[], $2::text[], $3::text[]) AS i (d, v0, v1) WHERE t."id" = CAST(i.v0 AS bigint);

UPDATE "shop"."customers" AS t SET "email" = CASE WHEN t."email" IS NOT NULL THEN 'erased-' || substr(replace(CAST(gen_random_uuid() AS text), '-', ''), 1, 23) END, "name" = CASE WHEN t."name" IS NOT NULL THEN CAST('erased' AS text) END, "phone" = NULL, "born" = CASE WHEN t."born" IS NOT NULL THEN CAST('1900-01-01' AS date) END, "address_id" = NULL WHERE (t."id") IN (SELECT k0 FROM pg_temp."lethe_0_0" WHERE g = 0 AND m = 1);

SELECT d, s, m, count(*) FROM pg_temp."lethe_0_1" WHERE g = 0 GROUP BY d, s, m;

DELETE FROM "shop"."addresses" WHERE ("id") IN (SELECT k0 FROM pg_temp."lethe_0_1" WHERE g = 0 AND s = 0);

DROP TABLE pg_temp."lethe_0_0";

DROP TABLE pg_temp."lethe_0_7";

DROP TABLE pg_temp."lethe_0_1";

DROP TABLE pg_temp."lethe_0_2";

DROP TABLE pg_temp."lethe_0_5";
