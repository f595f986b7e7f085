CREATE OR REPLACE TEMPORARY TABLE `shop`.`lethe_0_0` (d int NOT NULL, k0 bigint(20) NULL, l0 bigint(20) NULL, l1 bigint(20) NULL, l2 varchar(60) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NULL, KEY (k0, d)) AS SELECT DISTINCT i.d AS d, t.`id` AS k0, t.`address_id` AS l0, t.`id` AS l1, t.`email` AS l2, CASE WHEN (t.`name` IS NOT NULL AND CONVERT(t.`name` USING utf8mb4) COLLATE utf8mb4_nopad_bin <> 'erased') OR t.`phone` IS NOT NULL OR (t.`born` IS NOT NULL AND t.`born` <> CAST('1900-01-01' AS date)) OR t.`address_id` IS NOT NULL OR (t.`email` IS NOT NULL AND NOT (CHAR_LENGTH(t.`email`) = 30 AND CAST(t.`email` AS BINARY) REGEXP '^erased-[0-9a-f]{23}$')) OR (t.`loyalty` IS NOT NULL AND NOT (CHAR_LENGTH(t.`loyalty`) = 40 AND CAST(t.`loyalty` AS BINARY) REGEXP '^hmac-[0-9a-f]{35}$')) THEN 1 ELSE 0 END AS m, 0 AS s, 0 AS g FROM JSON_TABLE(?, '$[*]' COLUMNS (d int PATH '$[0]', v0 longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[1]')) AS i STRAIGHT_JOIN `shop`.`customers` AS t ON t.`id` = CAST(i.v0 AS SIGNED);

INSERT INTO `shop`.`lethe_0_0` SELECT DISTINCT i.d AS d, t.`id` AS k0, t.`address_id` AS l0, t.`id` AS l1, t.`email` AS l2, CASE WHEN (t.`name` IS NOT NULL AND CONVERT(t.`name` USING utf8mb4) COLLATE utf8mb4_nopad_bin <> 'erased') OR t.`phone` IS NOT NULL OR (t.`born` IS NOT NULL AND t.`born` <> CAST('1900-01-01' AS date)) OR t.`address_id` IS NOT NULL OR (t.`email` IS NOT NULL AND NOT (CHAR_LENGTH(t.`email`) = 30 AND CAST(t.`email` AS BINARY) REGEXP '^erased-[0-9a-f]{23}$')) OR (t.`loyalty` IS NOT NULL AND NOT (CHAR_LENGTH(t.`loyalty`) = 40 AND CAST(t.`loyalty` AS BINARY) REGEXP '^hmac-[0-9a-f]{35}$')) THEN 1 ELSE 0 END AS m, 0 AS s, 0 AS g FROM JSON_TABLE(?, '$[*]' COLUMNS (d int PATH '$[0]', v0 longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[1]')) AS i STRAIGHT_JOIN `shop`.`customers` AS t ON (t.`email` = CONVERT(i.v0 USING utf8mb4) COLLATE utf8mb4_general_ci AND LOWER(CONVERT(t.`email` USING utf8mb4)) COLLATE utf8mb4_nopad_bin = LOWER(CONVERT(i.v0 USING utf8mb4)) AND LENGTH(CONVERT(t.`email` USING utf8mb4)) = LENGTH(CONVERT(i.v0 USING utf8mb4))) WHERE NOT EXISTS (SELECT 1 FROM `shop`.`lethe_0_0` AS h WHERE h.d = i.d AND h.g = 0 AND h.k0 = t.`id`);

SELECT CONVERT(t.`phone` USING utf8mb4), CONVERT(t.`id` USING utf8mb4) FROM `shop`.`customers` AS t WHERE t.`phone` IS NOT NULL;

INSERT INTO `shop`.`lethe_0_0` SELECT DISTINCT i.d AS d, t.`id` AS k0, t.`address_id` AS l0, t.`id` AS l1, t.`email` AS l2, CASE WHEN (t.`name` IS NOT NULL AND CONVERT(t.`name` USING utf8mb4) COLLATE utf8mb4_nopad_bin <> 'erased') OR t.`phone` IS NOT NULL OR (t.`born` IS NOT NULL AND t.`born` <> CAST('1900-01-01' AS date)) OR t.`address_id` IS NOT NULL OR (t.`email` IS NOT NULL AND NOT (CHAR_LENGTH(t.`email`) = 30 AND CAST(t.`email` AS BINARY) REGEXP '^erased-[0-9a-f]{23}$')) OR (t.`loyalty` IS NOT NULL AND NOT (CHAR_LENGTH(t.`loyalty`) = 40 AND CAST(t.`loyalty` AS BINARY) REGEXP '^hmac-[0-9a-f]{35}$')) THEN 1 ELSE 0 END AS m, 0 AS s, 0 AS g FROM JSON_TABLE(?, '$[*]' COLUMNS (d int PATH '$[0]', v0 longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[1]')) AS i STRAIGHT_JOIN `shop`.`customers` AS t ON t.`id` = CAST(i.v0 AS SIGNED) WHERE NOT EXISTS (SELECT 1 FROM `shop`.`lethe_0_0` AS h WHERE h.d = i.d AND h.g = 0 AND h.k0 = t.`id`);

CREATE OR REPLACE TEMPORARY TABLE `shop`.`lethe_0_7` (d int NOT NULL, k0 varchar(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NULL, l0 varchar(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NULL, KEY (k0(100), d)) AS SELECT DISTINCT i.d AS d, t.`email` AS k0, t.`email` AS l0, 0 AS m, 0 AS s, 0 AS g FROM JSON_TABLE(?, '$[*]' COLUMNS (d int PATH '$[0]', v0 longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[1]')) AS i STRAIGHT_JOIN `shop`.`newsletter` AS t ON (t.`email` = CONVERT(i.v0 USING utf8mb4) COLLATE utf8mb4_general_ci AND LOWER(CONVERT(t.`email` USING utf8mb4)) COLLATE utf8mb4_nopad_bin = LOWER(CONVERT(i.v0 USING utf8mb4)) AND LENGTH(CONVERT(t.`email` USING utf8mb4)) = LENGTH(CONVERT(i.v0 USING utf8mb4))) LIMIT 50001;

CREATE OR REPLACE TEMPORARY TABLE `shop`.`lethe_0_1` (d int NOT NULL, k0 bigint(20) NULL, l0 bigint(20) NULL, KEY (k0, d)) AS SELECT DISTINCT f.d AS d, t.`id` AS k0, t.`id` AS l0, 0 AS m, 1 AS s, 0 AS g FROM `shop`.`lethe_0_0` AS f STRAIGHT_JOIN `shop`.`addresses` AS t ON f.l0 = t.`id`;

UPDATE `shop`.`lethe_0_1` AS x SET s = 0 WHERE x.s = 1 AND x.g = 0 AND NOT EXISTS (SELECT 1 FROM `shop`.`customers` AS c WHERE c.`address_id` = x.l0 AND NOT EXISTS (SELECT 1 FROM `shop`.`lethe_0_0` AS y WHERE y.k0 = c.`id` AND y.g = 0));

CREATE OR REPLACE TEMPORARY TABLE `shop`.`lethe_0_2` (d int NOT NULL, k0 bigint(20) NULL, l0 bigint(20) NULL, KEY (k0, d)) AS SELECT f.d AS d, t.`id` AS k0, t.`id` AS l0, 0 AS m, 0 AS s, 0 AS g FROM `shop`.`lethe_0_0` AS f STRAIGHT_JOIN `shop`.`orders` AS t ON f.l1 = t.`customer_id` LIMIT 50001;

CREATE OR REPLACE TEMPORARY TABLE `shop`.`lethe_0_5` (d int NOT NULL, k0 bigint(20) NULL, l0 bigint(20) NULL, KEY (k0, d)) AS SELECT f.d AS d, t.`id` AS k0, t.`id` AS l0, 0 AS m, 0 AS s, 0 AS g FROM `shop`.`lethe_0_0` AS f STRAIGHT_JOIN `shop`.`invoices` AS t ON f.l1 = t.`customer_id` LIMIT 50001;

INSERT INTO `shop`.`lethe_0_7` SELECT DISTINCT f.d AS d, t.`email` AS k0, t.`email` AS l0, 0 AS m, 0 AS s, 0 AS g FROM `shop`.`lethe_0_0` AS f STRAIGHT_JOIN `shop`.`newsletter` AS t ON t.`email` = CONVERT(f.l2 USING utf8mb4) COLLATE utf8mb4_general_ci AND LOWER(CONVERT(f.l2 USING utf8mb4)) COLLATE utf8mb4_nopad_bin = LOWER(CONVERT(t.`email` USING utf8mb4)) AND LENGTH(CONVERT(f.l2 USING utf8mb4)) = LENGTH(CONVERT(t.`email` USING utf8mb4)) WHERE TRIM(CONVERT(f.l2 USING utf8mb4)) <> '' AND CONVERT(f.l2 USING utf8mb4) LIKE '%_@_%' AND NOT EXISTS (SELECT 1 FROM `shop`.`lethe_0_7` AS h WHERE h.d = f.d AND h.g = 0 AND h.k0 = t.`email`) LIMIT 50000;

SELECT DISTINCT f.d, CONVERT(f.l2 USING utf8mb4) FROM `shop`.`lethe_0_0` AS f WHERE LENGTH(CONVERT(f.l2 USING utf8mb4)) <> CHAR_LENGTH(f.l2) AND TRIM(CONVERT(f.l2 USING utf8mb4)) <> '' AND CONVERT(f.l2 USING utf8mb4) LIKE '%_@_%';

SELECT o.d, count(*), sum(o.todo) FROM (SELECT f.d AS d, 1 AS todo FROM `shop`.`lethe_0_0` AS f STRAIGHT_JOIN `shop`.`messages` AS t ON f.l1 = t.`customer_id` LIMIT 50001) AS o GROUP BY o.d;

SELECT o.d, count(*), sum(o.todo) FROM (SELECT f.d AS d, 1 AS todo FROM `shop`.`lethe_0_2` AS f STRAIGHT_JOIN `shop`.`order_items` AS t ON f.l0 = t.`order_id` LIMIT 50001) AS o GROUP BY o.d;

SELECT x.d, x.s, x.m, CONVERT(x.l0 USING utf8mb4), CONVERT(x.l1 USING utf8mb4), CONVERT(x.l2 USING utf8mb4) FROM `shop`.`lethe_0_0` AS x WHERE x.g = 0 ORDER BY x.d, x.s, x.m, 4, 5, 6;

SELECT x.d, x.s, x.m, CONVERT(x.l0 USING utf8mb4) FROM `shop`.`lethe_0_2` AS x WHERE x.g = 0 ORDER BY x.d, x.s, x.m, 4;

SELECT d, s, m, count(*) FROM `shop`.`lethe_0_7` WHERE g = 0 GROUP BY d, s, m;

DELETE t FROM (SELECT DISTINCT k0 FROM `shop`.`lethe_0_7` WHERE g = 0 AND s = 0) AS x STRAIGHT_JOIN `shop`.`newsletter` AS t ON t.`email` = x.k0;

SELECT f.d, count(*) FROM `shop`.`lethe_0_5` AS f STRAIGHT_JOIN `shop`.`invoice_lines` AS t ON f.l0 = t.`invoice_id` GROUP BY f.d;

SELECT d, s, m, count(*) FROM `shop`.`lethe_0_5` WHERE g = 0 GROUP BY d, s, m;

DELETE t FROM `shop`.`lethe_0_0` AS f STRAIGHT_JOIN `shop`.`messages` AS t ON f.l1 = t.`customer_id`;

DELETE t FROM `shop`.`lethe_0_2` AS f STRAIGHT_JOIN `shop`.`order_items` AS t ON f.l0 = t.`order_id`;

DELETE t FROM (SELECT DISTINCT k0 FROM `shop`.`lethe_0_2` WHERE g = 0 AND s = 0) AS x STRAIGHT_JOIN `shop`.`orders` AS t ON t.`id` = x.k0;

SELECT CONVERT(t.`id` USING utf8mb4), CONVERT(t.`loyalty` USING utf8mb4) FROM `shop`.`customers` AS t WHERE ((t.`loyalty` IS NOT NULL AND NOT (CHAR_LENGTH(t.`loyalty`) = 40 AND CAST(t.`loyalty` AS BINARY) REGEXP '^hmac-[0-9a-f]{35}$'))) AND (t.`id`) IN (SELECT k0 FROM `shop`.`lethe_0_0` WHERE g = 0 AND m = 1) LIMIT 2000;

UPDATE JSON_TABLE(?, '$[*]' COLUMNS (d int PATH '$[0]', v0 longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[1]', v1 longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[2]')) AS i STRAIGHT_JOIN `shop`.`customers` AS t ON t.`id` = CAST(i.v0 AS SIGNED) SET t.`loyalty` = coalesce(i.v1, t.`loyalty`);

UPDATE (SELECT DISTINCT k0 FROM `shop`.`lethe_0_0` WHERE g = 0 AND m = 1) AS x STRAIGHT_JOIN `shop`.`customers` AS t ON t.`id` = x.k0 SET t.`email` = CASE WHEN t.`email` IS NOT NULL THEN CONCAT('erased-', SUBSTR(LOWER(HEX(RANDOM_BYTES(12))), 1, 23)) END, t.`name` = CASE WHEN t.`name` IS NOT NULL THEN 'erased' END, t.`phone` = NULL, t.`born` = CASE WHEN t.`born` IS NOT NULL THEN CAST('1900-01-01' AS date) END, t.`address_id` = NULL;

SELECT d, s, m, count(*) FROM `shop`.`lethe_0_1` WHERE g = 0 GROUP BY d, s, m;

DELETE t FROM (SELECT DISTINCT k0 FROM `shop`.`lethe_0_1` WHERE g = 0 AND s = 0) AS x STRAIGHT_JOIN `shop`.`addresses` AS t ON t.`id` = x.k0;

DROP TEMPORARY TABLE IF EXISTS `shop`.`lethe_0_0`;

DROP TEMPORARY TABLE IF EXISTS `shop`.`lethe_0_7`;

DROP TEMPORARY TABLE IF EXISTS `shop`.`lethe_0_1`;

DROP TEMPORARY TABLE IF EXISTS `shop`.`lethe_0_2`;

DROP TEMPORARY TABLE IF EXISTS `shop`.`lethe_0_5`;
