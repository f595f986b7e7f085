CREATE OR REPLACE TEMPORARY TABLE `shop`.`lethe_1_0` (d int NOT NULL, k0 bigint(20) NULL, l0 bigint(20) NULL, KEY (k0, d)) AS SELECT DISTINCT i.d AS d, t.`id` AS k0, t.`id` AS l0, 0 AS m, 0 AS s, 0 AS g FROM JSON_TABLE(?, '$[*]' COLUMNS (d int PATH '$[0]', v0 longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[1]')) AS i STRAIGHT_JOIN `shop`.`employees` AS t ON (t.`email` = CONVERT(i.v0 USING utf8mb4) COLLATE utf8mb4_general_ci AND LOWER(CONVERT(t.`email` USING utf8mb4)) COLLATE utf8mb4_nopad_bin = LOWER(CONVERT(i.v0 USING utf8mb4)) AND LENGTH(CONVERT(t.`email` USING utf8mb4)) = LENGTH(CONVERT(i.v0 USING utf8mb4)));

INSERT INTO `shop`.`lethe_1_0` SELECT DISTINCT i.d AS d, t.`id` AS k0, t.`id` AS l0, 0 AS m, 0 AS s, 0 AS g FROM JSON_TABLE(?, '$[*]' COLUMNS (d int PATH '$[0]', v0 longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[1]')) AS i STRAIGHT_JOIN `shop`.`employees` AS t ON t.`id` = CAST(i.v0 AS SIGNED) WHERE NOT EXISTS (SELECT 1 FROM `shop`.`lethe_1_0` AS h WHERE h.d = i.d AND h.g = 0 AND h.k0 = t.`id`);

SELECT o.d, count(*), sum(CASE WHEN 1 = 0 THEN 1 ELSE 0 END) FROM (SELECT min(f.d) AS d, t.`id` AS k0 FROM `shop`.`lethe_1_0` AS f STRAIGHT_JOIN `shop`.`customers` AS t ON f.l0 = t.`account_manager_id` AND t.`account_manager_id` IS NOT NULL GROUP BY t.`id` LIMIT 50001) AS o GROUP BY o.d;

SELECT o.d, count(*), sum(CASE WHEN EXISTS (SELECT 1 FROM `shop`.`lethe_1_0` AS h WHERE h.d = o.d AND h.g = 0 AND h.k0 = o.k0) THEN 1 ELSE 0 END) FROM (SELECT min(f.d) AS d, t.`id` AS k0 FROM `shop`.`lethe_1_0` AS f STRAIGHT_JOIN `shop`.`employees` AS t ON f.l0 = t.`manager_id` AND t.`manager_id` IS NOT NULL GROUP BY t.`id` LIMIT 50001) AS o GROUP BY o.d;

SELECT x.d, x.s, x.m, CONVERT(x.l0 USING utf8mb4) FROM `shop`.`lethe_1_0` AS x WHERE x.g = 0 ORDER BY x.d, x.s, x.m, 4;

UPDATE `shop`.`lethe_1_0` AS f STRAIGHT_JOIN `shop`.`customers` AS t ON f.l0 = t.`account_manager_id` AND t.`account_manager_id` IS NOT NULL SET t.`account_manager_id` = NULL;

UPDATE `shop`.`lethe_1_0` AS f STRAIGHT_JOIN `shop`.`employees` AS t ON f.l0 = t.`manager_id` AND t.`manager_id` IS NOT NULL SET t.`manager_id` = NULL;

UPDATE (SELECT DISTINCT k0 FROM `shop`.`lethe_1_0` WHERE g = 0 AND s = 0) AS x STRAIGHT_JOIN `shop`.`employees` AS t ON t.`id` = x.k0 SET t.`manager_id` = NULL;

DELETE t FROM (SELECT DISTINCT k0 FROM `shop`.`lethe_1_0` WHERE g = 0 AND s = 0) AS x STRAIGHT_JOIN `shop`.`employees` AS t ON t.`id` = x.k0;

DROP TEMPORARY TABLE IF EXISTS `shop`.`lethe_1_0`;
