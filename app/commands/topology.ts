import { type Command, Option } from 'commander'
import { type DescribeFormat, describeTopology } from '../../streams/index.ts'
import { exitCodes } from '../failure.ts'
import { orderTopologies, stageOf, topologyNames } from '../order-topologies.ts'
import { columns, out } from '../output.ts'
import { addConfigOptions, type CommandContext, type ConfigOptions, configOf } from './command-context.ts'

export function addTopologyCommand(program: Command, context: CommandContext): void {
  const topology = program.command('topology').summary('list and draw the topologies')
  topology
    .command('list')
    .description('Lists the topologies, in the order that records pass through them.')
    .action(() => {
      out(columns([['TOPOLOGY', 'WHAT IT DOES'], ...topologyNames.map((name) => [name, stageOf(name)])], []))
      context.exitCode = exitCodes.done
    })
  const describe = topology
    .command('describe')
    .description('Shows the graph of a topology: sub-topologies, operators, topics, stores, tables.')
    .argument('<topology>', `one of ${topologyNames.join(', ')}`)
    .addOption(new Option('--format <format>').choices(['text', 'mermaid', 'json']).default('text'))
  addConfigOptions(describe)
    .addHelpText(
      'after',
      `
Examples:
  order-streams topology describe cleanse
  order-streams topology describe cleanse --format mermaid    paste it into https://mermaid.live or a README`,
    )
    .action((name: string, options: ConfigOptions & { readonly format: DescribeFormat }) => {
      for (const found of orderTopologies([name], configOf(options)))
        out(describeTopology(found, options.format))
      context.exitCode = exitCodes.done
    })
}
