/**
 * What a key has of a pattern, as bytes. Numbers are written as Avro writes longs; events by their own serde, each once.
 *
 *   format (1 byte), fingerprint of the pattern (4 bytes, big-endian), how far time has come (float64, big-endian)
 *   events   count; for each: time since the one before, length, bytes
 *   nodes    count; for each: stage, number of its event, number of the node before (0: none, others from 1)
 *   runs     count; for each: state, number of its node
 *   waiting  count; for each: number of the match's last node
 *   early    as events
 *
 * Events are in the order of the key, and a node follows the one that it builds on. Orders are kept, so that a state which was
 * read goes on as the one that was written.
 */
import { StreamsError } from '../errors.ts'
import { ByteWriter } from '../records/byte-writer.ts'
import { AvroReader } from '../serde/avro-reader.ts'
import { writeVarint } from '../serde/avro-writer.ts'
import type { Codec, Serde } from '../serde/serde.ts'
import { type HeldEvent, MatchState, type Run, type TakenNode, type TimedEvent } from './match-state.ts'
import type { Nfa, NfaState } from './nfa.ts'

const format = 1
const headBytes = 13

/** Of the rows of a pattern's store, by its name. */
export function matchStateSerde<E>(store: string, nfa: Nfa<E>, events: Serde<E>): Serde<MatchState<E>> {
  return {
    name: `pattern(${events.name})`,
    nullable: false,
    // Events are never null.
    open: async (context) => matchStateCodec(nfa, (await events.open(context)) as Codec<E>, store),
  }
}

export function matchStateCodec<E>(
  nfa: Nfa<E>,
  events: Codec<E>,
  store = 'of a pattern',
): Codec<MatchState<E>> {
  const loadSchema = events.loadSchema?.bind(events)
  const scratch = new ByteWriter()
  const reader = new AvroReader()
  return {
    encode(state, writer) {
      writer.byte(format)
      writer.int32(nfa.fingerprint)
      writer.float64(state.timeMs)
      writeState(state, writer, (event) => {
        scratch.clear()
        events.encode(event, scratch)
        writeVarint(writer, scratch.position)
        writer.bytesOf(scratch.buffer, 0, scratch.position)
      })
    },
    decode(bytes, start, end) {
      checkHead(bytes, start, nfa, store)
      const timeMs = bytes.readDoubleBE(start + 5)
      const readEvent = (): E => {
        const event = reader.byteString()
        return events.decode(event, 0, event.length)
      }
      const read = () => readState(reader, nfa.states, readEvent)
      const state = reader.readWhole(read, bytes, start + headBytes, end)
      state.timeMs = timeMs
      return state
    },
    ...(loadSchema === undefined ? {} : { loadSchema }),
  }
}

/** @throws STATE_FORMAT_UNSUPPORTED */
function checkHead<E>(bytes: Buffer, start: number, nfa: Nfa<E>, store: string): void {
  const found = bytes[start]
  if (found !== format) {
    throw new StreamsError(
      'STATE_FORMAT_UNSUPPORTED',
      `store ${store}: its rows have format ${found}, this release reads ${format}; run the release that wrote them`,
      { details: { store } },
    )
  }
  if (bytes.readUInt32BE(start + 1) !== nfa.fingerprint) {
    throw new StreamsError(
      'STATE_FORMAT_UNSUPPORTED',
      `store ${store}: what it holds belongs to a pattern with other stages, counts or contiguities than ` +
        `${nfa.stages.join(', ')} have now; give the changed pattern another store name, and it begins anew`,
      { details: { store } },
    )
  }
}

function writeState<E>(state: MatchState<E>, writer: ByteWriter, writeEvent: (event: E) => void): void {
  const nodes = new Map<TakenNode<E>, number>()
  for (let run = state.firstRun; run !== undefined; run = run.after) number(run.node, nodes)
  for (const node of state.waiting) number(node, nodes)
  const held = [...new Set([...nodes.keys()].map(({ event }) => event))]
  held.sort((a, b) => a.sequence - b.sequence)
  const events = new Map(held.map((event, index) => [event, index]))

  writeEvents(held, writer, writeEvent)
  writeVarint(writer, nodes.size)
  for (const { stage, event, previous } of nodes.keys()) {
    writeVarint(writer, stage)
    writeVarint(writer, events.get(event)!)
    writeVarint(writer, previous === undefined ? 0 : nodes.get(previous)! + 1)
  }
  writeVarint(writer, state.runs)
  for (let run = state.firstRun; run !== undefined; run = run.after) {
    writeVarint(writer, run.state)
    writeVarint(writer, nodes.get(run.node)!)
  }
  writeVarint(writer, state.waiting.length)
  for (const node of state.waiting) writeVarint(writer, nodes.get(node)!)
  writeEvents(state.early, writer, writeEvent)
}

/** Numbers a node behind those that it builds on. */
function number<E>(node: TakenNode<E>, nodes: Map<TakenNode<E>, number>): void {
  const chain: TakenNode<E>[] = []
  for (let at: TakenNode<E> | undefined = node; at !== undefined && !nodes.has(at); at = at.previous)
    chain.push(at)
  for (let i = chain.length - 1; i >= 0; i--) nodes.set(chain[i]!, nodes.size)
}

function writeEvents<E>(
  events: readonly TimedEvent<E>[],
  writer: ByteWriter,
  writeEvent: (event: E) => void,
): void {
  writeVarint(writer, events.length)
  let beforeMs = 0
  for (const { value, timestampMs } of events) {
    writeVarint(writer, timestampMs - beforeMs)
    beforeMs = timestampMs
    writeEvent(value)
  }
}

function readState<E>(reader: AvroReader, states: readonly NfaState<E>[], readEvent: () => E): MatchState<E> {
  const state = new MatchState<E>()
  const events: HeldEvent<E>[] = []
  readEvents(reader, readEvent, (value, timestampMs) => events.push(state.hold(value, timestampMs)))
  const nodes: TakenNode<E>[] = []
  const nodeAt = (index: number): TakenNode<E> => known(nodes[index], 'node', index)
  repeat(reader, () => {
    const stage = reader.long()
    const event = reader.long()
    const previous = reader.long()
    nodes.push(
      state.node(
        stage,
        known(events[event], 'event', event),
        previous === 0 ? undefined : nodeAt(previous - 1),
      ),
    )
  })
  repeat(reader, () => {
    const number = reader.long()
    const { withinPreviousMs } = known(states[number], 'state', number)
    const run: Run<E> = state.add(number, nodeAt(reader.long()))
    if (withinPreviousMs !== undefined) state.watch(run, run.node.event.timestampMs + withinPreviousMs)
  })
  repeat(reader, () => {
    const node = nodeAt(reader.long())
    node.references++
    state.waiting.push(node)
  })
  readEvents(reader, readEvent, (value, timestampMs) => state.expect(value, timestampMs))
  return state
}

function readEvents<E>(
  reader: AvroReader,
  readEvent: () => E,
  take: (value: E, timestampMs: number) => void,
): void {
  let timestampMs = 0
  repeat(reader, () => {
    timestampMs += reader.long()
    take(readEvent(), timestampMs)
  })
}

function repeat(reader: AvroReader, read: () => void): void {
  for (let left = reader.long(); left > 0; left--) {
    reader.expectMore()
    read()
  }
}

function known<T>(found: T | undefined, what: string, number: number): T {
  if (found === undefined) throw new RangeError(`there is no ${what} ${number}`)
  return found
}
