/**
 * The caller of a call that one instance passes on to another, as headers. They are believed only of an instance that has shown by
 * its certificate that it is one: it has let the caller in itself.
 */
import type { Metadata } from '@grpc/grpc-js'
import type { Caller } from '../../call.ts'

const nameKey = 'order-streams-caller'
const roleKey = 'order-streams-caller-role'

export function passOnCaller({ name, role }: Caller, metadata: Metadata): void {
  // Headers are ASCII.
  metadata.set(nameKey, encodeURIComponent(name))
  metadata.set(roleKey, role)
}

/** Undefined when none is named. */
export function callerPassedOn(metadata: Metadata): Caller | undefined {
  const [name] = metadata.get(nameKey)
  const [role] = metadata.get(roleKey)
  if (typeof name !== 'string' || (role !== 'viewer' && role !== 'operator')) return undefined
  try {
    return { name: decodeURIComponent(name), role }
  } catch {
    // No encoded name: not written by an instance of ours.
    return undefined
  }
}
