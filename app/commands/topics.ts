import type { Command } from 'commander'
import { suggestion } from '../../control/did-you-mean.ts'
import { toJson } from '../../control/json-values.ts'
import { topics } from '../../schemas/topics.ts'
import {
  headersAt,
  keyAt,
  type RecordBatch,
  type TopicPartition,
  type TopicSettings,
  valueAt,
} from '../../streams/index.ts'
import { noRegistry, RecordDecoder } from '../decode-record.ts'
import { exitCodes, UsageError } from '../failure.ts'
import { orderTopologies, topologyNames } from '../order-topologies.ts'
import { columns, count, out, tell, timeOf } from '../output.ts'
import { withPlatform } from '../platform.ts'
import { partitionsOf, readPartition } from '../read-topic.ts'
import {
  addPlaceOptions,
  type CommandContext,
  type ConfigOptions,
  placeConfigOf,
  wholeNumber,
} from './command-context.ts'

interface ReadOptions extends ConfigOptions {
  readonly partition?: number
  readonly from: number
  readonly limit?: number
  readonly json?: boolean
}

export function addTopicsCommand(program: Command, context: CommandContext): void {
  const topics = program
    .command('topics')
    .summary('look into the topics of a stopped data directory, or of a cluster')
  const list = topics
    .command('list')
    .description(
      'Lists the topics, with their partitions, how many offsets they hold and where each partition ends.',
    )
    .option('--json', 'one JSON object a line')
  addPlaceOptions(list).action(async (options: ConfigOptions & { readonly json?: boolean }) => {
    await listTopics(options)
    context.exitCode = exitCodes.done
  })
  const read = topics
    .command('read')
    .description(
      'Shows the records of a topic, partition by partition: offset, time, key, headers and value, decoded.',
    )
    .argument('<topic>', 'its name, as `order-streams topics list` shows it')
    .option('--partition <n>', 'only this partition', wholeNumber('--partition', 0))
    .option('--from <offset>', 'begin at this offset of each partition', wholeNumber('--from', 0), 0)
    .option('--limit <n>', 'records at most (default: all)', wholeNumber('--limit', 1))
    .option('--json', 'one JSON object a line')
  addPlaceOptions(read, 'registryUrl')
    .addHelpText(
      'after',
      `
Examples:
  order-streams topics read order-rejected --limit 3
  order-streams topics read order-raw --partition 0 --from 1000 --limit 1
  order-streams topics read order-processed --json | jq -r .value.status | sort | uniq -c`,
    )
    .action(async (topic: string, options: ReadOptions) => {
      await readRecords(topic, options)
      context.exitCode = exitCodes.done
    })
}

async function listTopics(options: ConfigOptions & { readonly json?: boolean }): Promise<void> {
  await withPlatform(placeConfigOf(options), { parts: [], mode: 'existing' }, async ({ log }) => {
    const rows: { topic: TopicSettings; offsets: number; ends: number[] }[] = []
    for (const topic of await log.describeTopics()) {
      const ranges = await log.offsetRanges(await partitionsOf(log, topic.name))
      const offsets = ranges.reduce((sum, { start, end }) => sum + end - start, 0)
      rows.push({ topic, offsets, ends: ranges.map(({ end }) => end) })
    }
    rows.sort((a, b) => (a.topic.name < b.topic.name ? -1 : 1))
    if (options.json === true) {
      for (const { topic, offsets, ends } of rows) out(JSON.stringify({ ...topic, offsets, ends }))
      return
    }
    const table = rows.map(({ topic: { name, partitions, cleanup, retentionMs }, offsets, ends }) => [
      name,
      String(partitions),
      count(offsets),
      cleanup,
      cleanup === 'compact' || retentionMs === undefined
        ? 'for ever'
        : `${Number((retentionMs / 86_400_000).toFixed(1))} days`,
      endsText(ends),
    ])
    const heading = ['TOPIC', 'PARTITIONS', 'OFFSETS', 'CLEANUP', 'KEPT', 'ENDS']
    out(columns([heading, ...table], [false, true, true]))
  })
}

const mostEnds = 8

function endsText(ends: readonly number[]): string {
  const shown = ends.slice(0, mostEnds).join(' ')
  return ends.length > mostEnds ? `${shown} …` : shown
}

const orderTopics = new Set(Object.values(topics).map(({ name }) => name))

async function readRecords(topic: string, options: ReadOptions): Promise<void> {
  const config = placeConfigOf(options)
  // Without a registry all but Avro can be read.
  const parts = config.registryUrl === '' ? [] : (['registry'] as const)
  await withPlatform(config, { parts, mode: 'existing' }, async (platform) => {
    const { log, isCluster } = platform
    const names = (await log.describeTopics()).map(({ name }) => name)
    if (!names.includes(topic)) {
      // Those that people ask for first: all changelogs would not fit.
      const isOrderTopic = (name: string) => orderTopics.has(name)
      const sorted = [...names.filter(isOrderTopic), ...names.filter((name) => !isOrderTopic(name))]
      throw new UsageError(`there is no topic "${topic}": ${suggestion(topic, sorted)}`)
    }
    const hasRegistry = !isCluster || config.registryUrl !== ''
    if (!hasRegistry) tell(`without --registry, Avro is shown as bytes`)
    const registry = hasRegistry ? await platform.openRegistry({ registers: false }) : noRegistry
    const decoder = new RecordDecoder(registry, orderTopologies(topologyNames, config))
    let left = options.limit ?? Number.POSITIVE_INFINITY
    for (const partition of chosen(await partitionsOf(log, topic), options)) {
      for await (const batch of readPartition(log, partition, options.from)) {
        for (let index = 0; index < batch.length && left > 0; index++) {
          if (batch.offsets[index]! < options.from) continue
          left--
          const record = await recordOf(decoder, batch, index)
          out(options.json === true ? JSON.stringify(record) : recordText(record))
        }
        if (left <= 0) return
      }
    }
  })
}

function chosen(
  partitions: readonly TopicPartition[],
  { partition }: ReadOptions,
): readonly TopicPartition[] {
  if (partition === undefined) return partitions
  const found = partitions.filter((candidate) => candidate.partition === partition)
  if (found.length > 0) return found
  throw new UsageError(`--partition is ${partition}; the topic has 0 to ${partitions.length - 1}`)
}

async function recordOf(decoder: RecordDecoder, batch: RecordBatch, index: number) {
  return {
    partition: batch.partition,
    offset: batch.offsets[index]!,
    time: timeOf(batch.timestampsMs[index]!),
    key: await decoder.decode(batch.topic, 'key', keyAt(batch, index)),
    headers: headersAt(batch, index).map(({ key, value }) => ({ key, value: toJson(value) })),
    value: await decoder.decode(batch.topic, 'value', valueAt(batch, index)),
  }
}

function recordText({
  partition,
  offset,
  time,
  key,
  headers,
  value,
}: Awaited<ReturnType<typeof recordOf>>): string {
  const shownHeaders = headers.map((header) => `\n    header ${header.key}: ${plain(header.value)}`).join('')
  return `${partition}/${offset}  ${time}  key ${plain(key)}${shownHeaders}\n    ${plain(value)}`
}

function plain(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
