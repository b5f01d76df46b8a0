/** The program finds what its simulated shop says that there is to find, and has it in its tables. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { openDatabase } from '../../sql/open.ts'
import { orderStreams, temporaryDirectory } from '../support/order-streams.ts'

const directory = temporaryDirectory()

afterAll(() => directory.dispose())

const scenarios =
  'bursts=5,unpaid=5,paid-late=5,illegal=13,large=5,repeat-purchases=5,escalating=5,near-misses=3'

it('should have every alert of a simulated shop in order_anomalies, once, and no other', {
  timeout: 120_000,
}, async () => {
  const dataDir = join(directory.path, 'data')
  const truthFile = join(directory.path, 'truth.json')
  const trouble = ['--late', '0.3', '--dirty', '0.1', '--repeat', '0.1']
  const asked = ['--seed', '12', '--orders', '400', '--scenario', scenarios, '--truth', truthFile, ...trouble]
  expect(await orderStreams(['simulate', ...asked, '--data-dir', dataDir])).toMatchObject({ code: 0 })
  const processed = await orderStreams(['start', '--once', '--input', '/dev/null', '--data-dir', dataDir])
  expect(processed).toMatchObject({ code: 0 })

  const { alerts } = JSON.parse(readFileSync(truthFile, 'utf8'))
  const database = await openDatabase(`sqlite://${join(dataDir, 'orders.db')}`)
  const found = await database.query(
    'SELECT type, order_id, user_id, event_time FROM order_anomalies ORDER BY event_time, order_id, type',
  )
  await database.close()
  const inOrder = (rows: readonly Readonly<Record<string, unknown>>[]) =>
    rows
      .map((row) => [row['type'], row['order_id'], row['user_id'], isoTime(row['event_time'])].join(' '))
      .sort()
  expect(found.length).toBeGreaterThan(40)
  expect(inOrder(found)).toEqual(inOrder(alerts))
})

/** The database has times without zone, in UTC. */
function isoTime(time: unknown): string {
  const text = String(time)
  return text.endsWith('Z') ? text : `${text.replace(' ', 'T')}Z`
}
