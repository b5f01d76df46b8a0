/** The kinds of settings: what a right value is, and how it is told. */
import { z } from 'zod'

/** What is told of a setting beside its type. */
export interface SettingText {
  readonly purpose: string
  /** Completes "it must be …". */
  readonly wanted: string
  /** Whether the value must never be shown: all of it, or the password in a URL. */
  readonly secret?: 'whole' | 'password-in-url'
}

export const texts = z.registry<SettingText>()

function described<S extends z.ZodType>(
  schema: S,
  purpose: string,
  wanted: string,
  more: Pick<SettingText, 'secret'> = {},
): S {
  texts.add(schema, { purpose, wanted, ...more })
  return schema
}

export function text(purpose: string, byDefault: string) {
  return described(z.string().min(1).default(byDefault), purpose, 'a text that is not empty')
}

/** A text that is empty unless somebody needs it. What it must be is checked where it is used, as `wanted` says it. */
export function optional(purpose: string, wanted = 'a text', secret?: SettingText['secret']) {
  return described(z.string().default(''), purpose, wanted, secret === undefined ? {} : { secret })
}

export function integer(purpose: string, byDefault: number, least: number, most = Number.MAX_SAFE_INTEGER) {
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`
  return described(z.int().min(least).max(most).default(byDefault), purpose, `a whole number ${range}`)
}

export function share(purpose: string, byDefault: number) {
  return described(z.number().min(0).max(1).default(byDefault), purpose, 'a share from 0 to 1, such as 0.05')
}

export function choice<const C extends readonly [string, ...string[]]>(
  purpose: string,
  choices: C,
  byDefault: C[number],
) {
  return described(z.enum(choices).prefault(byDefault), purpose, `one of ${choices.join(', ')}`)
}

/** A threshold of a rule of detection, as long as nobody has changed the rule. */
export function threshold(
  purpose: string,
  { least, most }: { readonly least: number; readonly most: number },
  byDefault: number,
) {
  return integer(purpose, byDefault, least, most)
}
