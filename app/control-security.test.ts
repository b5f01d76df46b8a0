import { describe, expect, it } from 'vitest'
import { ConfigError } from './config.ts'
import { type Config, check, settingNames } from './config-schema.ts'
import { controlSecurityOf, isLoopback } from './control-security.ts'

const defaults = Object.fromEntries(
  settingNames.map((name) => [name, check(name, undefined)?.value]),
) as Config

function problemsOf(own: Partial<Config>, host = '127.0.0.1'): readonly string[] {
  try {
    controlSecurityOf({ ...defaults, ...own }, host)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}

const tls = { controlTlsCertFile: 'a.crt', controlTlsKeyFile: 'a.key' }
const mutual = { ...tls, controlClientCaFile: 'ca.crt', controlClientRoles: '*=viewer' }
const jwt = { controlJwks: 'https://id/keys', controlJwtIssuer: 'https://id', controlJwtAudience: 'me' }

describe('controlSecurityOf', () => {
  it('should ask for nothing where only this machine reaches it', () => {
    expect(controlSecurityOf(defaults, '127.0.0.1')).toEqual({ callsPerSecond: 100 })
  })

  it.each(['0.0.0.0', '::', '10.1.2.3', 'orders-1', '128.0.0.1'])(
    'should ask for TLS and credentials on %s',
    (host) => {
      const [plain, open, ...more] = problemsOf({}, host)
      expect(plain).toContain(`listen on ${host}, which others reach, without TLS: set controlTlsCertFile`)
      expect(plain).toContain('controlInsecure')
      expect(open).toContain('controlClientCaFile, controlTokenFile, controlJwks')
      expect(more).toEqual([])
      expect(problemsOf({ controlInsecure: 'on' }, host)).toEqual([])
      expect(problemsOf(mutual, host)).toEqual([])
      expect(problemsOf({ ...tls, controlTokenFile: 'tokens' }, host)).toEqual([])
    },
  )

  it.each<[string, Partial<Config>, RegExp]>([
    [
      'a certificate without key',
      { controlTlsCertFile: 'a' },
      /^controlTlsCertFile is set without controlTlsKeyFile/,
    ],
    [
      'a key without certificate',
      { controlTlsKeyFile: 'a' },
      /^controlTlsKeyFile is set without controlTlsCertFile/,
    ],
    [
      'authorities without TLS',
      { controlClientCaFile: 'a', controlClientRoles: '*=viewer' },
      /^controlClientCaFile is set, but no TLS/,
    ],
    ['authorities without roles', { ...tls, controlClientCaFile: 'a' }, /gives no role to anybody/],
    ['roles without authorities', { controlClientRoles: '*=viewer' }, /nobody is asked for a certificate/],
    ['a wrong rule', { ...mutual, controlClientRoles: 'ops' }, /^controlClientRoles has the rule "ops"/],
    ['a JWT of anybody', { ...jwt, controlJwtIssuer: '' }, /^controlJwtIssuer is missing/],
    ['a JWT for anything', { ...jwt, controlJwtAudience: '' }, /^controlJwtAudience is missing/],
    ['keys over plain HTTP', { ...jwt, controlJwks: 'http://id/keys' }, /use https:/],
    [
      'an issuer without keys',
      { controlJwtIssuer: 'https://id' },
      /^controlJwtIssuer is set, but controlJwks/,
    ],
    ['JWTs that make instances', { ...jwt, controlJwtRoles: 'a=instance' }, /one of viewer, operator/],
  ])('should refuse %s', (_case, own, problem) => {
    expect(problemsOf(own)).toEqual([expect.stringMatching(problem)])
  })

  it('should take keys over plain HTTP from this machine', () => {
    expect(problemsOf({ ...jwt, controlJwks: 'http://localhost:9/keys' })).toEqual([])
  })
})

describe('isLoopback', () => {
  it('should know the addresses of this machine alone', () => {
    for (const host of ['127.0.0.1', '127.9.8.7', 'localhost', '::1']) expect(isLoopback(host)).toBe(true)
    for (const host of ['0.0.0.0', '::', 'localhost.example', '1270.0.0.1', '127.0.0.1.example'])
      expect(isLoopback(host)).toBe(false)
  })
})
