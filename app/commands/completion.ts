import { Argument, type Command } from 'commander'
import { topics } from '../../schemas/topics.ts'
import { ruleNames } from '../../topologies/detection/rules.ts'
import { type KnownValues, placesOf } from '../completion/command-tree.ts'
import { completionScript, type Shell, shells } from '../completion/scripts.ts'
import { exitCodes } from '../failure.ts'
import { orderTopologies, topologyNames } from '../order-topologies.ts'
import { out } from '../output.ts'
import { type CommandContext, configOf } from './command-context.ts'

function knownValues(): KnownValues {
  const stores = orderTopologies(topologyNames, configOf({})).flatMap(({ subTopologies }) =>
    subTopologies.flatMap((subTopology) => subTopology.stores.map(({ name }) => name)),
  )
  return {
    topology: topologyNames,
    // A stage begins with its topology.
    stage: topologyNames,
    store: stores,
    topic: Object.values(topics).map(({ name }) => name),
    rule: ruleNames,
    level: ['debug', 'info', 'warn', 'error', 'silent'],
    format: ['text', 'json'],
  }
}

export function addCompletionCommand(program: Command, context: CommandContext): void {
  program
    .command('completion')
    .summary('a script that completes commands in your shell')
    .description('Prints a script that lets your shell complete commands, options, topologies and files.')
    .addArgument(new Argument('<shell>').choices(shells))
    .addHelpText(
      'after',
      `
Examples:
  source <(order-streams completion bash)              in ~/.bashrc
  source <(order-streams completion zsh)               in ~/.zshrc, behind compinit
  order-streams completion fish > ~/.config/fish/completions/order-streams.fish`,
    )
    .action((shell: Shell) => {
      out(completionScript(shell, placesOf(program, knownValues())).trimEnd())
      context.exitCode = exitCodes.done
    })
}
