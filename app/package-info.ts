/** What belongs to the package and lies outside the compiled code: found from here, wherever the program is started. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The directory of package.json: above the sources, and one further above the compiled code. */
export const packageRoot = findRoot(dirname(fileURLToPath(import.meta.url)))

export const sampleFile = join(packageRoot, 'samples', 'orders-2017-01.ndjson.gz')

export function packageVersion(): string {
  const parsed: unknown = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'))
  const isVersioned = typeof parsed === 'object' && parsed !== null && 'version' in parsed
  return isVersioned ? String(parsed.version) : 'unknown'
}

function findRoot(directory: string): string {
  if (existsSync(join(directory, 'package.json'))) return directory
  const parent = dirname(directory)
  if (parent === directory) throw new Error('the package.json of order-streams is missing: install it anew')
  return findRoot(parent)
}
