/**
 * Who is let in, what they may do, how often, and that it is recorded.
 *
 * Invariants:
 * 1. Without credentials that are good nobody does anything, once there is any way to show some. Health is not asked for any.
 * 2. A caller whose credentials are not good learns that, and not what is wrong with them.
 * 3. What a caller says of itself counts for nothing. Only an instance, known by its certificate, is believed whom it speaks for.
 */
import type { PeerCertificate } from 'node:tls'
import type { Metadata } from '@grpc/grpc-js'
import type { Clock } from '../../../streams/index.ts'
import type { Caller } from '../../call.ts'
import { ControlError } from '../../errors.ts'
import type { CallOrigin, Guard } from '../guard.ts'
import type { AuditLog } from './audit-log.ts'
import { callerPassedOn } from './caller-metadata.ts'
import { namesOf } from './certificates.ts'
import type { JwtVerifier } from './jwt.ts'
import { mayCall, methodRoles } from './method-roles.ts'
import { RateLimiter } from './rate-limiter.ts'
import { type GrantedRole, grantOf, type RoleMapping } from './role-mapping.ts'
import { ownerOfToken, type TokenEntry } from './token-file.ts'

export interface GuardOptions {
  readonly clock: Clock
  /** The entries of the file of tokens as it is now; absent: there is none. */
  readonly tokens?: () => readonly TokenEntry[]
  readonly jwt?: JwtVerifier
  /** Who has which role by the names in its certificate; absent: certificates are not asked for. */
  readonly certificates?: RoleMapping<GrantedRole>
  /** Calls of one caller; 0 for no limit. */
  readonly callsPerSecond: number
  readonly auditLog: AuditLog
}

/** A caller without a role may call nothing, but is known by name in what is told of it. */
interface Identity {
  readonly name: string
  readonly role: GrantedRole | undefined
}

/** Calls that may come at once after a rest, in seconds' worth of the rate. */
const burstSeconds = 2

export function secureGuard(options: GuardOptions): Guard {
  const { clock, callsPerSecond, auditLog } = options
  const isOpen = [options.tokens, options.jwt, options.certificates].every((way) => way === undefined)
  const limiter =
    callsPerSecond === 0 ? undefined : new RateLimiter(callsPerSecond, burstSeconds * callsPerSecond)
  return {
    authenticate: async (origin) => {
      const caller = isOpen ? anonymous : await callerOf(options, origin)
      const retryInMs = limiter?.take(caller.name, clock.now())
      if (retryInMs === undefined) return caller
      throw new ControlError(
        'RATE_LIMITED',
        `${caller.name} makes more than ${callsPerSecond} calls a second; wait ${retryInMs} ms`,
        { retryInMs },
      )
    },
    authorize: ({ name, role }, path) => {
      if (mayCall(role, path)) return
      const needed = methodRoles.get(path) ?? 'no role'
      throw new ControlError(
        'PERMISSION_DENIED',
        `${name} has the role ${role}, and ${path} needs ${needed}`,
        { metadata: { method: path, role, needed } },
      )
    },
    audit: (call, caller) => auditLog.begin(call, caller),
    refused: (call, caller, error) => auditLog.refuse(call, caller, error),
  }
}

const anonymous: Caller = { name: 'anonymous', role: 'operator' }

async function callerOf(options: GuardOptions, { metadata, certificate }: CallOrigin): Promise<Caller> {
  const byCertificate = identityOf(certificate, options.certificates)
  if (byCertificate?.role === 'instance') {
    // For itself an instance looks, and changes nothing.
    return callerPassedOn(metadata) ?? { name: byCertificate.name, role: 'viewer' }
  }
  const token = bearerToken(metadata)
  const identity = token === undefined ? byCertificate : await ownerOf(options, token)
  if (identity === undefined) {
    throw new ControlError(
      'UNAUTHENTICATED',
      token === undefined
        ? `this call needs credentials: ${waysIn(options)}`
        : 'the credentials of this call are not good: the token is not known here, or not valid any more',
    )
  }
  const { name, role } = identity
  if (role !== undefined && role !== 'instance') return { name, role }
  throw new ControlError('PERMISSION_DENIED', `${name} has no role here; an administrator can give it one`)
}

async function ownerOf({ tokens, jwt }: GuardOptions, token: string): Promise<Identity | undefined> {
  const owner = tokens === undefined ? undefined : ownerOfToken(tokens(), token)
  if (owner !== undefined || jwt === undefined) return owner
  // A JWT has three parts: nothing else is worth asking for keys.
  return token.split('.').length === 3 ? jwt(token) : undefined
}

function identityOf(
  certificate: PeerCertificate | undefined,
  mapping: RoleMapping<GrantedRole> | undefined,
): Identity | undefined {
  if (certificate === undefined || mapping === undefined) return undefined
  const names = namesOf(certificate)
  return grantOf(mapping, names) ?? { name: names[0] ?? 'a certificate without a name', role: undefined }
}

function bearerToken(metadata: Metadata): string | undefined {
  const [value, ...more] = metadata.get('authorization')
  if (typeof value !== 'string' || more.length > 0) return undefined
  return /^Bearer +(\S{1,16384})$/i.exec(value)?.[1]
}

function waysIn({ tokens, jwt, certificates }: GuardOptions): string {
  const ways = []
  if (tokens !== undefined || jwt !== undefined) ways.push('a token in the header `authorization: Bearer …`')
  if (certificates !== undefined) ways.push('a certificate over TLS')
  return ways.join(', or ')
}
