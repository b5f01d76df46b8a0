/**
 * Static bearer tokens. A file has a line for each, with the name of its owner, the role, and a hash of the token:
 *
 *     ci viewer sha256:64 hexadecimal digits
 *
 * The hash is a plain SHA-256. A slow one such as scrypt protects passwords that people choose; a token is 256 random bits, which
 * nobody guesses, however fast. At every call a slow hash would be a burden, and a way to keep the server busy without a token.
 * So that nobody uses it for a password after all, only what has the form of a token is looked up.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { StreamsError } from '../../../streams/index.ts'
import type { Caller, Role } from '../../call.ts'

export interface TokenEntry {
  readonly name: string
  readonly role: Role
  readonly hash: Buffer
}

const tokenForm = /^ost_[A-Za-z0-9_-]{43}$/
const lineForm = /^(\S+)\s+(viewer|operator)\s+sha256:([0-9a-f]{64})$/

/** Makes a token. @returns the token, which is not kept anywhere, and the line for the file */
export function makeToken(name: string, role: Role): { readonly token: string; readonly line: string } {
  if (!/^[\w.@:-]{1,100}$/.test(name)) {
    throw new StreamsError(
      'CONFIGURATION_INVALID',
      `the name of a token is ${JSON.stringify(name)}; it must be 1 to 100 letters, digits, or any of . _ @ : -`,
    )
  }
  const token = `ost_${randomBytes(32).toString('base64url')}`
  return { token, line: `${name} ${role} sha256:${hashOf(token).toString('hex')}` }
}

/**
 * Reads a file of tokens. Empty lines, and those that begin with #, are left out.
 * @param source for messages: where the text is from. They never quote the text.
 * @throws CONFIGURATION_INVALID
 */
export function parseTokenFile(text: string, source: string): TokenEntry[] {
  const entries: TokenEntry[] = []
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const trimmed = line.trim()
    if (trimmed === '' || trimmed.startsWith('#')) continue
    const [, name, role, hex] = lineForm.exec(trimmed) ?? []
    if (name === undefined || hex === undefined) {
      throw new StreamsError(
        'CONFIGURATION_INVALID',
        `${source}:${index + 1} is no line of a token; it must be a name, viewer or operator, and sha256: with 64 hexadecimal ` +
          'digits, as `order-streams control-token` prints it',
        { details: { source, line: index + 1 } },
      )
    }
    entries.push({ name, role: role === 'operator' ? 'operator' : 'viewer', hash: Buffer.from(hex, 'hex') })
  }
  return entries
}

/** Whose token it is. It takes the same time wherever the token stands in the file, and whether it does. */
export function ownerOfToken(entries: readonly TokenEntry[], token: string): Caller | undefined {
  const hash = hashOf(token)
  let owner: TokenEntry | undefined
  for (const entry of entries) if (timingSafeEqual(entry.hash, hash)) owner ??= entry
  return owner === undefined || !tokenForm.test(token) ? undefined : { name: owner.name, role: owner.role }
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
