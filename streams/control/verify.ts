/**
 * Comparing the state that a task has with what its changelogs say it should be.
 *
 * What is compared: the rows that the task's database holds as of one commit, and those rebuilt from the changelogs up to exactly the offsets
 * of that commit, as far as the store still shows them. Rows whose time is over are left out on both sides, for the database may have
 * dropped them already: rows older than their time to live, and windows whose retention is over. Where closing stands in a store of
 * windows is compared as a row, too.
 *
 * A changelog of windows forgets by itself what is old. Once it has forgotten anything, a row that only the task has is counted
 * apart (`forgottenRows`) and is no difference.
 *
 * The task works on meanwhile: its rows are read as of a moment, and what it commits later is not looked at. Compaction may drop a row from
 * the changelog that a later commit has replaced, before it was read here. So what differs is looked at once more, with a later commit:
 * told is only what differed in two looks, one after the other.
 */
import { createHash, type Hash } from 'node:crypto'
import { StreamsError } from '../errors.ts'
import type { StoreEntry } from '../ports/store.ts'
import type { TaskDriver } from '../runtime/task-driver.ts'
import { type TaskEnvironment, taskIdOf } from '../runtime/task-environment.ts'
import type { Codec } from '../serde/serde.ts'
import type { CommittableStore } from '../state/committable-store.ts'
import type { DatabaseSnapshot } from '../state/database-snapshot.ts'
import { rowValue } from '../state/row-codec.ts'
import { behindWindows } from '../state/windowed-serde.ts'
import type { StoreSpec } from '../topology/store-spec.ts'
import { plainJson } from './plain-json.ts'
import { changelogStarts, Rebuild, type RebuildTarget } from './rebuild.ts'

export interface StoreComparison {
  readonly task: string
  readonly store: string
  readonly same: boolean
  /** Number of the commit that was compared. */
  readonly commitNumber: number
  /** Rows that the task has. */
  readonly rows: number
  /** SHA-256 over the rows in the order of their keys, in hexadecimal. */
  readonly digest: string
  readonly rebuiltDigest: string
  /** The first ten. */
  readonly differences: readonly RowDifference[]
  readonly differenceCount: number
  /** Rows that the changelog no longer has, as its retention says. */
  readonly forgottenRows: number
}

/** As JSON; undefined where there is no row. */
export interface RowDifference {
  readonly key: unknown
  readonly value: unknown
  readonly rebuiltValue: unknown
}

export interface VerifyProgress {
  readonly step: string
  readonly done: number
  readonly total: number
}

export interface VerifyOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: VerifyProgress) => void
}

const differencesShown = 10
const looksAtMost = 3
/** Others have their turn after so many rows. */
const rowsPerTurn = 500

/**
 * Verifies the state of a task that runs in this instance; one without state has nothing to compare.
 * @throws CLOSED when the task does not run here, or is let go meanwhile, and when the signal was aborted; STATE_CORRUPT when its rows cannot
 *   be read at all
 */
export async function verifyTask(
  driver: TaskDriver,
  environment: TaskEnvironment,
  options: VerifyOptions = {},
): Promise<readonly StoreComparison[]> {
  const { subTopology, partition } = driver.place
  if (subTopology.stores.length === 0) return []
  const target: RebuildTarget = {
    topology: environment.topology.name,
    task: taskIdOf(subTopology, partition),
    partition,
    stores: subTopology.stores.map(({ name }) => name),
    purpose: 'verify',
  }
  const rebuild = await Rebuild.begin(environment, target)
  try {
    // Most of the work, before rows are held for it.
    await catchUp(rebuild, committedPosition(driver), options)
    let found = await look(driver, environment, target, rebuild, options)
    for (let looks = 1; looks < looksAtMost && found.differingKeys !== noKeys; looks++) {
      const before = found.differingKeys
      found = await look(driver, environment, target, rebuild, options)
      if (found.differingKeys === before) break
    }
    return found.comparisons
  } finally {
    await rebuild.close()
  }
}

interface Look {
  readonly comparisons: readonly StoreComparison[]
  /** A digest: equal for the same keys. */
  readonly differingKeys: string
}

async function look(
  driver: TaskDriver,
  environment: TaskEnvironment,
  target: RebuildTarget,
  rebuild: Rebuild,
  options: VerifyOptions,
): Promise<Look> {
  const task = openTaskOf(driver)
  const snapshot = task.snapshot()
  if (snapshot === undefined)
    throw new StreamsError('INVARIANT_VIOLATED', `task ${driver.taskId} has no database`)
  try {
    await catchUp(rebuild, snapshot.position.changelogOffsets, options)
    const starts = await changelogStarts(environment.log, target)
    const comparisons: StoreComparison[] = []
    const keys = createHash('sha256')
    for (const spec of driver.place.subTopology.stores) {
      const live = task.compiled.stores.get(spec.name)
      if (live === undefined) continue
      const comparison = new Comparison(spec, live, environment, (starts[spec.name] ?? 0) > 0, keys)
      await comparison.run(snapshot, rebuild, options)
      comparisons.push(comparison.result(driver.taskId, snapshot.position.commitNumber))
    }
    return { comparisons, differingKeys: keys.digest('hex') }
  } finally {
    task.releaseSnapshot(snapshot)
  }
}

const noKeys = createHash('sha256').digest('hex')

class Comparison {
  private readonly spec: StoreSpec
  private readonly live: CommittableStore
  private readonly key: Codec<unknown>
  private readonly value: Codec<unknown>
  private readonly mayForget: boolean
  private readonly differingKeys: Hash
  private readonly digest = createHash('sha256')
  private readonly rebuiltDigest = createHash('sha256')
  private readonly differences: RowDifference[] = []
  private differenceCount = 0
  private rows = 0
  private forgottenRows = 0
  private readonly environment: TaskEnvironment

  constructor(
    spec: StoreSpec,
    live: CommittableStore,
    environment: TaskEnvironment,
    hasForgotten: boolean,
    differingKeys: Hash,
  ) {
    this.spec = spec
    this.live = live
    this.environment = environment
    const { key, value } = environment.codecs.ofStore(spec)
    this.key = key
    this.value = value
    this.mayForget = spec.windows !== undefined && hasForgotten
    this.differingKeys = differingKeys
  }

  async run(
    snapshot: DatabaseSnapshot,
    rebuild: Rebuild,
    { signal, onProgress }: VerifyOptions,
  ): Promise<void> {
    const { name } = this.spec
    let steps = 0
    for (const { key, left, right } of inStep(snapshot.rows(name), rebuild.rows(name))) {
      this.compare(key, left, right)
      if (++steps % rowsPerTurn !== 0) continue
      onProgress?.({ step: `comparing store ${name}`, done: steps, total: 0 })
      if (signal?.aborted === true) throw cancelled()
      await this.environment.clock.yieldTurn()
    }
  }

  result(task: string, commitNumber: number): StoreComparison {
    return {
      task,
      store: this.spec.name,
      same: this.differenceCount === 0,
      commitNumber,
      rows: this.rows,
      digest: this.digest.digest('hex'),
      rebuiltDigest: this.rebuiltDigest.digest('hex'),
      differences: this.differences,
      differenceCount: this.differenceCount,
      forgottenRows: this.forgottenRows,
    }
  }

  private compare(key: Buffer, left: Buffer | undefined, right: Buffer | undefined): void {
    const row = this.shown(key, left)
    const rebuilt = this.shown(key, right)
    if (row !== undefined) this.rows++
    if (row !== undefined && right === undefined && this.mayForget) {
      this.forgottenRows++
      return
    }
    if (row !== undefined) addRow(this.digest, key, row)
    if (rebuilt !== undefined) addRow(this.rebuiltDigest, key, rebuilt)
    if (row === rebuilt || (row !== undefined && rebuilt !== undefined && row.equals(rebuilt))) return
    this.differenceCount++
    this.differingKeys.update(this.spec.name).update(lengthOf(key)).update(key)
    if (this.differences.length === differencesShown) return
    this.differences.push({
      key: this.keyJson(key),
      value: this.valueJson(row),
      rebuiltValue: this.valueJson(rebuilt),
    })
  }

  private shown(key: Buffer, row: Buffer | undefined): Buffer | undefined {
    // A row that is too short to have a time is damaged, and shown as that.
    return row === undefined || (row.length >= 8 && !this.live.shows(key, row)) ? undefined : row
  }

  private keyJson(key: Buffer): unknown {
    if (this.spec.windows !== undefined && key.equals(behindWindows)) return 'where closing stands'
    return decoded(() => this.key.decode(key, 0, key.length), key)
  }

  private valueJson(row: Buffer | undefined): unknown {
    return row === undefined ? undefined : decoded(() => rowValue(this.value, row), row)
  }
}

/** Damaged bytes are shown as they are. */
function decoded(decode: () => unknown, bytes: Buffer): unknown {
  try {
    return plainJson(decode())
  } catch {
    return { undecodable: bytes.toString('base64') }
  }
}

export interface RowPair {
  readonly key: Buffer
  readonly left: Buffer | undefined
  readonly right: Buffer | undefined
}

/** Two runs of rows in the order of their keys, side by side. Both are ended, however this ends. */
export function* inStep(
  lefts: Iterator<StoreEntry>,
  rights: Iterator<StoreEntry>,
): Generator<RowPair, void, undefined> {
  try {
    let left = lefts.next()
    let right = rights.next()
    while (left.done !== true || right.done !== true) {
      const order = orderOf(left, right)
      const key = order <= 0 ? left.value!.key : right.value!.key
      yield {
        key,
        left: order <= 0 ? left.value!.value : undefined,
        right: order >= 0 ? right.value!.value : undefined,
      }
      if (order <= 0) left = lefts.next()
      if (order >= 0) right = rights.next()
    }
  } finally {
    lefts.return?.()
    rights.return?.()
  }
}

function orderOf(left: IteratorResult<StoreEntry>, right: IteratorResult<StoreEntry>): number {
  if (left.done === true) return 1
  if (right.done === true) return -1
  return left.value.key.compare(right.value.key)
}

function addRow(hash: Hash, key: Buffer, row: Buffer): void {
  hash.update(lengthOf(key)).update(key).update(lengthOf(row)).update(row)
}

function lengthOf({ length }: Buffer): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(length)
  return bytes
}

function catchUp(
  rebuild: Rebuild,
  to: Readonly<Record<string, number>>,
  { signal, onProgress }: VerifyOptions,
): Promise<unknown> {
  return rebuild.catchUp(to, {
    ...(signal === undefined ? {} : { signal }),
    onProgress: ({ done, total }) => onProgress?.({ step: 'reading the changelogs', done, total }),
  })
}

function committedPosition(driver: TaskDriver): Readonly<Record<string, number>> {
  const task = openTaskOf(driver)
  const snapshot = task.snapshot()
  if (snapshot === undefined) return {}
  task.releaseSnapshot(snapshot)
  return snapshot.position.changelogOffsets
}

function openTaskOf(driver: TaskDriver) {
  const task = driver.openTask
  if (task === undefined) throw new StreamsError('CLOSED', `task ${driver.taskId} does not run`)
  return task
}

function cancelled(): StreamsError {
  return new StreamsError('CLOSED', 'the verification was cancelled')
}
