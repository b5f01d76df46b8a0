/** What CI makes of a registry's answers about known vulnerabilities; the registry is one of ours, on loopback. */
import { spawn } from 'node:child_process'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'

const script = fileURLToPath(new URL('../../scripts/audit.js', import.meta.url))
const servers: Server[] = []

afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections()
})

/** @returns the address of a registry that gives `answer` to the question for vulnerabilities, and knows nothing else */
async function registry(answer: (response: ServerResponse) => void): Promise<string> {
  const server = createServer((request, response) => {
    request.resume()
    if (request.url?.endsWith('/advisories/bulk')) answer(response)
    else response.writeHead(404).end('{}')
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return `http://127.0.0.1:${address.port}/`
}

async function audit(url: string, ...args: string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [script, ...args], {
    env: {
      ...process.env,
      npm_config_registry: url,
      npm_config_fetch_retries: '0',
      npm_config_loglevel: 'error',
    },
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
  return { code, output }
}

const withAdvisoryOf = (name: string) => (response: ServerResponse) => {
  const url = 'https://github.com/advisories/GHSA-aaaa-bbbb-cccc'
  const advisory = { id: 1, url, title: 'Reads too much', severity: 'high', vulnerable_versions: '>=0' }
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ [name]: [advisory] }))
}

describe('the audit of dependencies', { timeout: 60_000 }, () => {
  it('should pass where nothing is known of them', async () => {
    const url = await registry((response) => response.writeHead(200).end('{}'))
    const { code, output } = await audit(url)
    expect(output).toMatch(/^0 unexplained of 0 known vulnerabilities in \d{3} packages\n$/)
    expect(code).toBe(0)
  })

  it('should fail for a vulnerability that docs/dependencies.md does not explain, and name it', async () => {
    const { code, output } = await audit(await registry(withAdvisoryOf('kafkajs')))
    expect(output).toContain('kafkajs: high: Reads too much (GHSA-aaaa-bbbb-cccc)\n1 unexplained of 1 known')
    expect(code).toBe(1)
  })

  it('should say so where the registry takes no such question, and fail only when an answer is required', async () => {
    const url = await registry((response) => response.writeHead(405).end())
    const { code, output } = await audit(url)
    expect(output).toMatch(/^not audited: 405 /)
    expect(code).toBe(0)
    expect((await audit(url, '--required')).code).toBe(1)
  })
})
