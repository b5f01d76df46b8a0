/**
 * Holds a topology for a moment, looks into its state, lets it go on, and makes a savepoint of it.
 *
 * node dist/main.js [topology] [address]      or CONTROL_ADDRESS; CONTROL_TOKEN is a bearer token
 */
import { credentials } from '@grpc/grpc-js'
import { made, metadataOf, newRequestId } from './connection.js'
import { CallFailed } from './failure.js'
import {
  type Operation,
  OperationsClient,
  WaitOperationRequest,
} from './generated/google/longrunning/operations.js'
import {
  CheckpointServiceClient,
  CreateSavepointRequest,
  Savepoint,
  WorkProgress,
} from './generated/orderstreams/control/v1/checkpoint_service.js'
import { FlowState } from './generated/orderstreams/control/v1/instance_service.js'
import {
  PauseStageRequest,
  ResumeStageRequest,
  StageServiceClient,
} from './generated/orderstreams/control/v1/stage_service.js'
import {
  GetRowRequest,
  ListRowsRequest,
  ListStoresRequest,
  StateServiceClient,
  StoreKind,
} from './generated/orderstreams/control/v1/state_service.js'
import {
  ListTopologiesRequest,
  TopologyServiceClient,
  type TopologySummary,
  WatchTopologiesRequest,
} from './generated/orderstreams/control/v1/topology_service.js'

const [topology = 'cleanse', address = process.env['CONTROL_ADDRESS'] ?? '127.0.0.1:50051'] =
  process.argv.slice(2)
const metadata = metadataOf(process.env['CONTROL_TOKEN'])
// With TLS: credentials.createSsl(readFileSync('ca.pem')).
const channel = credentials.createInsecure()
const topologies = new TopologyServiceClient(address, channel)
const stages = new StageServiceClient(address, channel)
const state = new StateServiceClient(address, channel)
const checkpoints = new CheckpointServiceClient(address, channel)
const operations = new OperationsClient(address, channel)

/** A list comes in pages: the token of one leads to the next. */
async function* allTopologies(): AsyncGenerator<TopologySummary> {
  let pageToken = ''
  do {
    const request = ListTopologiesRequest.create({ pageSize: 2, pageToken })
    const page = await made(topologies.listTopologies.bind(topologies), request, metadata)
    yield* page.topologies
    pageToken = page.nextPageToken
  } while (pageToken !== '')
}

/** A stream tells how the topology gets on, until it is paused on every instance. */
async function untilPaused(): Promise<void> {
  const request = WatchTopologiesRequest.create({ topology, interval: { seconds: 0, nanos: 200_000_000 } })
  const stream = topologies.watchTopologies(request, metadata)
  for await (const {
    topologies: [summary],
  } of stream) {
    console.log(`  ${summary?.flow}, lag ${summary?.lag}`)
    if (summary?.flow === FlowState.FLOW_STATE_PAUSED) break
  }
  // The server would go on telling; that the call ends so is no failure.
  stream.on('error', () => {})
  stream.cancel()
}

async function lookIntoState(): Promise<void> {
  const listStores = ListStoresRequest.create({ topology })
  const { stores } = await made(state.listStores.bind(state), listStores, metadata)
  const found = stores.find(({ kind }) => kind === StoreKind.STORE_KIND_KEY_VALUE)
  if (found === undefined) return console.log(`${topology} keeps no values by key`)
  const { store } = found
  const listRows = ListRowsRequest.create({ range: { topology, store }, pageSize: 3 })
  const { rows } = await made(state.listRows.bind(state), listRows, metadata)
  console.log(
    `${store} begins with`,
    rows.map(({ key }) => key),
  )
  const [first] = rows
  if (first === undefined) return
  const getRow = GetRowRequest.create({ topology, store, key: first.key })
  const { row, source } = await made(state.getRow.bind(state), getRow, metadata)
  console.log(
    `${JSON.stringify(row?.key)} is ${JSON.stringify(row?.value)}, as of commit ${source?.commitNumber} of ${source?.task}`,
  )
}

/** A reason is stable, and `metadata` has what it is about: programs need read no text. */
async function askForWhatIsNotThere(): Promise<void> {
  try {
    const request = GetRowRequest.create({ topology, store: 'no-such-store', key: 'x' })
    await made(state.getRow.bind(state), request, metadata)
  } catch (error) {
    if (!(error instanceof CallFailed) || error.reason !== 'STORE_NOT_FOUND') throw error
    console.log(`as expected: ${error.reason}, ${error.message}`)
  }
}

/** What takes long is an operation: it goes on behind the call, and is asked how far it is. Its response is a message, encoded. */
async function finished(begun: Operation | undefined): Promise<Uint8Array> {
  let operation = begun
  while (operation !== undefined && !operation.done) {
    if (operation.metadata !== undefined) {
      const { step, done, total } = WorkProgress.decode(operation.metadata.value)
      console.log(step === '' ? '  begins' : `  ${step} ${done}/${total}`)
    }
    const request = WaitOperationRequest.create({ name: operation.name, timeout: { seconds: 1, nanos: 0 } })
    operation = await made(operations.waitOperation.bind(operations), request, metadata)
  }
  const { result } = operation ?? {}
  if (result?.$case === 'error') throw new CallFailed(result.value)
  return result?.value.value ?? new Uint8Array()
}

async function makeSavepoint(): Promise<void> {
  const request = CreateSavepointRequest.create({ topology, reason: 'an example', requestId: newRequestId() })
  const { operation } = await made(checkpoints.createSavepoint.bind(checkpoints), request, metadata)
  const { savepoint, bytes, stores } = Savepoint.decode(await finished(operation))
  console.log(`savepoint ${savepoint} has ${bytes} bytes of ${stores.length} stores`)
}

async function main(): Promise<void> {
  for await (const { topology: name, lag, runningTaskCount } of allTopologies())
    console.log(`${name}: ${runningTaskCount} tasks, lag ${lag}`)

  const stage = { topology, subTopology: '', operator: '' }
  const pause = PauseStageRequest.create({
    stage,
    reason: 'an example looks around',
    requestId: newRequestId(),
  })
  await made(stages.pauseStage.bind(stages), pause, metadata)
  try {
    console.log(`${topology} is to pause:`)
    await untilPaused()
    await lookIntoState()
    await askForWhatIsNotThere()
  } finally {
    const resume = ResumeStageRequest.create({ stage, reason: 'done', requestId: newRequestId() })
    await made(stages.resumeStage.bind(stages), resume, metadata)
    console.log(`${topology} goes on`)
  }
  await makeSavepoint()
}

try {
  await main()
} catch (error) {
  if (!(error instanceof CallFailed)) throw error
  console.error(`${error.reason}: ${error.message}`)
  for (const { field, description } of error.fields) console.error(`  ${field}: ${description}`)
  process.exitCode = 1
}
for (const client of [topologies, stages, state, checkpoints, operations]) client.close()
