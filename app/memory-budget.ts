/** What this process may take of memory: as it is set, or by what its container or machine has. */
import { totalmem } from 'node:os'
import { constrainedMemory } from 'node:process'
import type { Config } from './config-schema.ts'

export interface ProcessMemory {
  /** 0 is no budget. */
  readonly budgetBytes: number
  /** For people: where it comes from. */
  readonly origin: string
}

/** What is left is for what cannot be reckoned: garbage, connections, calls, filters and indexes of databases. */
const defaultShare = 0.75

/** @param machine as the operating system tells it; the limit of the container is 0 or beyond the machine's memory without one */
export function processMemory(
  { memoryBudgetBytes }: Pick<Config, 'memoryBudgetBytes'>,
  machine = { limitBytes: constrainedMemory(), totalBytes: totalmem() },
): ProcessMemory {
  if (memoryBudgetBytes === 0) return { budgetBytes: 0, origin: 'none: memoryBudgetBytes is 0' }
  if (memoryBudgetBytes > 0) return { budgetBytes: memoryBudgetBytes, origin: 'memoryBudgetBytes' }
  const { limitBytes, totalBytes } = machine
  const isLimited = limitBytes > 0 && limitBytes < totalBytes
  const bytes = isLimited ? limitBytes : totalBytes
  const share = `${defaultShare * 100}% of the ${mebibytes(bytes)}`
  return {
    budgetBytes: Math.floor(bytes * defaultShare),
    origin: isLimited ? `${share} that the container may have` : `${share} of the machine`,
  }
}

/** `384 MiB, 75% of the 512 MiB that the container may have`. */
export function memoryText({ budgetBytes, origin }: ProcessMemory): string {
  return budgetBytes === 0 ? origin : `${mebibytes(budgetBytes)}, ${origin}`
}

function mebibytes(bytes: number): string {
  return `${Math.floor(bytes / 1024 / 1024)} MiB`
}
