/** Sessions that are left of the time between a savepoint and its use: docs/savepoints.md tells of them. */
import type { Event, Phase } from './phases.ts'
import { openLog, readNumbers, type World } from './world.ts'

/** How often each session was written. */
function writesOf(rows: readonly (readonly [key: string, value: number])[]): ReadonlyMap<string, number> {
  const writes = new Map<string, number>()
  for (const [key] of rows) writes.set(key, (writes.get(key) ?? 0) + 1)
  return writes
}

/**
 * Without the sessions that only the time that was taken back had, which no record of later times withdraws: two events that met one
 * after the other then, and meet within one commit now, leave the first one's session as it was written.
 */
export function withoutTakenBack<R extends { readonly sessions: readonly (readonly [string, number])[] }>(
  results: R,
  atSavepoint: ReadonlyMap<string, number>,
  atRestore: ReadonlyMap<string, number>,
): R {
  const inTheEnd = writesOf(results.sessions)
  const sessions = results.sessions.filter(([key]) => {
    const [before = 0, until = 0] = [atSavepoint.get(key), atRestore.get(key)]
    return until === before || inTheEnd.get(key) !== until
  })
  return { ...results, sessions }
}

export async function sessionWrites(world: World): Promise<ReadonlyMap<string, number>> {
  const open = await openLog(world.snapshot())
  const rows = await readNumbers(open, 'sessions')
  await open.log.close()
  return writesOf(rows)
}

/** A session of its own before it was taken back, and part of another one when it is read again. */
export const takenBackSession = (() => {
  const ofKey = (key: string, timestampMs: number): Event => ({ key, value: 0, timestampMs })
  const events = [
    [],
    [],
    [...Array.from({ length: 6 }, () => ofKey('0-a', 0)), ofKey('0-c', 1), ofKey('0-c', 0)],
    [],
  ]
  const smallest: Phase['settings'] = {
    batchMaxRecords: 1,
    wakeMaxRows: 1,
    commitIntervalMs: 1,
    watermarkIntervalMs: 1,
    transactionMaxBytes: 50,
    transactionMaxKeys: 2,
    cacheMaxBytesPerTask: 500,
    emission: 'per-commit',
  }
  const of = (count: number): Phase => ({
    given: [0, 0, count, 0],
    settings: smallest,
    end: { kind: 'stop', instances: 1 },
  })
  const example: [Event[][], Phase, Phase[], 'nothing', Phase['settings']] = [
    events,
    of(5),
    [of(2)],
    'nothing',
    { ...smallest, batchMaxRecords: 3 },
  ]
  return example
})()
