/**
 * Every call of every service by grpcurl, of three instances under load: each is asked of all of them, whichever has what is
 * asked for; then what each of them makes of wrong input.
 */
import { expect, it } from 'vitest'
import { at, type ControlCallOptions, ControlCluster, type Id, ids, listAt } from './control-cluster.ts'
import { type Json, whyNoCalls } from './grpcurl.ts'

const whySkipped = whyNoCalls()
// For a machine that does much else: no test judges a time.
const limitMs = 600_000
const unknownStage = { topology: 'cleanse', operator: 'no-such-operator' }
const memory = { topology: 'cleanse', store: 'order-memory' }
const cleanseTasks = ['order-line', 'order-parsed', 'order-processed', 'order-rejected'].flatMap(
  (subTopology) => [0, 1, 2, 3].map((partition) => `${subTopology}_${partition}`),
)
const statusCodes = {
  cancelled: 1,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  failedPrecondition: 9,
  unauthenticated: 16,
} as const

it.skipIf(whySkipped !== '')(
  `should answer every call of every service, and each wrong one with one reason, whichever instance is asked${whySkipped}`,
  { timeout: limitMs },
  () =>
    ControlCluster.use(['detection'], async (control) => {
      await looksAtTopologies(control)
      await commandsStages(control)
      await looksAtState(control)
      await takesCheckpoints(control)
      await cancelsElsewhere(control)
      const letter = await settlesDeadLetters(control)
      await looksAtServers(control)
      const untold = (await control.methods()).filter((method) => !control.called.has(method))
      expect(untold, 'methods that server reflection has and nobody called').toEqual([])
      await refusesWrongInput(control, letter)
      // What was replayed is no order this time either, and is a dead letter once more.
      expect(await control.cluster.finish('order-raw', 'ingest-dead-letter')).toEqual([])
    }),
)

async function looksAtTopologies(control: ControlCluster): Promise<void> {
  for (const answer of await control.askAll('TopologyService/ListTopologies', {})) {
    const names = listAt(answer, 'topologies').map((one) => at(one, 'topology'))
    expect(names.toSorted()).toEqual(['cleanse', 'detection', 'ingest', 'statistics'])
    expect(listAt(answer, 'topologies')).toContainEqual(
      expect.objectContaining({ topology: 'cleanse', instanceCount: 3, taskCount: 16 }),
    )
  }
  for (const answer of await control.askAll('TopologyService/GetTopology', { topology: 'cleanse' }))
    expect(answer).toMatchObject({ topology: { name: 'cleanse' }, text: expect.stringContaining('cleanse') })
  for (const answer of await control.askAll('TopologyService/ListAssignments', { topology: 'cleanse' })) {
    const assignments = listAt(answer, 'assignments')
    expect(assignments.map((one) => at(one, 'task'))).toEqual(cleanseTasks)
    expect(new Set(assignments.map((one) => at(one, 'instanceId')))).toEqual(new Set(ids))
  }
  for (const answer of await control.askAll('TopologyService/ExplainTopology', { topology: 'statistics' }))
    expect(listAt(answer, 'tasks').every((task) => at(task, 'text') !== '')).toBe(true)
  for (const id of ids) {
    const request = { topology: 'cleanse', interval: '0.2s', with_tasks: true }
    const watched = await control.call(id, 'TopologyService/WatchTopologies', request, { timeoutSeconds: 3 })
    expect(watched.code, watched.text).toBe(statusCodes.deadlineExceeded)
    expect(watched.messages.length).toBeGreaterThan(0)
    expect(listAt(watched.messages[0], 'topologies')).toHaveLength(1)
    expect(await control.ask(id, 'InstanceService/GetInstance', {})).toMatchObject({
      instance: { instanceId: id },
    })
  }
  for (const answer of await control.askAll('InstanceService/ListInstances', {}))
    expect(listAt(answer, 'instances').map((one) => at(one, 'instanceId'))).toEqual(ids)
}

async function commandsStages(control: ControlCluster): Promise<void> {
  const stage = { topology: 'cleanse' }
  const command = async (id: Id, call: string, more: Json = {}): Promise<Json> =>
    control.ask(id, `StageService/${call}`, { stage, request_id: `${call}-${id}`, ...more })
  const paused = await command('a', 'PauseStage', { reason: 'a look' })
  expect(paused).toMatchObject({
    wanted: { kind: 'STAGE_COMMAND_KIND_PAUSE', reason: 'a look', commandedBy: 'ops' },
  })
  expect(await command('a', 'PauseStage', { reason: 'a look' }), 'a repeat').toEqual(paused)
  expect(await command('b', 'StepStage', { records: 2 })).toMatchObject({ wanted: { stepTotal: '2' } })
  expect(await command('c', 'LimitStageRate', { records_per_second: 500 })).toMatchObject({
    wanted: { recordsPerSecond: 500 },
  })
  for (const answer of await control.askAll('StageService/GetStage', { stage }))
    expect(listAt(answer, 'status', 'tasks').map((task) => at(task, 'task'))).toEqual(cleanseTasks)
  for (const answer of await control.askAll('StageService/ListStages', stage))
    expect(listAt(answer, 'stages').length).toBeGreaterThan(0)
  expect(await command('a', 'LimitStageRate')).toMatchObject({ wanted: { kind: expect.any(String) } })
  const drain = await command('b', 'DrainStage')
  expect(listAt(drain, 'wanted', 'drainTo')).toHaveLength(4)
  expect(await command('c', 'ResumeStage')).toMatchObject({ wanted: { kind: 'STAGE_COMMAND_KIND_RUN' } })
}

async function looksAtState(control: ControlCluster): Promise<void> {
  for (const answer of await control.askAll('StateService/ListStores', { topology: 'cleanse' }))
    expect(listAt(answer, 'stores').map((store) => at(store, 'store'))).toContain('order-memory')
  const page = { range: memory, page_size: 3 }
  const first = await control.ask('a', 'StateService/ListRows', page)
  const keys = listAt(first, 'rows').map((row) => at(row, 'key'))
  expect(keys).toHaveLength(3)
  // A page of one instance goes on at another.
  const next = await control.ask('b', 'StateService/ListRows', {
    ...page,
    page_token: at(first, 'nextPageToken'),
  })
  expect(listAt(next, 'rows').map((row) => at(row, 'key'))).not.toEqual(keys)
  const total = control.cluster.eventCounts()
  for (const answer of await control.askAll('StateService/GetRow', { ...memory, key: keys[0] })) {
    expect(answer).toMatchObject({ row: { key: keys[0] }, source: { task: expect.any(String) } })
    const count = Number(at(answer, 'row', 'value', 'event_count'))
    expect(count).toBeGreaterThan(0)
    expect(count).toBeLessThanOrEqual(total.get(String(keys[0])) ?? 0)
  }
  const some = { ...memory, keys: [...keys, 'no-such-order'] }
  for (const answer of await control.askAll('StateService/BatchGetRows', some)) {
    const found = listAt(answer, 'rows').map((row) => at(row, 'row', 'key'))
    expect(found).toEqual([...keys, undefined])
  }
  for (const id of ids) {
    const request = { range: memory, options: { isolation: 'ISOLATION_LIVE' }, limit: 5 }
    const { code, messages, text } = await control.call(id, 'StateService/StreamRows', request)
    expect(code, text).toBe(0)
    expect(messages.flatMap((message) => listAt(message, 'rows'))).toHaveLength(5)
  }
  await looksAtTimes(control)
}

async function looksAtTimes(control: ControlCluster): Promise<void> {
  const rowsOf = (store: string) =>
    control.ask('a', 'StateService/ListRows', { range: { topology: 'statistics', store }, page_size: 1 })
  for (const [store, method] of [
    ['orders-per-hour', 'FetchWindows'],
    ['sessions-of-user', 'FetchSessions'],
  ] as const) {
    const key = at(await rowsOf(store), 'rows', 0, 'key')
    for (const answer of await control.askAll(`StateService/${method}`, {
      topology: 'statistics',
      store,
      key,
    }))
      expect(listAt(answer, 'rows')[0]).toMatchObject({ key, windowStart: expect.any(String) })
  }
  for (const answer of await control.askAll('StateService/ListTimers', {
    topology: 'detection',
    page_size: 2,
  }))
    expect(listAt(answer, 'timers')[0]).toMatchObject({ due: expect.any(String) })
  const bursts = { topology: 'detection', store: 'bursts', page_size: 2 }
  for (const answer of await control.askAll('StateService/ListPartialMatches', bursts))
    expect(listAt(answer, 'matches')[0]).toMatchObject({ store: 'bursts', waitsFor: expect.any(String) })
}

async function takesCheckpoints(control: ControlCluster): Promise<void> {
  const task = 'order-parsed_0'
  const topology = 'cleanse'
  for (const answer of await control.askAll('CheckpointService/TriggerCheckpoint', { topology }))
    expect(listAt(answer, 'checkpoints').map((one) => at(one, 'task'))).toEqual(cleanseTasks)
  for (const answer of await control.askAll('CheckpointService/ListCheckpoints', { topology }))
    expect(listAt(answer, 'checkpoints').length).toBeGreaterThanOrEqual(4)
  for (const answer of await control.askAll('CheckpointService/GetCheckpoint', { topology, task }))
    expect(answer).toMatchObject({ checkpoint: { task, inputOffsets: [{ topic: 'order-parsed' }] } })
  for (const answer of await control.askAll('CheckpointService/DiffCheckpoints', { topology, task }))
    expect(answer).toMatchObject({ from: { task }, to: { task } })

  const verifying = await control.ask('a', 'CheckpointService/VerifyState', {
    topology,
    request_id: 'verify',
  })
  expect(await control.ended('b', at(verifying, 'operation', 'name'))).toMatchObject({
    response: { same: true },
  })
  const making = await control.ask('b', 'CheckpointService/CreateSavepoint', {
    topology,
    savepoint: 'first',
    request_id: 'make',
  })
  expect(await control.ended('c', at(making, 'operation', 'name'))).toMatchObject({
    done: true,
    response: expect.anything(),
  })
  for (const answer of await control.askAll('CheckpointService/ListSavepoints', {}))
    expect(listAt(answer, 'savepoints')).toMatchObject([{ savepoint: 'first', topology }])
  for (const answer of await control.askAll('CheckpointService/GetSavepoint', { savepoint: 'first' }))
    expect(listAt(answer, 'savepoint', 'inputOffsets').length).toBeGreaterThan(0)
  const restore = await control.call('a', 'CheckpointService/RestoreSavepoint', {
    savepoint: 'first',
    topology,
    request_id: 'restore',
  })
  expect(restore, restore.text).toMatchObject({ code: 9, reasons: ['TOPOLOGY_RUNNING'] })
  await control.ask('a', 'CheckpointService/DeleteSavepoint', { savepoint: 'first', request_id: 'delete' })
}

/** While a part is paused a topology does not come to rest, and its savepoint is waited for. */
async function cancelsElsewhere(control: ControlCluster): Promise<void> {
  const operations = 'google.longrunning.Operations'
  const stage = { topology: 'cleanse', sub_topology: 'order-parsed' }
  await control.ask('c', 'StageService/PauseStage', { stage, reason: 'so that it takes long' })
  const request = { topology: 'cleanse', savepoint: 'never', request_id: 'never' }
  const name = at(await control.ask('a', 'CheckpointService/CreateSavepoint', request), 'operation', 'name')
  for (const answer of await control.askAll(`${operations}/ListOperations`, {}))
    expect(listAt(answer, 'operations').map((one) => at(one, 'name'))).toContain(name)
  expect(at(await control.ask('b', `${operations}/GetOperation`, { name }), 'done') ?? false).toBe(false)
  await control.ask('c', `${operations}/CancelOperation`, { name })
  expect(await control.ended('b', name)).toMatchObject({
    error: { code: statusCodes.cancelled },
  })
  await control.ask('b', `${operations}/DeleteOperation`, { name })
  const gone = await control.call('c', `${operations}/GetOperation`, { name })
  expect(gone, gone.text).toMatchObject({ code: statusCodes.notFound, reasons: ['OPERATION_NOT_FOUND'] })
  expect(await control.ask('b', 'CheckpointService/ListSavepoints', {})).toEqual({})
  await control.ask('a', 'StageService/ResumeStage', { stage })
}

/** Answers the name of one that is settled. */
async function settlesDeadLetters(control: ControlCluster): Promise<string> {
  const filter = { topology: 'ingest', code: 'ORDER_NOT_JSON' }
  const newest = await control.ask('a', 'DeadLetterService/ListDeadLetters', { filter, page_size: 1 })
  const name = String(at(newest, 'deadLetters', 0, 'name'))
  // The load goes on: for the next one who is asked it may be the newest no more.
  const since = { ...filter, from: at(newest, 'deadLetters', 0, 'failedTime') }
  for (const answer of await control.askAll('DeadLetterService/ListDeadLetters', { filter: since }))
    expect(listAt(answer, 'deadLetters').map((letter) => at(letter, 'name'))).toContain(name)
  for (const answer of await control.askAll('DeadLetterService/GetDeadLetter', { name }))
    expect(answer).toMatchObject({ deadLetter: { name, topic: 'order-raw' }, record: expect.anything() })
  const replay = { name, request_id: 'replay' }
  expect(await control.ask('b', 'DeadLetterService/ReplayDeadLetter', replay)).toMatchObject({
    deadLetter: { state: 'DEAD_LETTER_STATE_REPLAYED' },
  })
  const replayAll = { filter, records_per_second: 200, request_id: 'replay-all' }
  const replaying = await control.ask('c', 'DeadLetterService/ReplayDeadLetters', replayAll)
  expect(await control.ended('a', at(replaying, 'operation', 'name'))).toMatchObject({
    response: { replayed: expect.any(String) },
  })
  const discard = { filter: { topology: 'ingest' }, reason: 'no orders', request_id: 'discard' }
  const discarded = await control.ask('a', 'DeadLetterService/DiscardDeadLetters', discard)
  expect(Number(at(discarded, 'discarded'))).toBeGreaterThan(0)
  return name
}

/** What is known without the package of ours: health, reflection, channelz. */
async function looksAtServers(control: ControlCluster): Promise<void> {
  for (const answer of await control.askAll('grpc.health.v1.Health/Check', { service: 'cleanse' }))
    expect(answer).toEqual({ status: 'SERVING' })
  for (const answer of await control.askAll('grpc.health.v1.Health/List', {}))
    expect(at(answer, 'statuses', 'statistics', 'status')).toBe('SERVING')
  const watched = await control.call('b', 'grpc.health.v1.Health/Watch', {}, { timeoutSeconds: 3 })
  expect(watched.messages).toEqual([{ status: 'SERVING' }])
  for (const version of ['v1', 'v1alpha']) {
    const path = `grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`
    const answer = await control.ask('c', path, { list_services: '' })
    expect(listAt(answer, 'listServicesResponse', 'service').length).toBeGreaterThan(8)
  }
  const channelz = (method: string, request: Json) =>
    control.ask('a', `grpc.channelz.v1.Channelz/${method}`, request)
  const server_id = at(await channelz('GetServers', {}), 'server', 0, 'ref', 'serverId')
  expect(await channelz('GetServer', { server_id })).toMatchObject({
    server: { ref: { serverId: server_id } },
  })
  await channelz('GetServerSockets', { server_id })
  const channel = at(await channelz('GetTopChannels', {}), 'channel', 0)
  const channel_id = at(channel, 'ref', 'channelId')
  expect(await channelz('GetChannel', { channel_id })).toMatchObject({
    channel: { ref: { channelId: channel_id } },
  })
  const subchannel_id = at(channel, 'subchannelRef', 0, 'subchannelId')
  const subchannel = await channelz('GetSubchannel', { subchannel_id })
  const socket_id = at(subchannel, 'subchannel', 'socketRef', 0, 'socketId')
  expect(await channelz('GetSocket', { socket_id })).toMatchObject({
    socket: { ref: { socketId: socket_id } },
  })
}

type Wrong = readonly [
  method: string,
  request: Json,
  code: number,
  reason: string,
  options?: ControlCallOptions,
]

async function refusesWrongInput(control: ControlCluster, settledLetter: string): Promise<void> {
  const foreign = await control.ask('a', 'StateService/ListRows', { range: memory, page_size: 1 })
  const page_token = at(foreign, 'nextPageToken')
  const reused = { stage: { topology: 'cleanse' }, request_id: 'used-once' }
  await control.ask('a', 'StageService/ResumeStage', reused)
  // Each instance keeps the request ids that it was shown.
  const reusedElsewhere: Json = { ...reused, reason: 'another request' }
  const refused = await control.call('a', 'StageService/ResumeStage', reusedElsewhere)
  expect(refused, refused.text).toMatchObject({
    code: statusCodes.alreadyExists,
    reasons: ['REQUEST_ID_REUSED'],
  })

  // Whether the server or grpcurl is the first to tell that the time is up, the code is the same.
  const late = await control
    .call('b', 'google.longrunning.Operations/ListOperations', {}, { timeoutSeconds: 0.0001 })
    .catch((error: unknown) => ({ code: statusCodes.deadlineExceeded, text: String(error) }))
  expect(late.code, late.text).toBe(statusCodes.deadlineExceeded)

  for (const [index, wrong] of wrongCalls(page_token, settledLetter).entries()) {
    const [method, request, code, reason, options] = wrong
    const id = ids[index % ids.length]!
    const ending = await control.call(id, method, request, options)
    expect
      .soft(ending, `${method} ${JSON.stringify(request)} ${JSON.stringify(options)}: ${ending.text}`)
      .toMatchObject({
        code,
        reasons: [reason],
      })
  }
}

function wrongCalls(page_token: unknown, settledLetter: string): Wrong[] {
  const { invalidArgument, notFound, failedPrecondition } = statusCodes
  const topology = 'no-such-topology'
  const stage = { topology }
  const range = { topology: 'cleanse', store: 'no-such-store' }
  const noStore = { ...range, key: 'x' }
  const noTask = { topology: 'cleanse', task: 'no-such-task' }
  const window = { topology: 'statistics', store: 'orders-per-hour' }
  const operation = { name: 'operations/a/999' }
  const unknown: Wrong[] = [
    ['TopologyService/GetTopology', { topology }, notFound, 'TOPOLOGY_NOT_FOUND'],
    ['TopologyService/ListAssignments', { topology }, notFound, 'TOPOLOGY_NOT_FOUND'],
    ['TopologyService/WatchTopologies', { topology }, notFound, 'TOPOLOGY_NOT_FOUND'],
    ['TopologyService/ExplainTopology', { topology }, notFound, 'TOPOLOGY_NOT_FOUND'],
    ['TopologyService/ExplainTopology', unknownStage, notFound, 'STAGE_NOT_FOUND'],
    ['InstanceService/GetInstance', { topology }, notFound, 'TOPOLOGY_NOT_FOUND'],
    ['InstanceService/ListInstances', { topology }, notFound, 'TOPOLOGY_NOT_FOUND'],
    ['StageService/ListStages', { topology }, notFound, 'TOPOLOGY_NOT_FOUND'],
    ...['PauseStage', 'ResumeStage', 'DrainStage', 'GetStage'].flatMap((call): Wrong[] => [
      [`StageService/${call}`, { stage }, notFound, 'TOPOLOGY_NOT_FOUND'],
      [`StageService/${call}`, { stage: unknownStage }, notFound, 'STAGE_NOT_FOUND'],
    ]),
    ['StageService/StepStage', { stage: unknownStage, records: 1 }, notFound, 'STAGE_NOT_FOUND'],
    [
      'StageService/LimitStageRate',
      { stage: unknownStage, records_per_second: 1 },
      notFound,
      'STAGE_NOT_FOUND',
    ],
    ['StateService/ListStores', { topology }, notFound, 'TOPOLOGY_NOT_FOUND'],
    ['StateService/GetRow', noStore, notFound, 'STORE_NOT_FOUND'],
    ['StateService/BatchGetRows', { ...range, keys: ['x'] }, notFound, 'STORE_NOT_FOUND'],
    ['StateService/ListRows', { range }, notFound, 'STORE_NOT_FOUND'],
    ['StateService/StreamRows', { range }, notFound, 'STORE_NOT_FOUND'],
    ['StateService/FetchWindows', noStore, notFound, 'STORE_NOT_FOUND'],
    ['StateService/FetchSessions', noStore, notFound, 'STORE_NOT_FOUND'],
    ['StateService/ListTimers', range, notFound, 'STORE_NOT_FOUND'],
    ['StateService/ListPartialMatches', range, notFound, 'STORE_NOT_FOUND'],
    ['StateService/GetRow', { ...memory, key: 'no-such-order' }, notFound, 'KEY_NOT_FOUND'],
    ['CheckpointService/ListCheckpoints', { topology }, notFound, 'TOPOLOGY_NOT_FOUND'],
    ['CheckpointService/GetCheckpoint', noTask, notFound, 'TASK_NOT_FOUND'],
    ['CheckpointService/DiffCheckpoints', noTask, notFound, 'TASK_NOT_FOUND'],
    ['CheckpointService/TriggerCheckpoint', noTask, notFound, 'TASK_NOT_FOUND'],
    ['CheckpointService/VerifyState', noTask, notFound, 'TASK_NOT_FOUND'],
    ['CheckpointService/CreateSavepoint', { topology }, notFound, 'TOPOLOGY_NOT_FOUND'],
    ['CheckpointService/ListSavepoints', { page_size: -1 }, invalidArgument, 'REQUEST_INVALID'],
    ['CheckpointService/GetSavepoint', { savepoint: 'none' }, notFound, 'SAVEPOINT_NOT_FOUND'],
    ['CheckpointService/DeleteSavepoint', { savepoint: 'none' }, notFound, 'SAVEPOINT_NOT_FOUND'],
    [
      'CheckpointService/RestoreSavepoint',
      { savepoint: 'none', topology: 'cleanse' },
      notFound,
      'SAVEPOINT_NOT_FOUND',
    ],
    ['DeadLetterService/ListDeadLetters', { filter: { topology } }, notFound, 'TOPOLOGY_NOT_FOUND'],
    ['DeadLetterService/ReplayDeadLetters', { filter: { topology } }, notFound, 'TOPOLOGY_NOT_FOUND'],
    [
      'DeadLetterService/GetDeadLetter',
      { name: 'ingest-dead-letter/0/99999' },
      notFound,
      'DEAD_LETTER_NOT_FOUND',
    ],
    ...['GetOperation', 'WaitOperation', 'CancelOperation', 'DeleteOperation'].map(
      (call): Wrong => [`google.longrunning.Operations/${call}`, operation, notFound, 'OPERATION_NOT_FOUND'],
    ),
  ]
  const malformed: Wrong[] = [
    ['StateService/GetRow', { ...memory, key: { order: 1 } }, invalidArgument, 'REQUEST_INVALID'],
    ['StateService/BatchGetRows', { ...memory, keys: [17] }, invalidArgument, 'REQUEST_INVALID'],
    ['StateService/FetchWindows', { ...window, key: [] }, invalidArgument, 'REQUEST_INVALID'],
    ['StateService/GetRow', { ...memory, key: 'x', partition: 99 }, invalidArgument, 'REQUEST_INVALID'],
    [
      'StageService/StepStage',
      { stage: { topology: 'cleanse' }, records: -1 },
      invalidArgument,
      'REQUEST_INVALID',
    ],
    ['DeadLetterService/DiscardDeadLetters', {}, invalidArgument, 'REQUEST_INVALID'],
    ['TopologyService/ListTopologies', { page_size: -1 }, invalidArgument, 'REQUEST_INVALID'],
    ['StateService/ListRows', { range: memory, page_size: -1 }, invalidArgument, 'REQUEST_INVALID'],
    ['StateService/ListRows', { range: window, page_token }, invalidArgument, 'PAGE_TOKEN_INVALID'],
    ['TopologyService/ListTopologies', { page_token }, invalidArgument, 'PAGE_TOKEN_INVALID'],
    [
      'StageService/StepStage',
      { stage: { topology: 'cleanse' }, records: 1 },
      failedPrecondition,
      'STAGE_NOT_PAUSED',
    ],
    [
      'DeadLetterService/ReplayDeadLetter',
      { name: settledLetter },
      failedPrecondition,
      'DEAD_LETTER_SETTLED',
    ],
  ]
  const { unauthenticated, permissionDenied } = statusCodes
  const looking = [
    'TopologyService/GetTopology',
    'StateService/ListStores',
    'CheckpointService/ListSavepoints',
  ]
  const changing: [string, Json][] = [
    ['StageService/PauseStage', { stage: { topology: 'cleanse' } }],
    ['CheckpointService/TriggerCheckpoint', { topology: 'cleanse' }],
    ['DeadLetterService/DiscardDeadLetters', { filter: { topology: 'ingest' }, reason: 'no' }],
    ['google.longrunning.Operations/CancelOperation', operation],
  ]
  const forbidden: Wrong[] = [
    ...looking.flatMap((method): Wrong[] => [
      [method, { topology: 'cleanse' }, unauthenticated, 'UNAUTHENTICATED', { as: 'stranger' }],
      [method, { topology: 'cleanse' }, unauthenticated, 'UNAUTHENTICATED', { as: 'nobody' }],
    ]),
    ...changing.map(
      ([method, request]): Wrong => [
        method,
        request,
        permissionDenied,
        'PERMISSION_DENIED',
        { as: 'viewer' },
      ],
    ),
  ]
  return [...unknown, ...malformed, ...forbidden]
}
