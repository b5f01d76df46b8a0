/**
 * Asks the registry for known vulnerabilities of all that is installed, and fails for those that docs/dependencies.md does not explain: an
 * explanation names the advisory (`GHSA-…`). A registry that takes no such question is no failure, except with `--required`.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const isRequired = process.argv.includes('--required')

const { stdout, stderr } = spawnSync('npm', ['audit', '--json'], {
  cwd: root,
  encoding: 'utf8',
  maxBuffer: 1 << 28,
})
const report = parse(stdout)
if (report?.vulnerabilities === undefined) {
  console.log(`not audited: ${report?.message ?? (stderr.trim() || 'npm audit gave no report')}`)
  process.exitCode = isRequired ? 1 : 0
} else {
  const explained = readFileSync(`${root}/docs/dependencies.md`, 'utf8')
  const unexplained = advisoriesOf(report).filter(({ id }) => !explained.includes(id))
  for (const { id, name, severity, title } of unexplained)
    console.log(`${name}: ${severity}: ${title} (${id})`)
  const counts = `${unexplained.length} unexplained of ${advisoriesOf(report).length} known vulnerabilities`
  console.log(`${counts} in ${report.metadata.dependencies.total} packages`)
  process.exitCode = unexplained.length > 0 ? 1 : 0
}

/** Each advisory once; `via` also names packages that are affected only by what they depend on. */
function advisoriesOf({ vulnerabilities }) {
  const advisories = Object.values(vulnerabilities).flatMap(({ via }) =>
    via.filter((cause) => typeof cause === 'object'),
  )
  const byId = new Map()
  for (const { url, source, name, severity, title } of advisories) {
    const id = /GHSA(-\w{4}){3}/.exec(url)?.[0] ?? `advisory ${source}`
    byId.set(id, { id, name, severity, title })
  }
  return [...byId.values()]
}

function parse(text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
