import { StreamsError } from '../errors.ts'

const segment = /^[A-Za-z0-9._-]+$/

/** The segments of a database's name. @throws CONFIGURATION_INVALID */
export function storeNameSegments(name: string): string[] {
  const segments = name.split('/')
  if (segments.every((part) => segment.test(part) && part !== '.' && part !== '..')) return segments
  throw new StreamsError(
    'CONFIGURATION_INVALID',
    `"${name}" is no name for a database: use segments of letters, digits, ".", "_" and "-", joined by "/"`,
    { details: { name } },
  )
}
