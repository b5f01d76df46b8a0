/** Savepoints: made of running topologies, kept in the savepoint directory, and put back into stopped ones. */
import {
  createSavepoint,
  defaultSettings,
  isSavepointName,
  restoreSavepoint,
  SavepointDirectory,
  type SavepointManifest,
  type SavepointOptions,
  type StandStill,
  stopped,
} from '../../../streams/index.ts'
import type { Call } from '../../call.ts'
import type { ControlContext, WorkReport } from '../../context.ts'
import { ControlError, invalidField } from '../../errors.ts'
import type { Operation } from '../../generated/google/longrunning/operations.ts'
import {
  type CreateSavepointRequest,
  type ListSavepointsRequest,
  type ListSavepointsResponse,
  type RestoreSavepointRequest,
  Savepoint,
} from '../../generated/orderstreams/control/v1/checkpoint_service.ts'
import { pageOf } from '../../pages.ts'
import { topologyNamed } from '../instance-service.ts'
import { savepointMessage } from './messages.ts'
import { DrainedTopology } from './stand-still.ts'

const reasonMaxLength = 1_000

export class Savepoints {
  private readonly context: ControlContext
  /** Two at a time would use one scratch database. */
  private last: Promise<unknown> = Promise.resolve()

  constructor(context: ControlContext) {
    this.context = context
  }

  async create(request: CreateSavepointRequest, call: Call): Promise<Operation> {
    const { context } = this
    const topology = topologyNamed(context.topologies, request.topology)
    const directory = this.directory()
    const savepoint = request.savepoint === '' ? this.nameFor(topology.name) : named(request.savepoint)
    if (request.reason.length > reasonMaxLength)
      throw invalidField('reason', `has ${request.reason.length} characters; give ${reasonMaxLength} at most`)
    // Told at once rather than by an operation that fails.
    if ((await directory.list()).some((one) => one.savepoint === savepoint)) throw exists(savepoint)
    const what =
      request.reason === '' ? `savepoint ${savepoint}` : `savepoint ${savepoint}: ${request.reason}`
    return this.start('CreateSavepoint', topology.name, call, async (options) => {
      const own: Call = {
        ...call,
        signal: options.signal ?? call.signal,
        deadlineMs: undefined,
        isForwarded: false,
      }
      const wanted = { topology, directory, savepoint, reason: request.reason, createdBy: call.caller.name }
      return createSavepoint(context, wanted, await this.standStill(topology.name, own, what), options)
    })
  }

  async list(request: ListSavepointsRequest): Promise<ListSavepointsResponse> {
    const { topology } = request
    const directory = this.directory()
    const manifests = (await directory.list()).filter((one) => topology === '' || one.topology === topology)
    const query = { list: 'savepoints', topology }
    const { page, nextPageToken } = pageOf(manifests, newestFirst, request, query)
    return {
      savepoints: page.map((manifest) => savepointMessage(manifest, directory.pathOf(manifest.savepoint))),
      nextPageToken,
    }
  }

  async get(savepoint: string): Promise<Savepoint> {
    const directory = this.directory()
    return savepointMessage(await directory.get(named(savepoint)), directory.pathOf(savepoint))
  }

  async restore(request: RestoreSavepointRequest, call: Call): Promise<Operation> {
    const { context } = this
    const directory = this.directory()
    const manifest = await directory.get(named(request.savepoint))
    if (manifest.topology !== request.topology) {
      throw invalidField(
        'topology',
        `is "${request.topology}", and savepoint ${manifest.savepoint} is of ${manifest.topology}: name the topology that it is of`,
      )
    }
    const topology =
      context.topologies.find(({ name }) => name === request.topology) ??
      context.releaseTopology?.(request.topology)
    await stopped(context, request.topology).begin(call.signal)
    return this.start('RestoreSavepoint', request.topology, call, (options) =>
      restoreSavepoint(
        context,
        {
          directory,
          savepoint: request.savepoint,
          topologyName: request.topology,
          ...(topology === undefined ? {} : { topology }),
          instanceId: context.instanceId,
          transactionTimeoutMs: defaultSettings.transactionTimeoutMs,
          transactionMaxBytes: defaultSettings.transactionMaxBytes,
        },
        options,
      ),
    )
  }

  async delete(savepoint: string): Promise<void> {
    await this.directory().delete(named(savepoint))
  }

  /** A topology that no instance runs stands still by itself. */
  private async standStill(topology: string, call: Call, what: string): Promise<StandStill> {
    const { isEmpty } = await this.context.log.describeGroup(topology)
    return isEmpty ? stopped(this.context, topology) : new DrainedTopology(this.context, topology, call, what)
  }

  private start(
    name: string,
    target: string,
    { caller }: Call,
    work: (options: SavepointOptions) => Promise<SavepointManifest>,
  ): Operation {
    return this.context.operations.start<Savepoint>({
      call: name,
      target,
      caller,
      response: { typeName: 'orderstreams.control.v1.Savepoint', encode: Savepoint.encode },
      work: async (report: (report: WorkReport) => void, signal: AbortSignal) => {
        const mine = this.last.then(() => {
          signal.throwIfAborted()
          return work({ signal, onProgress: report })
        })
        this.last = mine.catch(() => {})
        const manifest = await mine.catch((error: unknown) => {
          signal.throwIfAborted()
          throw error
        })
        return savepointMessage(manifest, this.directory().pathOf(manifest.savepoint))
      },
    })
  }

  private directory(): SavepointDirectory {
    const { savepointDirectory } = this.context
    if (savepointDirectory !== null) return new SavepointDirectory(savepointDirectory)
    throw new ControlError(
      'CONFIGURATION_INVALID',
      'no savepoint directory is set in this instance: set savepointDir to a directory that all instances see',
      { metadata: { setting: 'savepointDir' } },
    )
  }

  private nameFor(topology: string): string {
    const time = new Date(this.context.clock.now()).toISOString().replaceAll(/[:.]/g, '-')
    return named(`${topology}-${time}`)
  }
}

function named(savepoint: string): string {
  if (isSavepointName(savepoint)) return savepoint
  throw invalidField(
    'savepoint',
    `is ${JSON.stringify(savepoint)}; give letters, digits, ".", "_" and "-", of which the first is a letter or a digit, and 128 at most`,
  )
}

function exists(savepoint: string): ControlError {
  return new ControlError(
    'SAVEPOINT_EXISTS',
    `savepoint ${savepoint} exists already: take another name, or delete it`,
    {
      metadata: { savepoint },
    },
  )
}

function newestFirst({ createdMs, savepoint }: SavepointManifest): string {
  return `${String(Number.MAX_SAFE_INTEGER - createdMs).padStart(16, '0')} ${savepoint}`
}
