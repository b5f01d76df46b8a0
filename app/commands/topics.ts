import type { Command } from 'commander'
import {
  headersAt,
  keyAt,
  type RecordBatch,
  type TopicPartition,
  type TopicSettings,
  valueAt,
} from '../../streams/index.ts'
import { openDataDirectory } from '../data-directory.ts'
import { RecordDecoder, showable } from '../decode-record.ts'
import { suggestion } from '../did-you-mean.ts'
import { exitCodes, UsageError } from '../failure.ts'
import { orderTopologies, topologyNames } from '../order-topologies.ts'
import { columns, count, out, timeOf } from '../output.ts'
import { partitionsOf, readPartition } from '../read-topic.ts'
import {
  addConfigOptions,
  type CommandContext,
  type ConfigOptions,
  configOf,
  wholeNumber,
} from './command-context.ts'

interface ReadOptions extends ConfigOptions {
  readonly partition?: number
  readonly from: number
  readonly limit?: number
  readonly json?: boolean
}

export function addTopicsCommand(program: Command, context: CommandContext): void {
  const topics = program.command('topics').summary('look into the topics of a stopped data directory')
  const list = topics
    .command('list')
    .description('Lists the topics of a data directory, with how many offsets each holds.')
    .option('--json', 'one JSON object a line')
  addConfigOptions(list).action(async (options: ConfigOptions & { readonly json?: boolean }) => {
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
  addConfigOptions(read)
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
  const data = await openDataDirectory(configOf(options), 'existing')
  try {
    const rows: { topic: TopicSettings; offsets: number }[] = []
    for (const topic of await data.log.describeTopics()) {
      const ranges = await data.log.offsetRanges(await partitionsOf(data.log, topic.name))
      rows.push({ topic, offsets: ranges.reduce((sum, { start, end }) => sum + end - start, 0) })
    }
    if (options.json === true) {
      for (const { topic, offsets } of rows) out(JSON.stringify({ ...topic, offsets }))
      return
    }
    const table = rows.map(({ topic: { name, partitions, cleanup, retentionMs }, offsets }) => [
      name,
      String(partitions),
      count(offsets),
      cleanup,
      cleanup === 'compact' || retentionMs === undefined ? 'for ever' : `${retentionMs / 86_400_000} days`,
    ])
    const heading = ['TOPIC', 'PARTITIONS', 'OFFSETS', 'CLEANUP', 'KEPT']
    out(columns([heading, ...table], [false, true, true]))
  } finally {
    await data.close()
  }
}

async function readRecords(topic: string, options: ReadOptions): Promise<void> {
  const config = configOf(options)
  const data = await openDataDirectory(config, 'existing')
  try {
    const names = (await data.log.describeTopics()).map(({ name }) => name)
    if (!names.includes(topic))
      throw new UsageError(`there is no topic "${topic}": ${suggestion(topic, names)}`)
    const decoder = new RecordDecoder(data.registry, orderTopologies(topologyNames, config))
    let left = options.limit ?? Number.POSITIVE_INFINITY
    for (const partition of chosen(await partitionsOf(data.log, topic), options)) {
      for await (const batch of readPartition(data.log, partition, options.from)) {
        for (let index = 0; index < batch.length && left > 0; index++) {
          if (batch.offsets[index]! < options.from) continue
          left--
          const record = await recordOf(decoder, batch, index)
          out(options.json === true ? JSON.stringify(record) : recordText(record))
        }
        if (left <= 0) return
      }
    }
  } finally {
    await data.close()
  }
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
    headers: headersAt(batch, index).map(({ key, value }) => ({ key, value: showable(value) })),
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
