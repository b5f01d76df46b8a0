/**
 * Has tasks `prepared` and `idle` of the SQL sink, one in the middle of a commit and one between two: stalled-sql-writer.ts URL.
 * On a line of input it goes on with both as if nothing had happened, and prints what came of it.
 */
import { once } from 'node:events'
import { openDatabase } from '../../../sql/open.ts'
import { orderHeaderTable } from '../../../sql/order-tables.ts'
import { sqlSink } from '../../../sql/sink.ts'
import { upsert } from '../../../sql/table.ts'

const database = await openDatabase(process.argv[3] ?? '', { idleTimeoutMs: 1_000 })
const sink = sqlSink({ name: 'sql', database, tables: [orderHeaderTable] })
const open = (id: string) => sink.open({ id, partitions: [{ topic: 'in', partition: 0 }] })
const at = (offset: number) => [{ topic: 'in', partition: 0, offset }]
const row = (order_id: string) =>
  upsert(orderHeaderTable, {
    order_id,
    user_id: 'zombie',
    store_id: null,
    status: 'PAID',
    currency: 'USD',
    total_amount: 1,
    line_count: 1,
    order_time: 0,
    updated_time: 1_000,
  })

async function outcome(name: string, work: Promise<unknown>): Promise<void> {
  const text = await work.then(
    () => 'done',
    (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : String(error)),
  )
  console.log(`${name} ${text}`)
}

const idle = await open('idle')
await idle.prepare([row('before')], at(1))
await idle.commit()
const prepared = await open('prepared')
await prepared.prepare([row('shared')], at(5))
console.log('prepared')
await once(process.stdin, 'data')
await outcome('commit', prepared.commit())
await outcome('again', prepared.prepare([row('shared')], at(5)))
await outcome('prepare', idle.prepare([row('shared')], at(5)))
await outcome('without positions', idle.prepare([row('shared')], []))
await prepared.close()
await idle.close()
await database.close()
process.stdin.destroy()
