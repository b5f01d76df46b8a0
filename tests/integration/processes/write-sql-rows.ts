/**
 * Writes rows 0, 1, 2 … through a sink session, ten per commit, from where the sink stands:
 * write-sql-rows.ts URL until-prepared|until-committed|TOTAL. At its point it says so and waits to be killed.
 */
import { openDatabase } from '../../../sql/open.ts'
import { orderHeaderTable } from '../../../sql/order-tables.ts'
import { sqlSink } from '../../../sql/sink.ts'
import { upsert } from '../../../sql/table.ts'

const [url = '', until = ''] = process.argv.slice(3)
const database = await openDatabase(url)
const partition = { topic: 'in', partition: 0 }
const session = await sqlSink({ name: 'sql', database, tables: [orderHeaderTable] }).open({
  id: 'task',
  partitions: [partition],
})
let position = session.positions[0] ?? 0
console.log(`open ${position}`)

/** Three orders, over and over, each counting up. */
function row(index: number) {
  return upsert(orderHeaderTable, {
    order_id: `order-${index % 3}`,
    user_id: 'user',
    store_id: null,
    status: 'PAID',
    currency: 'USD',
    total_amount: index,
    line_count: 1,
    order_time: 0,
    updated_time: index,
  })
}

async function killed(): Promise<never> {
  console.log('waiting')
  return new Promise(() => setInterval(() => {}, 1_000))
}

const total = Number(until)
while (Number.isNaN(total) || position < total) {
  const next = position + 10
  const rows = Array.from({ length: 10 }, (_, i) => row(position + i))
  await session.prepare(rows, [{ ...partition, offset: next }])
  if (until === 'until-prepared') await killed()
  await session.commit()
  position = next
  if (until === 'until-committed') await killed()
}
await session.close()
await database.close()
