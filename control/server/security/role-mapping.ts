/** Which names have which role: names of certificates and of JWTs, by patterns. */
import { StreamsError } from '../../../streams/index.ts'
import type { Role } from '../../call.ts'

/** What somebody may be: a role for calls, or another instance, which speaks for callers that it has let in itself. */
export type GrantedRole = Role | 'instance'

export type RoleMapping<R extends string> = readonly RoleRule<R>[]

interface RoleRule<R extends string> {
  readonly pattern: RegExp
  readonly role: R
}

/**
 * Reads rules such as `CN:ops=operator, DNS:*.orders.svc=instance, *=viewer`. A `*` stands for any characters. The first rule
 * that fits one of the names holds.
 * @param setting for messages: where the text is set
 * @throws CONFIGURATION_INVALID
 */
export function parseRoleMapping<R extends string>(
  text: string,
  roles: readonly R[],
  setting: string,
): RoleMapping<R> {
  const rules = text.split(',').map((part) => part.trim())
  return rules
    .filter((rule) => rule !== '')
    .map((rule) => {
      const [, name, roleText] = /^(.+?)\s*=\s*([a-z]+)$/s.exec(rule) ?? []
      const role = roles.find((known) => known === roleText)
      if (name !== undefined && role !== undefined) return { pattern: patternOf(name), role }
      throw new StreamsError(
        'CONFIGURATION_INVALID',
        `${setting} has the rule ${JSON.stringify(rule)}; a rule is a name, =, and one of ${roles.join(', ')}, with commas ` +
          'between rules',
        { details: { setting } },
      )
    })
}

/** Undefined when no rule fits any of the names. */
export function roleOf<R extends string>(mapping: RoleMapping<R>, names: readonly string[]): R | undefined {
  return grantOf(mapping, names)?.role
}

/** The same with the name that the rule fits. */
export function grantOf<R extends string>(
  mapping: RoleMapping<R>,
  names: readonly string[],
): { readonly name: string; readonly role: R } | undefined {
  for (const { pattern, role } of mapping) {
    const name = names.find((one) => pattern.test(one))
    if (name !== undefined) return { name, role }
  }
  return undefined
}

function patternOf(name: string): RegExp {
  const parts = name.split('*').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`, 's')
}
