/** Savepoints, as others make and use them. */
export {
  createSavepoint,
  type SavepointOptions,
  type SavepointPorts,
  type SavepointRequest,
  type StandStill,
  stopped,
} from './create-savepoint.ts'
export { type RestoreRequest, restoreSavepoint } from './restore-savepoint.ts'
export {
  bytesOf,
  isSavepointName,
  SavepointDirectory,
  type SavepointInput,
  type SavepointManifest,
  type SavepointStoreFile,
  type SavepointTask,
} from './savepoint-directory.ts'
