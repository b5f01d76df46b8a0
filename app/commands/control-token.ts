import { type Command, Option } from 'commander'
import { makeToken } from '../../control/server/security/token-file.ts'
import { exitCodes } from '../failure.ts'
import { out } from '../output.ts'
import type { CommandContext } from './command-context.ts'

interface TokenOptions {
  readonly name: string
  readonly role: 'viewer' | 'operator'
  readonly json?: boolean
}

export function addControlTokenCommand(program: Command, context: CommandContext): void {
  program
    .command('control-token')
    .summary('make a bearer token for the control services')
    .description(
      'Makes a token, and the line for the file that controlTokenFile names. The token is printed this once and kept nowhere; ' +
        'the line has its hash only. Instances see a changed file within a second.',
    )
    .requiredOption('--name <name>', 'whom it is for, as audit records will name them')
    .addOption(
      new Option('--role <role>', 'viewer looks, operator changes things, too')
        .choices(['viewer', 'operator'])
        .makeOptionMandatory(),
    )
    .option('--json', 'print both as one JSON object')
    .addHelpText(
      'after',
      `
Examples:
  order-streams control-token --name ci --role viewer
  order-streams control-token --name ops --role operator --json    for programs`,
    )
    .action(({ name, role, json }: TokenOptions) => {
      const { token, line } = makeToken(name, role)
      if (json === true) out(JSON.stringify({ token, line }))
      else out(`token, shown this once:\n  ${token}\nline for the file of tokens:\n  ${line}`)
      context.exitCode = exitCodes.done
    })
}
