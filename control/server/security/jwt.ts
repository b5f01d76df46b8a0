/** JWTs: bearer tokens that an identity provider has signed. */
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  errors,
  type JSONWebKeySet,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose'
import { type Clock, type Logger, messageOf, StreamsError } from '../../../streams/index.ts'
import type { Role } from '../../call.ts'
import { ControlError } from '../../errors.ts'
import { type RoleMapping, roleOf } from './role-mapping.ts'
import { WatchedFiles } from './watched-files.ts'

export interface JwtOptions {
  /** Where the keys of the issuer are: an http(s) URL, or a file, which may change. */
  readonly jwks: string
  readonly issuer: string
  readonly audience: string
  /** Of the signature. */
  readonly algorithms: readonly string[]
  /** How far the clocks of the issuer and of this machine may lie apart. */
  readonly clockSkewMs: number
  /** The claim that has the role, or a list of them; inside an object by a path such as `realm_access.roles`. */
  readonly roleClaim: string
  readonly roles: RoleMapping<Role>
  readonly clock: Clock
  readonly logger: Logger
}

/** What signatures may be made with: key pairs of which only the issuer has the private part. Never a shared secret, never `none`. */
export const jwtAlgorithms: readonly string[] = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA'],
]

export interface JwtOwner {
  readonly name: string
  /** Undefined when no rule gives it a role. */
  readonly role: Role | undefined
}

/**
 * Who a JWT is of; undefined when it is not good, in whatever way.
 * @throws ControlError UNAUTHENTICATED when the keys of the issuer cannot be had now
 */
export type JwtVerifier = (token: string) => Promise<JwtOwner | undefined>

/** @throws CONFIGURATION_INVALID */
export function jwtVerifier(options: JwtOptions): JwtVerifier {
  const { issuer, audience, algorithms, clockSkewMs, roleClaim, roles, clock, logger } = options
  const wrong = algorithms.find((algorithm) => !jwtAlgorithms.includes(algorithm))
  if (wrong !== undefined || algorithms.length === 0) {
    throw new StreamsError(
      'CONFIGURATION_INVALID',
      `JWTs cannot be signed with ${wrong ?? 'nothing'} here; algorithms are ${jwtAlgorithms.join(', ')}`,
    )
  }
  const keys = keysOf(options)
  return async (token) => {
    let payload: JWTPayload
    try {
      const verified = await jwtVerify(token, keys, {
        issuer,
        audience,
        algorithms: [...algorithms],
        clockTolerance: clockSkewMs / 1000,
        currentDate: new Date(clock.now()),
        requiredClaims: ['exp', 'sub'],
      })
      payload = verified.payload
    } catch (error) {
      if (saysSomethingOfToken(error)) return undefined
      logger.warn({ reason: messageOf(error) }, 'the keys that JWTs are verified by cannot be read')
      throw new ControlError('UNAUTHENTICATED', 'tokens cannot be verified now; try again later', {
        cause: error,
        retryInMs: 1000,
      })
    }
    if (payload.sub === undefined) return undefined
    return { name: payload.sub, role: roleOf(roles, claimed(payload, roleClaim)) }
  }
}

function keysOf({ jwks, clock, logger }: JwtOptions): JWTVerifyGetKey {
  if (/^https?:/.test(jwks)) return createRemoteJWKSet(new URL(jwks))
  const files = new WatchedFiles({
    name: 'keys of JWTs',
    paths: [jwks],
    parse: ([content]) => localKeys(content!, jwks),
    clock,
    logger,
  })
  return (header, token) => files.current(header, token)
}

function localKeys(content: Buffer, path: string): ReturnType<typeof createLocalJWKSet> {
  try {
    // createLocalJWKSet checks that it is one.
    return createLocalJWKSet(JSON.parse(content.toString('utf8')) as JSONWebKeySet)
  } catch (error) {
    throw new StreamsError('CONFIGURATION_INVALID', `${path} is no JSON Web Key Set: ${messageOf(error)}`, {
      cause: error,
    })
  }
}

/** Else the trouble is with the keys: their server does not answer, or with something else. */
function saysSomethingOfToken(error: unknown): boolean {
  if (error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid) return false
  // A server of keys that answers with an error is told of by the class that all others derive from.
  return error instanceof errors.JOSEError && error.code !== errors.JOSEError.code
}

/** The values of a claim, as texts. */
function claimed(payload: JWTPayload, path: string): string[] {
  // A name with dots in it, such as a URL, is taken as a whole where there is such a claim.
  let value: unknown = payload[path]
  if (value === undefined) {
    value = payload
    for (const name of path.split('.')) {
      value = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined
    }
  }
  // As OAuth has scopes, a text may be several words.
  if (typeof value === 'string') return [value, ...value.split(' ')]
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
