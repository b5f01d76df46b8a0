/** Writes helm/order-streams/dashboards/*.json, which the chart and compose give to Grafana; with --check it only compares. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { grafanaJson } from './dashboard.ts'
import { dashboards } from './dashboards.ts'

const folder = join(import.meta.dirname, '../../../helm/order-streams/dashboards')
mkdirSync(folder, { recursive: true })
const files = new Map(
  dashboards.map((dashboard) => [
    `${dashboard.name}.json`,
    `${JSON.stringify(grafanaJson(dashboard), null, 1)}\n`,
  ]),
)
const found = readdirSync(folder)
const differing = [
  ...[...files].filter(
    ([name, text]) => !found.includes(name) || readFileSync(join(folder, name), 'utf8') !== text,
  ),
].map(([name]) => name)
const surplus = found.filter((name) => !files.has(name))
if (process.argv.includes('--check')) {
  for (const name of [...differing, ...surplus]) {
    process.exitCode = 1
    console.error(
      `helm/order-streams/dashboards/${name} is not what observability/dashboards makes: run \`npm run codegen\``,
    )
  }
} else {
  for (const name of differing) writeFileSync(join(folder, name), files.get(name) ?? '')
}
