/**
 * What the tasks of a process may take of memory, so that all of them together stay within its budget.
 *
 * Every part of a task has a size that it is wanted to have and a least size that it works with. One share, from 0 to 1, says where
 * between the two all of them are; it follows from how many tasks there are.
 *
 * Invariants:
 * 1. The parts of all tasks and of the process itself sum up to no more than the budget.
 * 2. No part is below its least size: tasks that would not fit even so are refused.
 * 3. A topology that the group has assigned nothing yet counts with all of its tasks, so that those of others need not shrink soon after.
 */
import { StreamsError } from '../errors.ts'
import { defaultStoreMemory, type StoreMemory } from '../ports/store.ts'
import type { RuntimeSettings } from './settings.ts'

/** What a task needs memory for. */
export interface TaskDemand {
  /** Topics that it reads; 0 for a copy of state. */
  readonly inputs: number
  readonly hasStores: boolean
  /** It follows the state of a task that runs elsewhere. */
  readonly isCopy: boolean
}

/** What one task may take, in bytes. */
export interface TaskMemory extends StoreMemory {
  /** Live objects of all its stores. */
  readonly cacheMaxBytes: number
  /** Of each topic that it reads. */
  readonly inputMaxBufferedBytes: number
  readonly transactionMaxBytes: number
}

/** By name, in bytes; their sum is the budget. */
export type MemoryParts = Readonly<
  Record<'process' | 'live_rows' | 'block_cache' | 'memtables' | 'inputs' | 'transactions' | 'unused', number>
>

/** What the process takes without any task. */
export const processBytes = 192 * 1024 * 1024
/** Two full buffers are written to disk while a third is filled. */
const buffersPerDatabase = 3

const kibi = 1024
const leastMemory: TaskMemory = {
  cacheMaxBytes: 512 * kibi,
  blockCacheBytes: 256 * kibi,
  writeBufferBytes: 256 * kibi,
  inputMaxBufferedBytes: 128 * kibi,
  transactionMaxBytes: 512 * kibi,
}

/** Shares are rounded down to it, so that one task more does not make all others anew. */
const shareStep = 1 / 16
/** Tasks grow when they may have this much more. */
const growthStep = 1 / 4

type MemorySettings = Pick<
  RuntimeSettings,
  'memoryBudgetBytes' | 'cacheMaxBytesPerTask' | 'inputMaxBufferedBytes' | 'transactionMaxBytes'
>

interface TopologyDemands {
  readonly tasks: readonly TaskDemand[]
  readonly isAssigned: boolean
}

export class MemoryBudget {
  private readonly budgetBytes: number
  private readonly wanted: TaskMemory
  private readonly least: TaskMemory
  private readonly topologies = new Map<string, TopologyDemands>()
  private readonly listeners = new Set<() => void>()
  private current = 1

  constructor(settings: MemorySettings) {
    this.budgetBytes = settings.memoryBudgetBytes
    this.wanted = {
      ...defaultStoreMemory,
      cacheMaxBytes: settings.cacheMaxBytesPerTask,
      inputMaxBufferedBytes: settings.inputMaxBufferedBytes,
      transactionMaxBytes: settings.transactionMaxBytes,
    }
    // Whoever has set less gets less.
    this.least = mapped(leastMemory, (bytes, name) => Math.min(bytes, this.wanted[name]))
  }

  /** Where the parts are between their least and their wanted sizes; 1 without a budget. */
  get share(): number {
    return this.current
  }

  /** What one task may take at a share. */
  memoryAt(share: number): TaskMemory {
    return mapped(this.least, (least, name) => least + Math.floor(share * (this.wanted[name] - least)))
  }

  /** Whether a task that was opened at a share is to be opened anew. */
  isOutgrown(share: number): boolean {
    return share > this.current || this.current - share >= growthStep
  }

  /** Nobody knows yet which of these tasks run here. */
  expect(topology: string, tasks: readonly TaskDemand[]): void {
    this.set(topology, { tasks, isAssigned: false })
  }

  /**
   * These run here from now on.
   * @throws MEMORY_BUDGET_EXCEEDED when they do not fit; then nothing has changed
   */
  assign(topology: string, tasks: readonly TaskDemand[]): void {
    const assigned = [...this.topologies].filter(([name, { isAssigned }]) => isAssigned && name !== topology)
    const others = assigned.flatMap(([, other]) => other.tasks)
    const neededBytes = processBytes + totalOf(this.partsOf([...others, ...tasks], 0))
    if (this.budgetBytes > 0 && neededBytes > this.budgetBytes)
      throw exceeded(topology, tasks.length, others.length, neededBytes, this.budgetBytes)
    this.set(topology, { tasks, isAssigned: true })
  }

  release(topology: string): void {
    this.topologies.delete(topology)
    this.refresh()
  }

  /** Called when the share has changed. Answers how to stop that. */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Undefined without a budget. */
  parts(): MemoryParts | undefined {
    if (this.budgetBytes === 0) return undefined
    const parts = this.partsOf(this.allTasks(), this.current)
    const unused = Math.max(0, this.budgetBytes - processBytes - totalOf(parts))
    return { process: processBytes, ...parts, unused }
  }

  private allTasks(): TaskDemand[] {
    return [...this.topologies.values()].flatMap(({ tasks }) => tasks)
  }

  private set(topology: string, demands: TopologyDemands): void {
    this.topologies.set(topology, demands)
    this.refresh()
  }

  private refresh(): void {
    const before = this.current
    this.current = this.shareOf(this.allTasks())
    if (this.current !== before) for (const listener of this.listeners) listener()
  }

  private shareOf(tasks: readonly TaskDemand[]): number {
    if (this.budgetBytes === 0) return 1
    const leastBytes = totalOf(this.partsOf(tasks, 0))
    const wantedBytes = totalOf(this.partsOf(tasks, 1))
    const freeBytes = this.budgetBytes - processBytes - leastBytes
    if (freeBytes >= wantedBytes - leastBytes) return 1
    return Math.max(0, Math.floor(freeBytes / (wantedBytes - leastBytes) / shareStep) * shareStep)
  }

  private partsOf(tasks: readonly TaskDemand[], share: number): Omit<MemoryParts, 'process' | 'unused'> {
    const memory = this.memoryAt(share)
    const databases = tasks.filter(({ hasStores }) => hasStores).length
    const active = tasks.filter(({ isCopy }) => !isCopy)
    const inputs = active.reduce((sum, task) => sum + task.inputs, 0)
    return {
      live_rows: active.filter(({ hasStores }) => hasStores).length * memory.cacheMaxBytes,
      block_cache: databases * memory.blockCacheBytes,
      memtables: databases * buffersPerDatabase * memory.writeBufferBytes,
      inputs: inputs * memory.inputMaxBufferedBytes,
      transactions: active.length * memory.transactionMaxBytes,
    }
  }
}

function mapped(memory: TaskMemory, change: (bytes: number, name: keyof TaskMemory) => number): TaskMemory {
  return {
    cacheMaxBytes: change(memory.cacheMaxBytes, 'cacheMaxBytes'),
    blockCacheBytes: change(memory.blockCacheBytes, 'blockCacheBytes'),
    writeBufferBytes: change(memory.writeBufferBytes, 'writeBufferBytes'),
    inputMaxBufferedBytes: change(memory.inputMaxBufferedBytes, 'inputMaxBufferedBytes'),
    transactionMaxBytes: change(memory.transactionMaxBytes, 'transactionMaxBytes'),
  }
}

function totalOf(parts: object): number {
  return Object.values(parts).reduce((sum: number, bytes: number) => sum + bytes, 0)
}

function exceeded(
  topology: string,
  tasks: number,
  otherTasks: number,
  neededBytes: number,
  budgetBytes: number,
): StreamsError {
  const beside = otherTasks === 0 ? '' : ` beside ${otherTasks} of other topologies`
  return new StreamsError(
    'MEMORY_BUDGET_EXCEEDED',
    `topology ${topology} is to run ${tasks} tasks and copies here${beside}, which need ${mebibytes(neededBytes)} at least, and the ` +
      `process may take ${mebibytes(budgetBytes)} (memoryBudgetBytes): give the process more memory, start more instances, or run ` +
      'fewer topologies in each',
    { details: { topology, tasks, otherTasks, neededBytes, memoryBudgetBytes: budgetBytes } },
  )
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 1024 / 1024)} MiB`
}
