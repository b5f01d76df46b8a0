/** JWTs: bearer tokens that an identity provider has signed. */
import { readFileSync } from 'node:fs'
import { createLocalJWKSet, createRemoteJWKSet, errors, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose'
import { messageOf, StreamsError } from '../../../streams/index.ts'
import type { Caller, Role } from '../../call.ts'
import { ControlError } from '../../errors.ts'
import { type RoleMapping, roleOf } from './role-mapping.ts'

export interface JwtOptions {
  /** Where the keys of the issuer are: an http(s) URL, or a file, of which a change is seen. */
  readonly jwks: string
  readonly issuer: string
  readonly audience: string
  /** Of the signature: those with a key pair, never a shared secret, never `none`. */
  readonly algorithms: readonly string[]
  /** How far the clocks of the issuer and of this machine may lie apart. */
  readonly clockSkewMs: number
  /** The claim that has the role, or a list of them; of an object in it by a path such as `realm_access.roles`. */
  readonly roleClaim: string
  readonly roles: RoleMapping<Role>
  /** For a file: what it has now. */
  readonly localKeys?: () => JSONWebKeySet
}

/** What signatures may be made with. */
export const jwtAlgorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']

/** Who a JWT is of. Undefined: it is not good, in whatever way. @throws ControlError when the keys cannot be had now */
export type JwtVerifier = (token: string) => Promise<Caller | undefined>

/** @throws CONFIGURATION_INVALID */
export function jwtVerifier(options: JwtOptions): JwtVerifier {
  const { issuer, audience, algorithms, clockSkewMs, localKeys } = options
  const keys = keysOf(options)
  return async (token) => {
    let payload: JWTPayload
    try {
      const key = localKeys === undefined ? keys : createLocalJWKSet(localKeys())
      const verified = await jwtVerify(token, key, {
        issuer,
        audience,
        algorithms: [...algorithms],
        clockTolerance: clockSkewMs / 1000,
        requiredClaims: ['exp', 'sub'],
      })
      payload = verified.payload
    } catch (error) {
      if (isOfKeys(error)) {
        throw new ControlError('UNAUTHENTICATED', 'the keys of the issuer of tokens cannot be read now', {
          cause: error,
          retryInMs: 1000,
        })
      }
      return undefined
    }
    const role = roleOf(options.roles, claimed(payload, options.roleClaim))
    // One that is valid but gives no role here is as good as none.
    return role === undefined || payload.sub === undefined ? undefined : { name: payload.sub, role }
  }
}
