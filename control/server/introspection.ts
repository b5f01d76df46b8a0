/** What tools ask of a server itself: server reflection, and channelz for its connections. Both for callers that the guard lets in. */
import {
  getChannelzHandlers,
  getChannelzServiceDefinition,
  type handleUnaryCall,
  type Server,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import type { Service } from '../call.ts'
import type { Guard } from './guard.ts'
import { admit } from './handlers.ts'
import { reflectionImplementation, reflectionServices } from './reflection.ts'
import { errorToTell, serviceErrorOf } from './status.ts'

export function addIntrospection(server: Server, services: readonly Service[], guard: Guard): void {
  const channelz = getChannelzServiceDefinition()
  const definitions = [...services.map(({ definition }) => definition), ...reflectionServices, channelz]
  const names = [...new Set(definitions.flatMap(serviceNamesOf))]
  for (const definition of reflectionServices) {
    const { path } = definition.serverReflectionInfo
    server.addService(definition, reflectionImplementation(path, guard, names))
  }
  server.addService(channelz, guardedChannelz(guard))
}

/** `orderstreams.control.v1.StateService` of `/orderstreams.control.v1.StateService/GetRow`. */
function serviceNamesOf(definition: object): string[] {
  return Object.values(definition).flatMap(
    (method: { readonly path?: string }) => method.path?.split('/')[1] ?? [],
  )
}

function guardedChannelz(guard: Guard): UntypedServiceImplementation {
  const guarded: UntypedServiceImplementation = {}
  for (const [name, handler] of Object.entries(getChannelzHandlers())) {
    // All calls of channelz are unary.
    const handle = handler as handleUnaryCall<unknown, unknown>
    const admitted: handleUnaryCall<unknown, unknown> = async (call, callback) => {
      try {
        await admit(call, call.getPath(), guard)
      } catch (error) {
        callback(serviceErrorOf(errorToTell(error)))
        return
      }
      handle(call, callback)
    }
    guarded[name] = admitted
  }
  return guarded
}
