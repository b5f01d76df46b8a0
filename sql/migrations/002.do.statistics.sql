-- The tables of stage 3. Windows are named by their start, in UTC.

CREATE TABLE IF NOT EXISTS order_statistics_minute (
  window_start DATETIME(3) NOT NULL,
  currency VARCHAR(16) NOT NULL,
  order_count BIGINT NOT NULL,
  total_amount DECIMAL(18,2) NOT NULL,
  PRIMARY KEY (window_start, currency)
) /*sqlite WITHOUT ROWID */ /*!80000 COLLATE utf8mb4_0900_bin */ /*M!100200 COLLATE utf8mb4_nopad_bin */;

CREATE TABLE IF NOT EXISTS order_statistics_hour (
  window_start DATETIME(3) NOT NULL,
  currency VARCHAR(16) NOT NULL,
  order_count BIGINT NOT NULL,
  total_amount DECIMAL(18,2) NOT NULL,
  PRIMARY KEY (window_start, currency)
) /*sqlite WITHOUT ROWID */ /*!80000 COLLATE utf8mb4_0900_bin */ /*M!100200 COLLATE utf8mb4_nopad_bin */;

CREATE TABLE IF NOT EXISTS user_statistics (
  window_start DATETIME(3) NOT NULL,
  user_id VARCHAR(64) NOT NULL,
  currency VARCHAR(16) NOT NULL,
  order_count BIGINT NOT NULL,
  total_amount DECIMAL(18,2) NOT NULL,
  PRIMARY KEY (window_start, user_id, currency)
) /*sqlite WITHOUT ROWID */ /*!80000 COLLATE utf8mb4_0900_bin */ /*M!100200 COLLATE utf8mb4_nopad_bin */;
CREATE INDEX user_statistics_user ON user_statistics (user_id, window_start);

-- No index by product: nearly every sale of a large range is a row of its own, and writing it would take three times as long.
CREATE TABLE IF NOT EXISTS product_statistics (
  window_start DATETIME(3) NOT NULL,
  product_id VARCHAR(64) NOT NULL,
  currency VARCHAR(16) NOT NULL,
  order_count BIGINT NOT NULL,
  quantity BIGINT NOT NULL,
  sales_amount DECIMAL(18,2) NOT NULL,
  PRIMARY KEY (window_start, product_id, currency)
) /*sqlite WITHOUT ROWID */ /*!80000 COLLATE utf8mb4_0900_bin */ /*M!100200 COLLATE utf8mb4_nopad_bin */;

CREATE TABLE IF NOT EXISTS order_status_statistics (
  window_start DATETIME(3) NOT NULL,
  status VARCHAR(32) NOT NULL,
  order_count BIGINT NOT NULL,
  entered_count BIGINT NOT NULL,
  PRIMARY KEY (window_start, status)
) /*sqlite WITHOUT ROWID */ /*!80000 COLLATE utf8mb4_0900_bin */ /*M!100200 COLLATE utf8mb4_nopad_bin */;

CREATE TABLE IF NOT EXISTS user_session (
  user_id VARCHAR(64) NOT NULL,
  session_start DATETIME(3) NOT NULL,
  session_end DATETIME(3) NOT NULL,
  order_count BIGINT NOT NULL,
  total_amount DECIMAL(18,2) NOT NULL,
  currency VARCHAR(16) NOT NULL,
  PRIMARY KEY (user_id, session_start)
) /*sqlite WITHOUT ROWID */ /*!80000 COLLATE utf8mb4_0900_bin */ /*M!100200 COLLATE utf8mb4_nopad_bin */;
CREATE INDEX user_session_start ON user_session (session_start);
