import type { Command } from 'commander'
import { partsOfTopologies } from '../application.ts'
import { exitCodes } from '../failure.ts'
import { orderTopologies, topologyNames } from '../order-topologies.ts'
import { out, tell } from '../output.ts'
import { withPlatform } from '../platform.ts'
import { type OnPrepared, prepareSchemas, prepareTables, prepareTopics } from '../prepare.ts'
import { onStopRequest } from '../stop-request.ts'
import { addPlaceOptions, type CommandContext, type ConfigOptions, placeConfigOf } from './command-context.ts'

interface MigrateOptions extends ConfigOptions {
  readonly json?: boolean
}

export function addMigrateCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('migrate')
    .summary('make the topics, tables and schemas that the topologies need')
    .description(
      'Creates the topics that are missing and checks the settings of those that exist, brings the tables to the newest ' +
        'version and registers the schemas. It can be repeated, and run by several at a time.',
    )
    .option('--json', 'one JSON object a line')
  addPlaceOptions(command, 'registryUrl', 'databaseUrl')
    .addHelpText(
      'after',
      `
A topic that exists keeps its number of partitions. One with other settings than it must have is named, and nothing is made
before that is put right.

Example:
  order-streams migrate --brokers localhost:9092 --registry http://localhost:8081 \\
    --database mysql://user:password@localhost:3306/orders`,
    )
    .action(async (options: MigrateOptions) => {
      context.exitCode = await migrate(options)
    })
}

async function migrate({ json, ...options }: MigrateOptions): Promise<number> {
  const config = placeConfigOf(options)
  const topologies = orderTopologies(topologyNames, config)
  const stop = onStopRequest(tell)
  const opening = { parts: partsOfTopologies, mode: 'create', signal: stop.signal } as const
  try {
    await withPlatform(config, opening, async (platform) => {
      // All is reached before anything is made.
      const registry = await platform.openRegistry({ registers: true })
      const database = await platform.openDatabase()
      const onPrepared = json === true ? tellJson : tellText
      await prepareTopics(platform.log, config, topologies, onPrepared)
      await prepareTables(database, onPrepared)
      await prepareSchemas(registry, topologies, onPrepared)
    })
    return exitCodes.done
  } finally {
    stop.dispose()
  }
}

const tellText: OnPrepared = (kind, name, isNew) => {
  out(`${(isNew ? 'created' : 'ok').padEnd(7)}  ${kind.padEnd(6)}  ${name}`)
}

const tellJson: OnPrepared = (kind, name, isNew) => {
  out(JSON.stringify({ kind, name, outcome: isNew ? 'created' : 'ok' }))
}
