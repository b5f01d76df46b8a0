/** The program: parses the command line, runs the command, and says in what way it failed. */
import { CommanderError } from 'commander'
import type { CommandContext } from './commands/command-context.ts'
import { exitCodes, failureOf } from './failure.ts'
import { tell } from './output.ts'
import { createProgram } from './program.ts'

const longMs = 2 ** 30
const lingerMs = 5000

/** @param args as they follow the program's name. Answers the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const context: CommandContext = { exitCode: exitCodes.done }
  // The clock's timers keep no process alive, and a command may wait for nothing else.
  const keepAlive = setInterval(() => {}, longMs)
  process.stdout.on('error', endQuietly)
  try {
    await createProgram(context).parseAsync(args, { from: 'user' })
    return context.exitCode
  } catch (error) {
    // Commander has told what is wrong already; help and version are no failures.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage
    const { text, exitCode } = failureOf(error)
    tell(`order-streams: ${text}`)
    return exitCode
  } finally {
    clearInterval(keepAlive)
    endInAnyCase()
  }
}

/** What a library has left open would keep the process for ever, though all that it had to do is done. */
function endInAnyCase(): void {
  const timer = setInterval(() => {
    // Whoever reads what was printed may be slow.
    if (process.stdout.writableLength > 0) return
    tell('something keeps the process from ending, which has nothing more to do: it ends nevertheless')
    process.exit()
  }, lingerMs)
  timer.unref()
}

/** Whoever read the results has enough of them, as `head` has. */
function endQuietly(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(exitCodes.done)
  throw error
}
