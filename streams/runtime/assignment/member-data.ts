/**
 * What the instances of a topology tell each other through their consumer group: a member at every rebalance (what it is, what
 * it runs, what state it holds), the leader with each assignment. JSON, with a version that a reader checks.
 */
import { isTopologyShape, type TopologyShape } from './topology-shape.ts'

export interface MemberData {
  /** Names the instance and its state directory; the same after a restart. */
  readonly instanceId: string
  readonly zone: string | null
  /** Where other instances reach it, as `host:port`; null when it serves nothing. */
  readonly endpoint: string | null
  readonly topology: TopologyShape
  /** Tasks that it runs. */
  readonly running: readonly string[]
  /** For each task whose state it holds: how many records of the changelogs the state lacks. */
  readonly lags: Readonly<Record<string, number>>
}

/** What is assigned beside the partitions of active tasks. */
export interface AssignmentData {
  readonly standby: readonly string[]
  readonly warmUp: readonly string[]
  /** Why the member may run nothing; null when it may. */
  readonly refusal: string | null
}

export const emptyAssignment: AssignmentData = { standby: [], warmUp: [], refusal: null }

const version = 1

export function encodeMemberData(data: MemberData): Uint8Array {
  return Buffer.from(JSON.stringify({ version, ...data }))
}

/** Undefined for what another version, or another program, wrote. */
export function decodeMemberData(bytes: Uint8Array): MemberData | undefined {
  const found = parse(bytes)
  if (found === undefined) return undefined
  const { instanceId, zone, endpoint, topology, running, lags } = found
  if (typeof instanceId !== 'string' || !isTopologyShape(topology) || !isTexts(running)) return undefined
  if (!isTextOrNull(zone) || !isTextOrNull(endpoint) || !isNumbers(lags)) return undefined
  return { instanceId, zone, endpoint, topology, running, lags }
}

export function encodeAssignmentData(data: AssignmentData): Uint8Array {
  return Buffer.from(JSON.stringify({ version, ...data }))
}

/** Undefined for what another version, or another program, wrote. */
export function decodeAssignmentData(bytes: Uint8Array): AssignmentData | undefined {
  if (bytes.length === 0) return emptyAssignment
  const found = parse(bytes)
  if (found === undefined) return undefined
  const { standby, warmUp, refusal } = found
  return isTexts(standby) && isTexts(warmUp) && isTextOrNull(refusal)
    ? { standby, warmUp, refusal }
    : undefined
}

function parse(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const found: unknown = JSON.parse(Buffer.from(bytes).toString())
    return isObject(found) && found['version'] === version ? found : undefined
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || typeof value === 'string'
}

function isNumbers(value: unknown): value is Readonly<Record<string, number>> {
  return isObject(value) && Object.values(value).every((one) => typeof one === 'number')
}
