/** SQL: databases, their migrations, typed tables and the transactional sink. */
export type { Database, DatabaseOptions, DatabaseRow, Dialect, Transaction } from './database.ts'
export { orderAnomaliesTable, orderStatusHistoryTable, userBehaviorTable } from './detection-tables.ts'
export { type AppliedMigration, migrate, pendingMigrations } from './migrate.ts'
export { openDatabase } from './open.ts'
export { orderEventTable, orderHeaderTable, orderLineTable, orderRejectionTable } from './order-tables.ts'
export { type SqlSinkOptions, sqlSink } from './sink.ts'
export {
  orderStatisticsHourTable,
  orderStatisticsMinuteTable,
  orderStatusStatisticsTable,
  productStatisticsTable,
  userSessionTable,
  userStatisticsTable,
} from './statistics-tables.ts'
export {
  boolean,
  type Column,
  cutText,
  decimalText,
  defineTable,
  integer,
  json,
  jsonText,
  money,
  nullable,
  orNull,
  type Removal,
  remove,
  type SqlRow,
  type SqlValue,
  type Table,
  text,
  time,
  timeText,
  type Upsert,
  upsert,
  type ValuesOf,
} from './table.ts'
