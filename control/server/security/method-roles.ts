/** Who may make which call: every method of every service that is served, by name. What is not listed here nobody may call. */
import type { Role } from '../../call.ts'

/** `anyone` needs no credentials. */
export type NeededRole = Role | 'anyone'

const control = 'orderstreams.control.v1'

const rolesByService: Readonly<Record<string, Readonly<Record<string, NeededRole>>>> = {
  [`${control}.TopologyService`]: {
    ListTopologies: 'viewer',
    GetTopology: 'viewer',
    ListAssignments: 'viewer',
    WatchTopologies: 'viewer',
    ExplainTopology: 'viewer',
  },
  [`${control}.InstanceService`]: {
    GetInstance: 'viewer',
    ListInstances: 'viewer',
  },
  [`${control}.StageService`]: {
    PauseStage: 'operator',
    ResumeStage: 'operator',
    StepStage: 'operator',
    LimitStageRate: 'operator',
    DrainStage: 'operator',
    GetStage: 'viewer',
    ListStages: 'viewer',
  },
  [`${control}.StateService`]: {
    ListStores: 'viewer',
    GetRow: 'viewer',
    BatchGetRows: 'viewer',
    ListRows: 'viewer',
    StreamRows: 'viewer',
    FetchWindows: 'viewer',
    FetchSessions: 'viewer',
    ListTimers: 'viewer',
    ListPartialMatches: 'viewer',
  },
  [`${control}.CheckpointService`]: {
    ListCheckpoints: 'viewer',
    GetCheckpoint: 'viewer',
    DiffCheckpoints: 'viewer',
    TriggerCheckpoint: 'operator',
    // It changes nothing, but reads whole changelogs.
    VerifyState: 'operator',
    CreateSavepoint: 'operator',
    ListSavepoints: 'viewer',
    GetSavepoint: 'viewer',
    RestoreSavepoint: 'operator',
    DeleteSavepoint: 'operator',
  },
  [`${control}.DeadLetterService`]: {
    ListDeadLetters: 'viewer',
    GetDeadLetter: 'viewer',
    ReplayDeadLetter: 'operator',
    ReplayDeadLetters: 'operator',
    DiscardDeadLetters: 'operator',
  },
  'google.longrunning.Operations': {
    ListOperations: 'viewer',
    GetOperation: 'viewer',
    WaitOperation: 'viewer',
    CancelOperation: 'operator',
    DeleteOperation: 'operator',
  },
  'grpc.health.v1.Health': { Check: 'anyone', List: 'anyone', Watch: 'anyone' },
  'grpc.reflection.v1.ServerReflection': { ServerReflectionInfo: 'viewer' },
  'grpc.reflection.v1alpha.ServerReflection': { ServerReflectionInfo: 'viewer' },
  'grpc.channelz.v1.Channelz': {
    GetTopChannels: 'viewer',
    GetServers: 'viewer',
    GetServer: 'viewer',
    GetServerSockets: 'viewer',
    GetChannel: 'viewer',
    GetSubchannel: 'viewer',
    GetSocket: 'viewer',
  },
}

/** By path, such as `/orderstreams.control.v1.StageService/PauseStage`. */
export const methodRoles: ReadonlyMap<string, NeededRole> = new Map(
  Object.entries(rolesByService).flatMap(([service, methods]) =>
    Object.entries(methods).map(([method, role]) => [`/${service}/${method}`, role] as const),
  ),
)

/** Whether a role may make a call. Operators may do what viewers may. */
export function mayCall(role: Role, path: string): boolean {
  const needed = methodRoles.get(path)
  if (needed === undefined) return false
  return needed === 'anyone' || role === 'operator' || needed === 'viewer'
}
