/** Completion scripts in the shells that they are for; a shell that is not installed is left out. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { temporaryDirectory } from '../support/order-streams.ts'
import { runHere } from '../support/run-ctl.ts'

const shells = ['bash', 'zsh', 'fish'] as const
type Shell = (typeof shells)[number]

let directory: ReturnType<typeof temporaryDirectory>

beforeAll(async () => {
  directory = temporaryDirectory()
  for (const shell of shells) {
    const { code, stdout, stderr } = await runHere('completion', shell)
    expect(code, stderr).toBe(0)
    writeFileSync(join(directory.path, shell), stdout)
  }
})

afterAll(() => directory.dispose())

/** How each shell is made to say what it would offer, a word a line. The words typed are the arguments. */
const askers: Record<Shell, (script: string) => string[]> = {
  bash: (script) => [
    '-c',
    `source '${script}'; COMP_WORDS=(order-streams "$@"); COMP_CWORD=$#; _order_streams; printf '%s\\n' "\${COMPREPLY[@]}"`,
    'bash',
  ],
  // What the completion system would be told, as it needs a terminal.
  zsh: (script) => [
    '-f',
    '-c',
    `compdef() { : }; compadd() { shift; print -l -- $@ }; _files() { print -l -- \${words[CURRENT]}*(N) }
    _describe() { local item; for item in \${(P)2}; do print -r -- \${item%%:*}; done }
    source '${script}'; words=(order-streams "$@"); CURRENT=$#words; _order_streams`,
    'zsh',
  ],
  fish: (script) => [
    '-N',
    '-c',
    `source '${script}'; complete -C "order-streams $(string join ' ' -- $argv)" | string replace -r '\\t.*' ''`,
  ],
}

/** Zsh and fish choose what fits from all that may stand there; bash has chosen. */
function offers(shell: Shell, ...words: string[]): string[] {
  const typed = words.at(-1) ?? ''
  const { stdout, stderr, error } = spawnSync(
    shell,
    [...askers[shell](join(directory.path, shell)), ...words],
    { encoding: 'utf8', cwd: directory.path, env: { PATH: process.env['PATH'], HOME: directory.path } },
  )
  if (error !== undefined) throw error
  expect(stderr).toBe('')
  const found = stdout.split('\n').filter((word) => word !== '' && word.startsWith(typed))
  return [...new Set(found)].sort()
}

function isInstalled(shell: Shell): boolean {
  return spawnSync(shell, ['--version']).error === undefined
}

for (const shell of shells) {
  describe.skipIf(!isInstalled(shell))(`completion in ${shell} (where it is installed)`, () => {
    it('should offer commands, and those under them', () => {
      expect(offers(shell, '')).toEqual(expect.arrayContaining(['start', 'run', 'ctl', 'completion']))
      expect(offers(shell, 'ctl', 'st')).toEqual(['stages', 'state'])
      expect(offers(shell, 'ctl', 'stages', 're')).toEqual(['resume'])
    })

    it('should offer options where a dash is typed', () => {
      expect(offers(shell, 'ctl', 'stages', 'pause', '--t')).toEqual([
        '--timeout',
        '--tls',
        '--token',
        '--token-file',
      ])
      expect(offers(shell, 'start', '--i')).toEqual(['--input'])
    })

    it('should offer the values of options that are known, and none of the others', () => {
      expect(offers(shell, 'ctl', 'topologies', 'show', 'cleanse', '--format', '')).toEqual([
        'mermaid',
        'text',
      ])
      expect(offers(shell, 'ctl', 'stages', 'pause', '--reason', '')).toEqual([])
    })

    it('should offer files where a file is wanted', () => {
      expect(offers(shell, 'start', '--config', shell.slice(0, 2))).toEqual([shell])
    })

    it('should offer topologies and stores, each where it is the argument', () => {
      const topologies = ['cleanse', 'detection', 'ingest', 'statistics']
      expect(offers(shell, 'ctl', 'stages', 'pause', '')).toEqual(topologies)
      expect(offers(shell, 'ctl', 'stages', 'pause', '--reason', 'ctl', '')).toEqual(topologies)
      expect(offers(shell, 'ctl', 'state', 'get', 'cleanse', 'order-m')).toEqual(['order-memory'])
      expect(offers(shell, 'ctl', 'state', 'get', 'cleanse', 'order-memory', '')).toEqual([])
      // It takes several.
      expect(offers(shell, 'run', 'ingest', 'c')).toEqual(['cleanse'])
    })
  })
}
