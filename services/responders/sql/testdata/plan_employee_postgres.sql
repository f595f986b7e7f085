CREATE TEMPORARY TABLE "lethe_1_0" ON COMMIT DROP AS SELECT DISTINCT i.d AS d, t."id" AS k0, t."id" AS l0, 0 AS m, 0 AS s, 0 AS g FROM unnest($1::int[], $2::text[]) AS i (d, v0) JOIN "shop"."employees" AS t ON lower(t."email") = i.v0;

INSERT INTO pg_temp."lethe_1_0" SELECT DISTINCT i.d AS d, t."id" AS k0, t."id" AS l0, 0 AS m, 0 AS s, 0 AS g FROM unnest($1::int[], $2::text[]) AS i (d, v0) JOIN "shop"."employees" AS t ON t."id" = CAST(i.v0 AS bigint) WHERE NOT EXISTS (SELECT 1 FROM pg_temp."lethe_1_0" AS h WHERE h.d = i.d AND h.g = 0 AND h.k0 = t."id");

SELECT o.d, count(*), sum(CASE WHEN 1 = 0 THEN 1 ELSE 0 END) FROM (SELECT min(f.d) AS d, t."id" AS k0 FROM pg_temp."lethe_1_0" AS f JOIN "shop"."customers" AS t ON f.l0 = t."account_manager_id" AND t."account_manager_id" IS NOT NULL GROUP BY t."id" LIMIT 50001) AS o GROUP BY o.d;

SELECT o.d, count(*), sum(CASE WHEN EXISTS (SELECT 1 FROM pg_temp."lethe_1_0" AS h WHERE h.d = o.d AND h.g = 0 AND h.k0 = o.k0) THEN 1 ELSE 0 END) FROM (SELECT min(f.d) AS d, t."id" AS k0 FROM pg_temp."lethe_1_0" AS f JOIN "shop"."employees" AS t ON f.l0 = t."manager_id" AND t."manager_id" IS NOT NULL GROUP BY t."id" LIMIT 50001) AS o GROUP BY o.d;

SELECT x.d, x.s, x.m, CAST(x.l0 AS text) FROM pg_temp."lethe_1_0" AS x WHERE x.g = 0 ORDER BY x.d, x.s, x.m, 4;

SET LOCAL plan_cache_mode = auto;

UPDATE "shop"."customers" AS t SET "account_manager_id" = NULL FROM pg_temp."lethe_1_0" AS f WHERE f.l0 = t."account_manager_id" AND t."account_manager_id" IS NOT NULL;

UPDATE "shop"."employees" AS t SET "manager_id" = NULL FROM pg_temp."lethe_1_0" AS f WHERE f.l0 = t."manager_id" AND t."manager_id" IS NOT NULL;

DELETE FROM "shop"."employees" WHERE ("id") IN (SELECT k0 FROM pg_temp."lethe_1_0" WHERE g = 0 AND s = 0);

DROP TABLE pg_temp."lethe_1_0";
