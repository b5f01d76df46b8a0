/** Whether a letter can be sent again, and the copy of its record that is sent then. */
import type { TopicSettings } from '../../ports/log.ts'
import { recipientName, replayHeaders } from '../../runtime/replay-headers.ts'
import type { Topology } from '../../topology/topology.ts'
import type { FullLetter, Letter, RecordContent } from './letter.ts'
import type { Copy } from './letter-settler.ts'
import { contentAt, type ReadingPorts, RecordFinder, settingsOf } from './reading.ts'

export type CopyDecision =
  | { readonly kind: 'copy'; readonly copy: Copy }
  /** The record has been tried as often as is allowed. */
  | { readonly kind: 'tried-enough' }
  | { readonly kind: 'record-gone' }
  | { readonly kind: 'not-replayable'; readonly why: string }

export class LetterCopies {
  private readonly ports: ReadingPorts
  private readonly topology: Topology
  private readonly finder: RecordFinder
  /** Topics as they were asked for first; undefined for one that there is not. */
  private readonly topics = new Map<string, TopicSettings | undefined>()

  constructor(ports: ReadingPorts, topology: Topology, signal?: AbortSignal) {
    this.ports = ports
    this.topology = topology
    this.finder = new RecordFinder(ports, signal)
  }

  /** @param attemptsMax undefined allows any number */
  async decide(full: FullLetter, attemptsMax: number | undefined): Promise<CopyDecision> {
    const { letter } = full
    const why = await this.whyNot(letter)
    if (why !== undefined) return { kind: 'not-replayable', why }
    if (attemptsMax !== undefined && letter.attempt >= attemptsMax) return { kind: 'tried-enough' }
    const content = await this.contentOf(full)
    if (content === undefined) return { kind: 'record-gone' }
    const { topic, partition } = letter.record
    const headers = replayHeaders(content.headers, this.recipientOf(topic)!, letter.attempt)
    return {
      kind: 'copy',
      copy: { topic, partition, content: { ...content, headers }, attemptsBefore: letter.attempt },
    }
  }

  /** Why a letter cannot be sent again, whatever is asked for; undefined when it can be. */
  async whyNot({ record, notReplayable }: Letter): Promise<string | undefined> {
    if (notReplayable !== undefined) return notReplayable
    const { topic, partition } = record
    if (this.recipientOf(topic) === undefined)
      return `topology ${this.topology.name} no longer reads topic ${topic}: nobody would take the record`
    const settings = await this.settingsOf(topic)
    if (settings === undefined) return `topic ${topic} is not there any more`
    if (partition >= settings.partitions)
      return `topic ${topic} has ${settings.partitions} partitions now, and none with the number ${partition}`
    if (settings.cleanup !== 'delete') {
      return (
        `topic ${topic} is compacted, and the copy would take the place of the newest row of its key: ` +
        'write the row to the topic once more, as it is to be now'
      )
    }
    return undefined
  }

  /** The record behind a letter; undefined when nothing has it any more. */
  async contentOf({ letter, content }: FullLetter): Promise<RecordContent | undefined> {
    const { record } = letter
    if (content !== undefined || record.offset < 0) return content
    const settings = await this.settingsOf(record.topic)
    if (settings === undefined || record.partition >= settings.partitions) return undefined
    const found = await this.finder.find(record)
    return found === undefined ? undefined : contentAt(found.batch, found.index)
  }

  close(): Promise<void> {
    return this.finder.close()
  }

  private recipientOf(topic: string): string | undefined {
    const reader = this.topology.subTopologies.find(({ sources }) =>
      sources.some((source) => source.topic.name === topic),
    )
    return reader === undefined ? undefined : recipientName(this.topology.name, reader.name)
  }

  private async settingsOf(topic: string): Promise<TopicSettings | undefined> {
    if (!this.topics.has(topic)) this.topics.set(topic, await settingsOf(this.ports, topic))
    return this.topics.get(topic)
  }
}
