-- The tables of stage 4.

CREATE TABLE IF NOT EXISTS order_anomalies (
  anomaly_id VARCHAR(160) NOT NULL PRIMARY KEY,
  type VARCHAR(32) NOT NULL,
  severity VARCHAR(16) NOT NULL,
  order_id VARCHAR(64) NOT NULL,
  user_id VARCHAR(64) NOT NULL,
  event_time DATETIME(3) NOT NULL,
  detected_time DATETIME(3) NOT NULL,
  rule_version BIGINT NOT NULL,
  details JSON NOT NULL
) /*sqlite WITHOUT ROWID */ /*!80000 COLLATE utf8mb4_0900_bin */ /*M!100200 COLLATE utf8mb4_nopad_bin */;
CREATE INDEX order_anomalies_order ON order_anomalies (order_id, event_time);
CREATE INDEX order_anomalies_user ON order_anomalies (user_id, event_time);
CREATE INDEX order_anomalies_type ON order_anomalies (type, event_time);

CREATE TABLE IF NOT EXISTS order_status_history (
  order_id VARCHAR(64) NOT NULL,
  sequence BIGINT NOT NULL,
  user_id VARCHAR(64) NOT NULL,
  from_status VARCHAR(32),
  to_status VARCHAR(32) NOT NULL,
  event_time DATETIME(3) NOT NULL,
  legal BOOLEAN,
  PRIMARY KEY (order_id, sequence)
) /*sqlite WITHOUT ROWID */ /*!80000 COLLATE utf8mb4_0900_bin */ /*M!100200 COLLATE utf8mb4_nopad_bin */;
CREATE INDEX order_status_history_user ON order_status_history (user_id, event_time);

CREATE TABLE IF NOT EXISTS user_behavior (
  user_id VARCHAR(64) NOT NULL PRIMARY KEY,
  order_count BIGINT NOT NULL,
  total_amount DECIMAL(18,2) NOT NULL,
  currency VARCHAR(16) NOT NULL,
  average_gap_ms BIGINT,
  favorite_products JSON NOT NULL,
  first_seen DATETIME(3) NOT NULL,
  last_seen DATETIME(3) NOT NULL
) /*sqlite WITHOUT ROWID */ /*!80000 COLLATE utf8mb4_0900_bin */ /*M!100200 COLLATE utf8mb4_nopad_bin */;
CREATE INDEX user_behavior_seen ON user_behavior (last_seen);
