/** `order-streams savepoint`: savepoints of topologies that nobody runs, without an instance. `ctl savepoints` asks one that runs. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import { RocksStoreProvider } from '../../streams/adapters/rocksdb/rocks-store-provider.ts'
import {
  bytesOf,
  createSavepoint,
  defaultSettings,
  restoreSavepoint,
  SavepointDirectory,
  type SavepointManifest,
  type SavepointOptions,
  type SavepointPorts,
  stopped,
  type Topology,
} from '../../streams/index.ts'
import type { Config } from '../config-schema.ts'
import { exitCodes, UsageError } from '../failure.ts'
import { orderTopologies, topologyNames } from '../order-topologies.ts'
import { columns, count, counted, out, tell, timeOf } from '../output.ts'
import { withPlatform } from '../platform.ts'
import { makesWhatIsMissing } from '../prepare.ts'
import { savepointDirectoryOf } from '../savepoint-place.ts'
import { onStopRequest } from '../stop-request.ts'
import { addPlaceOptions, type CommandContext, type ConfigOptions, placeConfigOf } from './command-context.ts'

interface SavepointCommandOptions extends ConfigOptions {
  readonly json?: boolean
  readonly name?: string
  readonly reason?: string
  readonly scratchDir?: string
  readonly inputsFromBeginning?: boolean
}

export function addSavepointCommand(program: Command, context: CommandContext): void {
  const savepoint = program
    .command('savepoint')
    .summary(
      'make savepoints of stopped topologies, and put them back; `ctl savepoints` does it with running ones',
    )
  const done = async (work: Promise<void>): Promise<void> => {
    await work
    context.exitCode = exitCodes.done
  }
  addWorkOptions(
    savepoint
      .command('create')
      .description(
        'Writes a savepoint of a topology that no instance runs: its state, and where it reads on.',
      )
      .argument('<topology>', `one of ${topologyNames.join(', ')}`)
      .option('--name <name>', 'of the savepoint (default: made of the topology and the time)')
      .option('--reason <text>', 'why, for others to read'),
  )
    .addHelpText('after', '\nExample:\n  order-streams savepoint create cleanse --name before-3.0')
    .action((topology: string, options: SavepointCommandOptions) => done(create(topology, options)))
  const list = savepoint.command('list').description('Lists the savepoints, the newest first.')
  addPlaceOptions(list.option('--json', 'one JSON object a line')).action(
    (options: SavepointCommandOptions) => done(listAll(options)),
  )
  const show = savepoint
    .command('show')
    .description('Shows a savepoint, store by store.')
    .argument('<savepoint>', 'its name, as `savepoint list` has it')
  addPlaceOptions(show.option('--json', 'its manifest, as JSON')).action(
    (name: string, options: SavepointCommandOptions) => done(showOne(name, options)),
  )
  addWorkOptions(
    savepoint
      .command('restore')
      .description(
        'Puts a topology that no instance runs back to a savepoint: its state, and the offsets that it reads on from. One that was ' +
          'broken off is done once more.',
      )
      .argument('<savepoint>', 'its name, as `savepoint list` has it')
      .argument('<topology>', 'for safety: the one that the savepoint is of')
      .option(
        '--inputs-from-beginning',
        'read input topics from their first record, not from where the savepoint stood: in another cluster, which has only ' +
          'what came after the savepoint',
      ),
  )
    .addHelpText('after', '\nExample:\n  order-streams savepoint restore before-3.0 cleanse')
    .action((name: string, topology: string, options: SavepointCommandOptions) =>
      done(restore(name, topology, options)),
    )
  const remove = savepoint
    .command('delete')
    .description('Deletes a savepoint.')
    .argument('<savepoint>', 'its name')
  addPlaceOptions(remove).action((name: string, options: SavepointCommandOptions) =>
    done(deleteOne(name, options)),
  )
}

function addWorkOptions(command: Command): Command {
  return addPlaceOptions(command, 'registryUrl').option(
    '--scratch-dir <dir>',
    'room for the state of one task at a time while it works (default: the temporary directory of the system)',
  )
}

async function create(name: string, options: SavepointCommandOptions): Promise<void> {
  const config = placeConfigOf(options)
  const topology = topologyOf(name, config)
  const directory = directoryOf(config)
  const savepoint = options.name ?? `${name}-${new Date().toISOString().replaceAll(/[:.]/g, '-')}`
  const manifest = await withPorts(config, options, (ports, told) => {
    const wanted = {
      topology,
      directory,
      savepoint,
      reason: options.reason ?? '',
      createdBy: 'order-streams savepoint',
    }
    return createSavepoint(ports, wanted, stopped(ports, name), told)
  })
  tell(
    `savepoint ${savepoint} of topology ${name}: ${counted(rowsOf(manifest), 'row')} in ${directory.pathOf(savepoint)}`,
  )
  out(savepoint)
}

async function restore(savepoint: string, name: string, options: SavepointCommandOptions): Promise<void> {
  const config = placeConfigOf(options)
  const topology = topologyOf(name, config)
  const directory = directoryOf(config)
  const manifest = await withPorts(config, options, (ports, told) =>
    restoreSavepoint(
      ports,
      {
        directory,
        savepoint,
        topologyName: name,
        topology,
        inputsFrom: options.inputsFromBeginning === true ? 'beginning' : 'savepoint',
        instanceId: 'order-streams savepoint',
        transactionTimeoutMs: defaultSettings.transactionTimeoutMs,
        transactionMaxBytes: config.transactionMaxBytes,
      },
      told,
    ),
  )
  const when = timeOf(manifest.createdMs)
  tell(`topology ${name} is as it was at ${when}: what came after that is read once more when it is started`)
}

async function listAll(options: SavepointCommandOptions): Promise<void> {
  const manifests = await directoryOf(placeConfigOf(options)).list()
  if (options.json === true) {
    for (const manifest of manifests) out(JSON.stringify(summaryOf(manifest)))
    return
  }
  if (manifests.length === 0) return tell('there are no savepoints')
  const rows = manifests.map((manifest) => [
    manifest.savepoint,
    manifest.topology,
    timeOf(manifest.createdMs),
    count(rowsOf(manifest)),
    count(bytesOf(manifest)),
    manifest.reason,
  ])
  out(columns([['SAVEPOINT', 'TOPOLOGY', 'MADE', 'ROWS', 'BYTES', 'REASON'], ...rows], []))
}

async function showOne(savepoint: string, options: SavepointCommandOptions): Promise<void> {
  const directory = directoryOf(placeConfigOf(options))
  const manifest = await directory.get(savepoint)
  if (options.json === true) return out(JSON.stringify(manifest, null, 2))
  const { topology, createdMs, createdBy, reason, tasks } = manifest
  const lines = [
    ['savepoint', savepoint],
    ['topology', topology],
    ['made', `${timeOf(createdMs)} by ${createdBy}`],
    ...(reason === '' ? [] : [['reason', reason]]),
    ['path', directory.pathOf(savepoint)],
  ]
  out(columns(lines, []))
  const stores = tasks.flatMap(({ task, stores: files }) =>
    files.map(({ store, records, bytes, sha256 }) => [task, store, count(records), count(bytes), sha256]),
  )
  const inputs = tasks.flatMap(({ inputs: read }) =>
    read.map(({ topic, partition, offset }) => [topic, String(partition), count(offset)]),
  )
  out('')
  out(columns([['TASK', 'STORE', 'ROWS', 'BYTES', 'SHA-256'], ...stores], []))
  out('')
  out(columns([['INPUT', 'PARTITION', 'OFFSET'], ...inputs], []))
}

async function deleteOne(savepoint: string, options: SavepointCommandOptions): Promise<void> {
  await directoryOf(placeConfigOf(options)).delete(savepoint)
  tell(`${savepoint} is deleted`)
}

/** With scratch databases of its own, so that the state of no instance is touched. */
async function withPorts(
  config: Config,
  { scratchDir }: SavepointCommandOptions,
  work: (ports: SavepointPorts, told: SavepointOptions) => Promise<SavepointManifest>,
): Promise<SavepointManifest> {
  const stop = onStopRequest(tell)
  const { signal } = stop
  try {
    return await withPlatform(config, { parts: ['registry'], mode: 'existing', signal }, async (platform) => {
      const { log, clock } = platform
      const registry = await platform.openRegistry({ registers: makesWhatIsMissing(config) })
      const directory = await mkdtemp(join(scratchDir ?? tmpdir(), 'order-streams-savepoint-'))
      try {
        const stores = new RocksStoreProvider({ directory })
        let step = ''
        const told: SavepointOptions = {
          signal,
          onProgress: (progress) => {
            if (progress.step !== step) tell(progress.step)
            step = progress.step
          },
        }
        return await work({ log, clock, registry, stores }, told)
      } finally {
        await rm(directory, { recursive: true, force: true })
      }
    })
  } finally {
    stop.dispose()
  }
}

function topologyOf(name: string, config: Config): Topology {
  const [topology] = orderTopologies([name], config)
  if (topology !== undefined) return topology
  throw new UsageError(`there is no topology "${name}"`)
}

function directoryOf(config: Config): SavepointDirectory {
  const path = savepointDirectoryOf(config, config.brokers !== '')
  if (path !== null) return new SavepointDirectory(path)
  throw new UsageError(
    'savepointDir is not set: in cluster mode it says where savepoints are kept, a directory that all instances see',
  )
}

function rowsOf({ tasks }: SavepointManifest): number {
  return tasks.reduce((sum, { stores }) => sum + stores.reduce((rows, { records }) => rows + records, 0), 0)
}

function summaryOf(manifest: SavepointManifest): Record<string, unknown> {
  const { savepoint, topology, createdMs, createdBy, reason } = manifest
  const createTime = new Date(createdMs).toISOString()
  return {
    savepoint,
    topology,
    createTime,
    createdBy,
    reason,
    rows: rowsOf(manifest),
    bytes: bytesOf(manifest),
  }
}
