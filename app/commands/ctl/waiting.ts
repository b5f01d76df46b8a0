/** Waits for operations, and shows meanwhile how far they are. */
import type { Command } from 'commander'
import { operationFailed } from '../../../control/client.ts'
import {
  type Operation,
  OperationsService,
  WaitOperationRequest,
} from '../../../control/generated/google/longrunning/operations.ts'
import { CommandFailed } from '../../failure.ts'
import { liveText, out, tell } from '../../output.ts'
import { operationData, progressOf, progressText } from './operation-text.ts'
import { printJson } from './print.ts'
import type { CtlOptions, Session } from './session.ts'
import { protoDuration } from './values.ts'

/** Until the next look at how far it is. */
const lookMs = 500

export interface OperationOptions extends CtlOptions {
  /** False with `--no-wait`. */
  readonly wait: boolean
}

export function addOperationOptions(command: Command): Command {
  return command.option('--no-wait', 'print the name of the operation, and leave it to itself')
}

/** Ends when the operation has, however long it takes. @throws ControlCallFailed when the operation failed */
export async function waitFor({ client, signal }: Session, name: string): Promise<Operation> {
  const live = liveText()
  let told = ''
  const request = WaitOperationRequest.create({ name, timeout: protoDuration(lookMs) })
  try {
    for (;;) {
      const operation = await client.call(OperationsService.waitOperation, request, { signal })
      const progress = progressOf(operation)
      if (progress !== undefined) {
        const text = progressText(progress)
        if (live !== undefined) live.show(text)
        // Where nothing can be redrawn, each step is told once.
        else if (progress.step !== told) tell(text)
        told = progress.step
      }
      if (operation.result?.$case === 'error') throw operationFailed(operation.result.value)
      if (operation.done) return operation
      signal.throwIfAborted()
    }
  } catch (error) {
    if (!signal.aborted) throw error
    throw new CommandFailed(
      `it goes on without you: \`order-streams ctl operations wait ${name}\` waits on, \`operations cancel\` ends it`,
    )
  } finally {
    live?.done()
  }
}

/** Waits for the operation that a call began and prints what came of it, or with `--no-wait` prints its name. */
export async function printOutcome<A>(
  session: Session,
  options: OperationOptions,
  operation: Operation | undefined,
  response: { decode(bytes: Uint8Array): A },
  print: (answer: A) => void,
): Promise<A | undefined> {
  if (operation === undefined) throw new CommandFailed('the server did not say which operation it began')
  if (!options.wait) {
    if (session.isJson) printJson(operationData(operation))
    else out(operation.name)
    return undefined
  }
  const { result } = operation.done ? operation : await waitFor(session, operation.name)
  if (result?.$case === 'error') throw operationFailed(result.value)
  const answer = response.decode(result?.value.value ?? new Uint8Array())
  if (session.isJson) printJson(answer)
  else print(answer)
  return answer
}
