/** A real Prometheus that reads the page of a running program as that of two releases, with the alert rules of the chart. */
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { waitFor } from '../support/waiting.ts'
import { rulesFile } from './asked-queries.ts'

export interface Series {
  readonly metric: Readonly<Record<string, string>>
  readonly value: number
}

export interface RuleState {
  readonly name: string
  readonly health: string
  readonly lastError?: string
  readonly state: string
}

export interface Prometheus {
  /** @throws with what Prometheus says of a question that it cannot answer */
  query(expr: string): Promise<readonly Series[]>
  /** The values of a label of a selector, as Grafana's `label_values` asks for them. */
  labelValues(selector: string, label: string): Promise<readonly string[]>
  rules(): Promise<readonly RuleState[]>
  stop(): Promise<void>
}

interface Answer<T> {
  readonly status: string
  readonly error?: string
  readonly data: T
}

/**
 * @param tools the directory of the program
 * @param directory for its files
 * @param target host and port that metrics are read from
 */
export async function startPrometheus(tools: string, directory: string, target: string): Promise<Prometheus> {
  const config = {
    global: { scrape_interval: '500ms', scrape_timeout: '500ms', evaluation_interval: '1s' },
    rule_files: [rulesFile],
    scrape_configs: [
      {
        job_name: 'order-streams',
        // As without Kubernetes, and as a release in a namespace.
        static_configs: [{ targets: [target] }, { targets: [target], labels: { namespace: 'shop' } }],
      },
    ],
  }
  const configFile = join(directory, 'prometheus.yml')
  // JSON is YAML.
  writeFileSync(configFile, JSON.stringify(config))
  const address = `127.0.0.1:${await freePort()}`
  const child = spawn(
    join(tools, 'prometheus'),
    [
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${join(directory, 'prometheus')}`,
      `--web.listen-address=${address}`,
      '--log.level=warn',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()))
  const ask = async <T>(path: string, params: Readonly<Record<string, string>> = {}): Promise<T> => {
    const response = await fetch(`http://${address}/api/v1/${path}?${new URLSearchParams(params)}`)
    const { status, error, data }: Answer<T> = JSON.parse(await response.text())
    if (status !== 'success') throw new Error(`${JSON.stringify(params)}: ${error}`)
    return data
  }
  const prometheus: Prometheus = {
    query: async (expr) => {
      const { result } = await ask<{ result: { metric: Series['metric']; value: [number, string] }[] }>(
        'query',
        { query: expr },
      )
      return result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }))
    },
    labelValues: (selector, label) => ask(`label/${label}/values`, { 'match[]': selector }),
    rules: async () => {
      const { groups } = await ask<{ groups: { rules: RuleState[] }[] }>('rules')
      return groups.flatMap(({ rules }) => rules)
    },
    stop: async () => {
      child.kill('SIGTERM')
      await ended
    },
  }
  await waitFor('Prometheus reads the page', () => isUp(prometheus), { state: () => said })
  return prometheus
}

async function isUp(prometheus: Prometheus): Promise<boolean> {
  const series = await prometheus.query('up == 1').catch(() => [])
  return series.length === 2
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
