import type { Command } from 'commander'
import { suggestion } from '../../control/did-you-mean.ts'
import { toJson } from '../../control/json-values.ts'
import { databaseName, StoredRows, type StoreSpec, type Topology } from '../../streams/index.ts'
import { CommandFailed, exitCodes, UsageError } from '../failure.ts'
import { orderTopologies, topologyNames } from '../order-topologies.ts'
import { columns, out, timeOf } from '../output.ts'
import { openPlatform, type Platform } from '../platform.ts'
import { partitionsOf } from '../read-topic.ts'
import {
  addConfigOptions,
  addPlaceOptions,
  type CommandContext,
  type ConfigOptions,
  configOf,
  placeConfigOf,
  wholeNumber,
} from './command-context.ts'

interface StateOptions extends ConfigOptions {
  readonly json?: boolean
  readonly limit?: number
}

interface KnownStore {
  readonly topology: Topology
  readonly subTopology: Topology['subTopologies'][number]
  readonly spec: StoreSpec
}

export function addStateCommand(program: Command, context: CommandContext): void {
  const state = program
    .command('state')
    .summary('look into the stores of a stopped data directory, or of a stopped instance of a cluster')
  addConfigOptions(state.command('list').description('Lists the stores of all topologies.')).action(
    (options: ConfigOptions) => {
      const rows = knownStores(options).map(({ topology, spec }) => [
        spec.name,
        topology.name,
        spec.key.name,
        spec.value.name,
      ])
      out(columns([['STORE', 'TOPOLOGY', 'KEY', 'VALUE'], ...rows], []))
      context.exitCode = exitCodes.done
    },
  )
  const get = state
    .command('get')
    .description(
      'Shows the row of a key, whichever partition it is in; in a cluster, of those that the state directory has. Exit code 1 when there is none.',
    )
    .argument('<store>', 'as `order-streams state list` names it')
    .argument('<key>', 'as text')
    .option('--json', 'as JSON')
  addPlaceOptions(get, 'registryUrl', 'stateDir')
    .addHelpText('after', '\nExample:\n  order-streams state get order-memory 31198570044')
    .action(async (store: string, key: string, options: StateOptions) => {
      await getRow(store, key, options)
      context.exitCode = exitCodes.done
    })
  const dump = state
    .command('dump')
    .description('Shows all rows of a store, partition by partition, in the order of their keys.')
    .argument('<store>', 'as `order-streams state list` names it')
    .option('--limit <n>', 'rows at most (default: all)', wholeNumber('--limit', 1))
    .option('--json', 'one JSON object a line')
  addPlaceOptions(dump, 'registryUrl', 'stateDir')
    .addHelpText('after', '\nExample:\n  order-streams state dump order-memory --limit 5')
    .action(async (store: string, options: StateOptions) => {
      await dumpRows(store, options)
      context.exitCode = exitCodes.done
    })
}

function knownStores(options: ConfigOptions): KnownStore[] {
  return orderTopologies(topologyNames, configOf(options)).flatMap((topology) =>
    topology.subTopologies.flatMap((subTopology) =>
      subTopology.stores.map((spec) => ({ topology, subTopology, spec })),
    ),
  )
}

function storeNamed(name: string, options: ConfigOptions): KnownStore {
  const stores = knownStores(options)
  const found = stores.find(({ spec }) => spec.name === name)
  if (found !== undefined) return found
  const names = stores.map(({ spec }) => spec.name)
  throw new UsageError(`there is no store "${name}": ${suggestion(name, names)}`)
}

async function getRow(name: string, keyText: string, options: StateOptions): Promise<void> {
  const known = storeNamed(name, options)
  const key = keyOf(known, keyText)
  for await (const { partition, rows } of openPartitions(known, options)) {
    const row = rows.get(key)
    if (row === undefined) continue
    return show({ partition, key, ...row }, options)
  }
  throw new CommandFailed(`store ${name} has no row with the key ${keyText}`)
}

async function dumpRows(name: string, options: StateOptions): Promise<void> {
  const known = storeNamed(name, options)
  let left = options.limit ?? Number.POSITIVE_INFINITY
  for await (const { partition, rows } of openPartitions(known, options)) {
    for (const row of rows.rows()) {
      if (left-- <= 0) return
      show({ partition, ...row }, options)
    }
  }
}

/** The store in each partition that has it, one open at a time. */
async function* openPartitions(known: KnownStore, options: ConfigOptions) {
  const { topology, subTopology, spec } = known
  const platform = await openPlatform(placeConfigOf(options), { parts: ['registry'], mode: 'existing' })
  try {
    const { stores } = await platform.openState()
    const registry = await platform.openRegistry({ registers: false })
    for (const partition of await taskPartitions(platform, subTopology)) {
      const database = databaseName(topology.name, `${subTopology.name}_${partition}`)
      const rows = await StoredRows.open({ stores, registry, topology: topology.name, database, store: spec })
      if (rows === undefined) continue
      try {
        yield { partition, rows }
      } finally {
        await rows.close()
      }
    }
  } finally {
    await platform.close()
  }
}

async function taskPartitions({ log }: Platform, { sources }: KnownStore['subTopology']): Promise<number[]> {
  const existing = new Set((await log.describeTopics()).map(({ name }) => name))
  let most = 0
  for (const { topic } of sources) {
    if (existing.has(topic.name)) most = Math.max(most, (await partitionsOf(log, topic.name)).length)
  }
  return Array.from({ length: most }, (_, partition) => partition)
}

/** Keys of stores are texts or numbers; others are given as JSON. */
function keyOf({ spec }: KnownStore, text: string): unknown {
  if (spec.key.name === 'string') return text
  try {
    return JSON.parse(text)
  } catch {
    throw new UsageError(
      `the key "${text}" is not JSON, and store ${spec.name} has keys of the type ${spec.key.name}`,
    )
  }
}

function show(
  {
    partition,
    key,
    value,
    timestampMs,
  }: { partition: number; key: unknown; value: unknown; timestampMs: number },
  options: StateOptions,
): void {
  const row = { partition, key: toJson(key), time: timeOf(timestampMs), value: toJson(value) }
  if (options.json === true) {
    out(JSON.stringify(row))
  } else {
    out(`${partition}  ${row.time}  ${typeof row.key === 'string' ? row.key : JSON.stringify(row.key)}`)
    out(`    ${JSON.stringify(row.value)}`)
  }
}
