import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isChanging } from '../guard.ts'
import { mayCall, methodRoles } from './method-roles.ts'
import { RateLimiter } from './rate-limiter.ts'
import { parseRoleMapping, roleOf } from './role-mapping.ts'
import { makeToken, ownerOfToken, parseTokenFile } from './token-file.ts'

describe('tokens', () => {
  it('should let in whoever has the token of a line, as that line says', () => {
    const ci = makeToken('ci', 'viewer')
    const ops = makeToken('ops@corp', 'operator')
    const entries = parseTokenFile(`# tokens\n${ci.line}\r\n\n  ${ops.line}  \n`, 'tokens')
    expect(ownerOfToken(entries, ci.token)).toEqual({ name: 'ci', role: 'viewer' })
    expect(ownerOfToken(entries, ops.token)).toEqual({ name: 'ops@corp', role: 'operator' })
  })

  it('should be known by nothing but the whole token', () => {
    const { token, line } = makeToken('ci', 'viewer')
    const entries = parseTokenFile(line, 'tokens')
    const others = [`${token}x`, token.slice(0, -1), token.toUpperCase(), '', makeToken('ci', 'viewer').token]
    for (const other of others) expect(ownerOfToken(entries, other)).toBeUndefined()
  })

  it('should not take a password, though its hash stands in the file', () => {
    const hash = createHash('sha256').update('hunter2').digest('hex')
    expect(ownerOfToken(parseTokenFile(`me operator sha256:${hash}`, 'tokens'), 'hunter2')).toBeUndefined()
  })

  it('should not be found in their line', () => {
    const { token, line } = makeToken('ci', 'viewer')
    expect(line).not.toContain(token)
    expect(token).toMatch(/^ost_[\w-]{43}$/)
  })

  it.each([
    ['ci viewer'],
    ['ci admin sha256:00'],
    ['ci viewer sha256:zz'],
    ['ci viewer md5:00000000000000000000000000000000'],
  ])('should name the line that is not right, and not quote it: %s', (line) => {
    const parse = () => parseTokenFile(`# first\n${line}`, 'tokens')
    expect(parse).toThrow(/^tokens:2 is no line of a token; .*control-token/)
    expect(parse).not.toThrow(line)
  })

  it('should refuse names that would not fit into a line', () => {
    expect(() => makeToken('two words', 'viewer')).toThrow(/"two words"; it must be/)
  })
})

describe('role mappings', () => {
  const roles = ['viewer', 'operator', 'instance'] as const
  const mapping = parseRoleMapping(
    'CN:ops=operator, DNS:*.orders.svc = instance,URI:spiffe://corp/team=a/*=viewer',
    roles,
    'x',
  )

  it.each([
    [['CN:ops'], 'operator'],
    [['CN:opsx'], undefined],
    [['DNS:a.orders.svc'], 'instance'],
    [['DNS:a-orders-svc'], undefined],
    [['URI:spiffe://corp/team=a/me'], 'viewer'],
    [['DNS:a.orders.svc', 'CN:ops'], 'operator'],
    [['CN:DNS:a.orders.svc'], undefined],
    [[], undefined],
  ])('should give %j the role %s', (names, role) => {
    expect(roleOf(mapping, names)).toBe(role)
  })

  it.each(['ops', 'CN:ops=admin', '=viewer'])('should refuse the rule %s', (rule) => {
    expect(() => parseRoleMapping(rule, roles, 'controlClientRoles')).toThrow(
      /^controlClientRoles has the rule .*one of viewer, operator, instance/,
    )
  })
})

describe('the table of methods', () => {
  const served = servedPaths()

  it('should have every method that is served, and no other', () => {
    expect([...methodRoles.keys()].sort()).toEqual([...served].sort())
  })

  it('should let only operators change something', () => {
    for (const path of served) expect([path, mayCall('viewer', path)]).toEqual([path, !isChanging(path)])
  })

  it('should let operators do everything, and nobody what is not in it', () => {
    for (const path of served) expect(mayCall('operator', path)).toBe(true)
    expect(mayCall('operator', '/orderstreams.control.v1.StageService/Unheard')).toBe(false)
  })

  it('should ask for no credentials for health alone', () => {
    const open = served.filter((path) => methodRoles.get(path) === 'anyone')
    expect(open.every((path) => path.startsWith('/grpc.health.v1.Health/'))).toBe(true)
  })

  /** Of the generated code, and of channelz, which grpc-js brings. */
  function servedPaths(): string[] {
    const folder = 'control/generated'
    const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .flatMap((name) => [...readFileSync(join(folder, name), 'utf8').matchAll(/path: "(\/[^"]+)"/g)])
      .map(([, path]) => path!)
    const reflection = paths.filter((path) => path.startsWith('/grpc.reflection.v1.'))
    const alpha = reflection.map((path) => path.replace('.v1.', '.v1alpha.'))
    const proto = readFileSync('node_modules/@grpc/grpc-js/proto/channelz.proto', 'utf8')
    const channelz = [...proto.matchAll(/^\s*rpc (\w+)/gm)].map(
      ([, name]) => `/grpc.channelz.v1.Channelz/${name}`,
    )
    return [...new Set([...paths, ...alpha, ...channelz])]
  }
})

describe('RateLimiter', () => {
  it('should let through, in any time, no more than the burst and what the rate gives', () => {
    const calls = fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 200 })
    fc.assert(
      fc.property(
        calls,
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 20 }),
        (pauses, rate, burst) => {
          const limiter = new RateLimiter(rate, burst)
          const taken: number[] = []
          let nowMs = 1_000_000
          for (const pause of pauses) {
            nowMs += pause
            const retryInMs = limiter.take('a', nowMs)
            if (retryInMs === undefined) taken.push(nowMs)
            else expect(retryInMs).toBeLessThanOrEqual(Math.ceil(1000 / rate))
          }
          for (const [first, startMs] of taken.entries()) {
            for (const [offset, endMs] of taken.slice(first).entries()) {
              expect(offset + 1).toBeLessThanOrEqual(burst + ((endMs - startMs) * rate) / 1000 + 1e-6)
            }
          }
        },
      ),
      { numRuns: 50 },
    )
  })

  it('should let through after the time that it names, and count callers apart', () => {
    const limiter = new RateLimiter(10, 1)
    expect(limiter.take('a', 0)).toBeUndefined()
    expect(limiter.take('b', 0)).toBeUndefined()
    const retryInMs = limiter.take('a', 0)!
    expect(limiter.take('a', retryInMs - 1)).toBeGreaterThan(0)
    expect(limiter.take('a', retryInMs)).toBeUndefined()
  })
})
