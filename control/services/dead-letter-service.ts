/**
 * DeadLetterService: all there is to know lies in the log, so any instance answers, whoever runs the topology. What keeps two
 * from sending one record twice lies there, too.
 */
import {
  DeadLetterDesk,
  defaultAttemptsMax,
  type LetterFilter,
  type LetterKind,
  letterName,
  letterNamed,
  type RecordContent,
  type RecordPlace,
  RecordValues,
  type RejectionTopic,
  type ReplayOutcome,
  type ReplaySummary,
  type StatedLetter,
} from '../../streams/index.ts'
import { type Call, type Service, service } from '../call.ts'
import type { ControlContext } from '../context.ts'
import { ControlError, invalidField } from '../errors.ts'
import type { Operation } from '../generated/google/longrunning/operations.ts'
import {
  type DeadLetter,
  type DeadLetterFilter,
  DeadLetterServiceService,
  type DeadLetterState,
  type DiscardDeadLettersRequest,
  type GetDeadLetterResponse,
  type ListDeadLettersRequest,
  type ListDeadLettersResponse,
  type OriginalRecord,
  type ReplayDeadLettersRequest,
  ReplayResult,
} from '../generated/orderstreams/control/v1/dead_letter_service.ts'
import { toJson } from '../json-values.ts'
import { cursorOf, nextPageToken, pageSizeOf } from '../pages.ts'
import { topologyNamed } from './instance-service.ts'

const reasonMaxLength = 1_000

/** @param rejections where the topologies' rejections are: at most one topic for each */
export function deadLetterService(
  context: ControlContext,
  rejections: readonly RejectionTopic[] = [],
): Service {
  const desks = new Desks(context, rejections)
  return service(DeadLetterServiceService, {
    listDeadLetters: (request, call) => list(desks, request, call),
    getDeadLetter: ({ name }, call) => get(desks, name, call),

    replayDeadLetter: async ({ name, beyondMaxAttempts }, call) => {
      const { desk, place } = desks.holding(name)
      const request = { by: call.caller.name, beyondAttemptsMax: beyondMaxAttempts, signal: call.signal }
      const { letter, status } = replayedOrThrow(name, await desk.replay(place, request))
      const replayedOffset = status.replayed_as?.offset ?? -1
      return { deadLetter: messageOf({ letter, status }), replayedOffset }
    },

    replayDeadLetters: async (request, call) => ({ operation: replayAll(desks, request, call) }),
    discardDeadLetters: async (request, call) => ({ discarded: await discard(desks, request, call) }),
  })
}

/** A desk for each topology, with its statuses read so far. */
class Desks {
  readonly context: ControlContext
  private readonly rejections: readonly RejectionTopic[]
  private readonly byTopology = new Map<string, DeadLetterDesk>()

  constructor(context: ControlContext, rejections: readonly RejectionTopic[]) {
    this.context = context
    this.rejections = rejections
  }

  /** @throws ControlError TOPOLOGY_NOT_FOUND */
  of(name: string): DeadLetterDesk {
    const known = this.byTopology.get(name)
    if (known !== undefined) return known
    const { context } = this
    const topology = topologyNamed(context.topologies, name)
    const rejections = this.rejections.find((topic) => topic.topology === name)
    const desk = new DeadLetterDesk({
      ...context,
      topology,
      ...(rejections === undefined ? {} : { rejections }),
    })
    this.byTopology.set(name, desk)
    return desk
  }

  /** The desk of a letter by its name. @throws ControlError REQUEST_INVALID, DEAD_LETTER_NOT_FOUND */
  holding(name: string): { readonly desk: DeadLetterDesk; readonly place: RecordPlace } {
    const place = letterNamed(name)
    if (place === undefined) {
      throw invalidField(
        'name',
        `is ${JSON.stringify(name)}; it must be topic/partition/offset as ListDeadLetters names it, such as ingest-dead-letter/0/12`,
      )
    }
    for (const topology of this.context.topologies) {
      const desk = this.of(topology.name)
      if (desk.kindOf(place.topic) !== undefined) return { desk, place }
    }
    throw notFound(name)
  }

  /** What a filter means. @throws ControlError REQUEST_INVALID, TOPOLOGY_NOT_FOUND */
  filtered(filter: DeadLetterFilter | undefined): {
    readonly desk: DeadLetterDesk
    readonly kind: LetterKind
    readonly filter: LetterFilter
  } {
    if (filter === undefined || filter.topology === '')
      throw invalidField('filter.topology', 'is empty; name the topology whose dead letters are meant')
    const { code, operator, topic, from, to } = filter
    const desk = this.of(filter.topology)
    const kind = filter.rejections ? 'rejections' : 'dead-letters'
    if (filter.rejections && !this.rejections.some(({ topology }) => topology === filter.topology)) {
      const named = this.rejections.map(({ topology }) => topology).join(', ') || 'none'
      throw invalidField(
        'filter.rejections',
        `is true, but topology ${filter.topology} rejects nothing; those that do: ${named}`,
      )
    }
    if (from !== undefined && to !== undefined && from >= to)
      throw invalidField('filter.to', `is ${to.toISOString()}, not after filter.from, ${from.toISOString()}`)
    return {
      desk,
      kind,
      filter: {
        ...(code === '' ? {} : { code }),
        ...(operator === '' ? {} : { operator }),
        ...(topic === '' ? {} : { topic }),
        ...(from === undefined ? {} : { fromMs: from.getTime() }),
        ...(to === undefined ? {} : { toMs: to.getTime() }),
      },
    }
  }
}

async function list(
  desks: Desks,
  request: ListDeadLettersRequest,
  { signal }: Call,
): Promise<ListDeadLettersResponse> {
  const { desk, ...which } = desks.filtered(request.filter)
  const { withSettled } = request
  const query = { list: 'dead-letters', filter: request.filter, withSettled }
  const cursor = cursorOf(request, query)
  const before = cursor === undefined ? undefined : offsetsOf(cursor)
  const size = pageSizeOf(request)
  const { letters, next } = await desk.list({ ...which, withSettled, size, before, signal })
  return {
    deadLetters: letters.map((letter) => messageOf(letter)),
    nextPageToken: next === undefined ? '' : nextPageToken(next.join(','), query),
  }
}

/** Where a page begins, by partition. @throws ControlError PAGE_TOKEN_INVALID */
function offsetsOf(cursor: string): number[] {
  const offsets = cursor.split(',').map(Number)
  if (offsets.every((offset) => Number.isSafeInteger(offset) && offset >= 0)) return offsets
  throw new ControlError('PAGE_TOKEN_INVALID', 'page_token is none that ListDeadLetters has given', {
    fields: [{ field: 'page_token', description: 'is none that ListDeadLetters has given' }],
  })
}

async function get(desks: Desks, name: string, { signal }: Call): Promise<GetDeadLetterResponse> {
  const { desk, place } = desks.holding(name)
  const found = await desk.get(place, signal)
  if (found === undefined) throw notFound(name)
  const { content, notReplayable } = found
  const values = new RecordValues(desks.context.registry, desk.topology)
  return {
    deadLetter: messageOf(found, notReplayable),
    record: content === undefined ? undefined : await recordOf(values, found.letter.record.topic, content),
  }
}

function replayAll(
  desks: Desks,
  { filter, recordsPerSecond, beyondMaxAttempts }: ReplayDeadLettersRequest,
  { caller }: Call,
): Operation {
  const { desk, ...which } = desks.filtered(filter)
  if (!(Number.isFinite(recordsPerSecond) && recordsPerSecond >= 0)) {
    throw invalidField(
      'records_per_second',
      `is ${recordsPerSecond}; it must be 0 or more, and 0 means as fast as it goes`,
    )
  }
  return desks.context.operations.start<ReplayResult>({
    call: 'ReplayDeadLetters',
    target: desk.topology.name,
    caller,
    response: {
      typeName: 'orderstreams.control.v1.ReplayResult',
      encode: (result) => ReplayResult.encode(result),
    },
    work: async (report, signal) => {
      const summary = await desk.replayAll({
        ...which,
        by: caller.name,
        attemptsMax: beyondMaxAttempts ? undefined : defaultAttemptsMax,
        ...(recordsPerSecond === 0 ? {} : { recordsPerSecond }),
        signal,
        onProgress: report,
      })
      return resultOf(summary)
    },
  })
}

async function discard(
  desks: Desks,
  { name, filter, reason }: DiscardDeadLettersRequest,
  { caller, signal }: Call,
): Promise<number> {
  if (reason.trim() === '' || reason.length > reasonMaxLength) {
    throw invalidField(
      'reason',
      `has ${reason.trim().length} characters; say in 1 to ${reasonMaxLength} why nobody needs to process this`,
    )
  }
  const by = caller.name
  if (name === '')
    return desks.filtered(filter).desk.discardAll({ ...desks.filtered(filter), by, reason, signal })
  if (filter !== undefined)
    throw invalidField('filter', `is given beside name, ${JSON.stringify(name)}; give one of them`)
  const { desk, place } = desks.holding(name)
  const outcome = await desk.discard(place, { by, reason, signal })
  if (outcome.kind === 'not-found') throw notFound(name)
  if (outcome.kind === 'settled') throw settled(name, outcome)
  return 1
}

function replayedOrThrow(name: string, outcome: ReplayOutcome) {
  switch (outcome.kind) {
    case 'replayed':
      return outcome
    case 'settled':
      throw settled(name, outcome)
    case 'not-found':
      throw notFound(name)
    case 'not-replayable':
      throw new ControlError('DEAD_LETTER_NOT_REPLAYABLE', `${name} cannot be sent again: ${outcome.why}`, {
        metadata: { name },
      })
    case 'record-gone': {
      const { topic, partition, offset } = outcome.letter.record
      throw new ControlError(
        'RECORD_GONE',
        `${name} is of the record at ${topic}-${partition} offset ${offset}, which the log no longer has: discard it`,
        { metadata: { name, topic, partition: String(partition), offset: String(offset) } },
      )
    }
    case 'tried-enough':
      throw new ControlError(
        'MAX_ATTEMPTS_REACHED',
        `${name} has been attempted ${outcome.letter.attempt} times, and ${defaultAttemptsMax} is the most; ` +
          'mend its cause, and set beyond_max_attempts',
        { metadata: { name, attempts: String(outcome.letter.attempt) } },
      )
  }
}

function notFound(name: string): ControlError {
  return new ControlError(
    'DEAD_LETTER_NOT_FOUND',
    `there is no dead letter ${name}, or the log no longer has it; ListDeadLetters names those that there are`,
    { metadata: { name } },
  )
}

function settled(name: string, { status }: Pick<StatedLetter, 'status'>): ControlError {
  const { state = 'REPLAYED', settled_by: by = '', settled_time: timeMs = 0 } = status ?? {}
  const what = state === 'REPLAYED' ? 'replayed' : 'discarded'
  return new ControlError(
    'DEAD_LETTER_SETTLED',
    `${name} was ${what} by ${by} at ${new Date(timeMs).toISOString()}`,
    { metadata: { name, state } },
  )
}

function resultOf(summary: ReplaySummary): ReplayResult {
  const { replayed, triedEnough, recordsGone, waiting, notReplayable } = summary
  return { replayed, beyondMaxAttempts: triedEnough, recordsGone, waiting, notReplayable }
}

function messageOf({ letter, status }: StatedLetter, notReplayable = letter.notReplayable): DeadLetter {
  const { record, codes } = letter
  const state: DeadLetterState =
    status === undefined ? 'DEAD_LETTER_STATE_PENDING' : `DEAD_LETTER_STATE_${status.state}`
  return {
    name: letterName(letter.place),
    topology: letter.topology,
    subTopology: letter.subTopology,
    operator: letter.operator,
    codes: [...codes],
    message: letter.message,
    topic: record.topic,
    partition: record.partition,
    offset: record.offset,
    recordTime: new Date(letter.recordTimeMs),
    failedTime: new Date(letter.failedTimeMs),
    attempt: letter.attempt,
    state,
    settledTime: status === undefined ? undefined : new Date(status.settled_time),
    settledBy: status?.settled_by ?? '',
    settledReason: status?.reason ?? '',
    rejection: letter.isRejection,
    replayedOffset: status?.replayed_as?.offset,
    notReplayable: notReplayable ?? '',
  }
}

async function recordOf(
  values: RecordValues,
  topic: string,
  content: RecordContent,
): Promise<OriginalRecord> {
  const { key, value } = await values.read(topic, content)
  return {
    key: toJson(key),
    value: toJson(value),
    keyBytes: content.key ?? Buffer.alloc(0),
    valueBytes: content.value ?? Buffer.alloc(0),
    headers: content.headers.map((header) => ({ key: header.key, value: Buffer.from(header.value ?? []) })),
  }
}
