-- The tables of stages 1 and 2 and the sink's progress. One script for SQLite, MySQL and MariaDB: see ../README.md.

CREATE TABLE IF NOT EXISTS order_event (
  `topic` VARCHAR(249) NOT NULL,
  `partition` BIGINT NOT NULL,
  `offset` BIGINT NOT NULL,
  order_id VARCHAR(64),
  user_id VARCHAR(64),
  store_id VARCHAR(64),
  status VARCHAR(32),
  currency VARCHAR(16),
  total_amount DECIMAL(18,2),
  order_time DATETIME(3),
  line_count BIGINT NOT NULL,
  problem_count BIGINT NOT NULL,
  PRIMARY KEY (`topic`, `partition`, `offset`)
) /*sqlite WITHOUT ROWID */ /*!80000 COLLATE utf8mb4_0900_bin */ /*M!100200 COLLATE utf8mb4_nopad_bin */;
CREATE INDEX order_event_order ON order_event (order_id, order_time);

CREATE TABLE IF NOT EXISTS order_header (
  order_id VARCHAR(64) NOT NULL PRIMARY KEY,
  user_id VARCHAR(64) NOT NULL,
  store_id VARCHAR(64),
  status VARCHAR(32) NOT NULL,
  currency VARCHAR(16) NOT NULL,
  total_amount DECIMAL(18,2) NOT NULL,
  line_count BIGINT NOT NULL,
  order_time DATETIME(3) NOT NULL,
  updated_time DATETIME(3) NOT NULL
) /*sqlite WITHOUT ROWID */ /*!80000 COLLATE utf8mb4_0900_bin */ /*M!100200 COLLATE utf8mb4_nopad_bin */;
CREATE INDEX order_header_user ON order_header (user_id, order_time);
CREATE INDEX order_header_status ON order_header (status, order_time);

CREATE TABLE IF NOT EXISTS order_line (
  order_id VARCHAR(64) NOT NULL,
  line_no BIGINT NOT NULL,
  user_id VARCHAR(64) NOT NULL,
  product_id VARCHAR(64) NOT NULL,
  quantity BIGINT NOT NULL,
  line_amount DECIMAL(18,2) NOT NULL,
  currency VARCHAR(16) NOT NULL,
  status VARCHAR(32) NOT NULL,
  order_time DATETIME(3) NOT NULL,
  PRIMARY KEY (order_id, line_no)
) /*sqlite WITHOUT ROWID */ /*!80000 COLLATE utf8mb4_0900_bin */ /*M!100200 COLLATE utf8mb4_nopad_bin */;
CREATE INDEX order_line_product ON order_line (product_id);

CREATE TABLE IF NOT EXISTS order_rejection (
  `topic` VARCHAR(249) NOT NULL,
  `partition` BIGINT NOT NULL,
  `offset` BIGINT NOT NULL,
  order_id VARCHAR(64),
  user_id VARCHAR(64),
  reasons JSON NOT NULL,
  payload JSON NOT NULL,
  rejected_time DATETIME(3) NOT NULL,
  PRIMARY KEY (`topic`, `partition`, `offset`)
) /*sqlite WITHOUT ROWID */ /*!80000 COLLATE utf8mb4_0900_bin */ /*M!100200 COLLATE utf8mb4_nopad_bin */;
CREATE INDEX order_rejection_time ON order_rejection (rejected_time);
CREATE INDEX order_rejection_order ON order_rejection (order_id);

CREATE TABLE IF NOT EXISTS sink_progress (
  task_id VARCHAR(249) NOT NULL,
  `topic` VARCHAR(249) NOT NULL,
  `partition` BIGINT NOT NULL,
  next_offset BIGINT,
  epoch BIGINT NOT NULL,
  PRIMARY KEY (task_id, `topic`, `partition`)
) /*sqlite WITHOUT ROWID */ /*!80000 COLLATE utf8mb4_0900_bin */ /*M!100200 COLLATE utf8mb4_nopad_bin */;
