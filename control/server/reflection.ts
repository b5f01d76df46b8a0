/**
 * Server reflection, so that tools without the protos list, describe and call what is served: v1 and v1alpha, whose messages are the
 * same.
 */
import { type ServerDuplexStream, status, type UntypedServiceImplementation } from '@grpc/grpc-js'
import {
  type ServerReflectionRequest,
  type ServerReflectionResponse,
  ServerReflectionService,
} from '../generated/grpc/reflection/v1/reflection.ts'
import { type Descriptors, loadDescriptors } from './descriptors.ts'
import type { Guard } from './guard.ts'
import { admit } from './handlers.ts'
import { errorToTell, serviceErrorOf } from './status.ts'

type ReflectionStream = ServerDuplexStream<ServerReflectionRequest, ServerReflectionResponse>
type Answer = ServerReflectionResponse['messageResponse']

const { serverReflectionInfo } = ServerReflectionService

/** The two versions of the service, as grpc-js takes them. */
export const reflectionServices = ['v1', 'v1alpha'].map((version) => ({
  serverReflectionInfo: {
    ...serverReflectionInfo,
    path: `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
  },
}))

/** @param serviceNames all that is served, full names */
export function reflectionImplementation(
  path: string,
  guard: Guard,
  serviceNames: readonly string[],
): UntypedServiceImplementation {
  return {
    serverReflectionInfo: (stream: ReflectionStream) => void answerAll(stream, path, guard, serviceNames),
  }
}

async function answerAll(
  stream: ReflectionStream,
  path: string,
  guard: Guard,
  serviceNames: readonly string[],
): Promise<void> {
  try {
    await admit(stream, path, guard)
    const descriptors = await loadDescriptors()
    // Read to its end, it still has to be written to.
    for await (const request of stream.iterator({ destroyOnReturn: false })) {
      stream.write({
        validHost: request.host,
        originalRequest: request,
        messageResponse: answerTo(request, descriptors, serviceNames),
      })
    }
    stream.end()
  } catch (error) {
    // A caller who has gone hears nothing.
    if (!stream.cancelled) stream.emit('error', serviceErrorOf(errorToTell(error)))
  }
}

function answerTo(
  { messageRequest }: ServerReflectionRequest,
  descriptors: Descriptors,
  serviceNames: readonly string[],
): Answer {
  switch (messageRequest?.$case) {
    case 'listServices': {
      const service = [...serviceNames].sort().map((name) => ({ name }))
      return { $case: 'listServicesResponse', value: { service } }
    }
    case 'fileByFilename':
      return files(descriptors.file(messageRequest.value), `file ${messageRequest.value}`)
    case 'fileContainingSymbol':
      return files(descriptors.fileDeclaring(messageRequest.value), `symbol ${messageRequest.value}`)
    case 'fileContainingExtension': {
      const { containingType, extensionNumber } = messageRequest.value
      const found = descriptors.fileExtending(containingType, extensionNumber)
      return files(found, `extension ${extensionNumber} of ${containingType}`)
    }
    case 'allExtensionNumbersOfType': {
      const numbers = descriptors.extensionsOf(messageRequest.value)
      if (numbers === undefined) return notFound(`message ${messageRequest.value}`)
      const value = { baseTypeName: messageRequest.value, extensionNumber: [...numbers] }
      return { $case: 'allExtensionNumbersResponse', value }
    }
    default:
      return {
        $case: 'errorResponse',
        value: { errorCode: status.INVALID_ARGUMENT, errorMessage: 'the request asks for nothing' },
      }
  }
}

function files(found: readonly Uint8Array[] | undefined, what: string): Answer {
  if (found === undefined) return notFound(what)
  const fileDescriptorProto = found.map((bytes) => Buffer.from(bytes))
  return { $case: 'fileDescriptorResponse', value: { fileDescriptorProto } }
}

function notFound(what: string): Answer {
  return {
    $case: 'errorResponse',
    value: { errorCode: status.NOT_FOUND, errorMessage: `there is no ${what} here` },
  }
}
