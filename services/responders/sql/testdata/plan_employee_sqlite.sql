CREATE TEMPORARY TABLE "lethe_1_0" AS SELECT DISTINCT i.d AS d, t."rowid" AS k0, t."id" AS l0, 0 AS m, 0 AS s, 0 AS g FROM (SELECT value ->> 0 AS d, value ->> 1 AS v0 FROM json_each(?1)) AS i JOIN "shop"."employees" AS t ON lower(t."email") = i.v0;

SELECT count(*) FROM temp."lethe_1_0";

CREATE INDEX temp."lethe_1_0_key" ON "lethe_1_0" (k0, d);

INSERT INTO temp."lethe_1_0" SELECT DISTINCT i.d AS d, t."rowid" AS k0, t."id" AS l0, 0 AS m, 0 AS s, 0 AS g FROM (SELECT value ->> 0 AS d, value ->> 1 AS v0 FROM json_each(?1)) AS i JOIN "shop"."employees" AS t ON t."id" = i.v0 WHERE NOT EXISTS (SELECT 1 FROM temp."lethe_1_0" AS h WHERE h.d = i.d AND h.g = 0 AND h.k0 = t."rowid");

SELECT o.d, count(*), sum(CASE WHEN 1 = 0 THEN 1 ELSE 0 END) FROM (SELECT min(f.d) AS d, t."rowid" AS k0 FROM temp."lethe_1_0" AS f JOIN "shop"."customers" AS t ON f.l0 = t."account_manager_id" AND t."account_manager_id" IS NOT NULL GROUP BY t."rowid" LIMIT 50001) AS o GROUP BY o.d;

SELECT o.d, count(*), sum(CASE WHEN EXISTS (SELECT 1 FROM temp."lethe_1_0" AS h WHERE h.d = o.d AND h.g = 0 AND h.k0 = o.k0) THEN 1 ELSE 0 END) FROM (SELECT min(f.d) AS d, t."rowid" AS k0 FROM temp."lethe_1_0" AS f JOIN "shop"."employees" AS t ON f.l0 = t."manager_id" AND t."manager_id" IS NOT NULL GROUP BY t."rowid" LIMIT 50001) AS o GROUP BY o.d;

SELECT x.d, x.s, x.m, CASE typeof(x.l0) WHEN 'null' THEN NULL WHEN 'blob' THEN 'b' || hex(x.l0) WHEN 'real' THEN 'r' || printf('%!.17g', x.l0) WHEN 'integer' THEN 'i' || x.l0 ELSE 't' || x.l0 END FROM temp."lethe_1_0" AS x WHERE x.g = 0 ORDER BY x.d, x.s, x.m, 4;

UPDATE "shop"."customers" AS t SET "account_manager_id" = NULL FROM temp."lethe_1_0" AS f WHERE f.l0 = t."account_manager_id" AND t."account_manager_id" IS NOT NULL;

UPDATE "shop"."employees" AS t SET "manager_id" = NULL FROM temp."lethe_1_0" AS f WHERE f.l0 = t."manager_id" AND t."manager_id" IS NOT NULL;

DELETE FROM "shop"."employees" WHERE ("rowid") IN (SELECT k0 FROM temp."lethe_1_0" WHERE g = 0 AND s = 0);

DROP TABLE temp."lethe_1_0";
