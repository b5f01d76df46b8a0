/** CheckpointService: what tasks have committed, whether their state is what their changelogs say, and savepoints. */
import { type Service, service } from '../call.ts'
import type { ControlContext } from '../context.ts'
import { CheckpointServiceService } from '../generated/orderstreams/control/v1/checkpoint_service.ts'
import { CheckpointHistory } from './checkpoints/history.ts'
import { Savepoints } from './checkpoints/savepoints.ts'
import { triggerCheckpoint } from './checkpoints/trigger.ts'
import { StateVerifier } from './checkpoints/verify.ts'

export function checkpointService(context: ControlContext): Service {
  const history = new CheckpointHistory(context)
  const verifier = new StateVerifier(context)
  const savepoints = new Savepoints(context)
  return service(CheckpointServiceService, {
    listCheckpoints: (request) => history.list(request),
    getCheckpoint: async ({ topology, task, commitNumber }) => ({
      checkpoint: await history.get(topology, task, commitNumber),
    }),
    diffCheckpoints: (request) => history.diff(request),
    triggerCheckpoint: (request, call) => triggerCheckpoint(context, history, request, call),
    verifyState: async (request, call) => verifier.verifyState(request, call),
    createSavepoint: async (request, call) => ({ operation: await savepoints.create(request, call) }),
    listSavepoints: (request) => savepoints.list(request),
    getSavepoint: async ({ savepoint }) => ({ savepoint: await savepoints.get(savepoint) }),
    restoreSavepoint: async (request, call) => ({ operation: await savepoints.restore(request, call) }),
    deleteSavepoint: async ({ savepoint }) => {
      await savepoints.delete(savepoint)
      return {}
    },
  })
}
