/** The commands that the pages tell to run: their subcommands and options are those of the program. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createProgram } from '../../app/program.ts'

type Command = ReturnType<typeof createProgram>

const root = join(import.meta.dirname, '../..')
const pages = [
  'README.md',
  ...readdirSync(join(root, 'docs'), { encoding: 'utf8', recursive: true }).map((path) => `docs/${path}`),
].filter((path) => path.endsWith('.md'))

/** Words after `order-streams`, of lines of code and of code within lines, without what a shell takes. */
function commandsOf(text: string): string[][] {
  const joined = text.replaceAll(/\\\n\s*/g, ' ')
  const told = joined.matchAll(/(?:^|`|\$\(|; |&& |\| )(?:npx )?order-streams ([a-z][^`\n]*)/gm)
  return [...told].map(([, words]) =>
    words!
      .split(/ #| [|&>;]/)[0]!
      .trim()
      .split(/\s+/),
  )
}

/** The command that words name, and the words after its name. */
function named(words: readonly string[]): { command: Command; rest: readonly string[] } {
  let command: Command = createProgram({ exitCode: 0 })
  for (const [at, word] of words.entries()) {
    const next = command.commands.find((one) => one.name() === word || one.aliases().includes(word))
    if (next === undefined) return { command, rest: words.slice(at) }
    command = next
  }
  return { command, rest: [] }
}

function hasOption(command: Command, flag: string): boolean {
  const isOwn = command.options.some(({ long, short }) => flag === long || flag === short)
  return isOwn || (command.parent !== null && hasOption(command.parent, flag))
}

/** What is wrong with a command; none of what is left out as `…` or `<name>` is looked at. */
function problemsOf(words: readonly string[]): string[] {
  const { command, rest } = named(words)
  const [first] = rest
  const problems: string[] = []
  if (command.commands.length > 0 && first !== undefined && /^[a-z]/.test(first))
    problems.push(`${command.name()} has no ${first}`)
  for (const word of rest) {
    const flag = /^(?:--[\w-]+|-[a-zA-Z]\b)/.exec(word)?.[0]
    if (flag !== undefined && flag !== '--help' && !hasOption(command, flag))
      problems.push(`${command.name()} has no option ${flag}`)
  }
  return problems
}

describe('the commands on the pages', () => {
  const told = pages.flatMap((page) =>
    commandsOf(readFileSync(join(root, page), 'utf8')).map((words) => ({ page, words })),
  )

  it('should be those of the program', () => {
    const problems = told.flatMap(({ page, words }) =>
      problemsOf(words).map((problem) => `${page}: order-streams ${words.join(' ')}: ${problem}`),
    )

    expect(told.length).toBeGreaterThan(100)
    expect(problems).toEqual([])
  })

  it('should be found wrong where they are', () => {
    const problems = commandsOf(
      '`order-streams ctl stages hault cleanse` and\n$ order\norder-streams ctl top --oncee | cat',
    )

    expect(problems.flatMap(problemsOf)).toEqual(['stages has no hault', 'top has no option --oncee'])
  })
})
