/** The descriptors of all protos that are served, as they were compiled, with their comments. */
import { readFile } from 'node:fs/promises'
import { fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt'

export interface Descriptors {
  /** The file of this name and all that it needs, encoded, each once; undefined when there is none. */
  file(name: string): readonly Uint8Array[] | undefined
  /** The same for the file that declares a service, method, message, field, enum or extension. */
  fileDeclaring(symbol: string): readonly Uint8Array[] | undefined
  /** The same for the file that extends a message by a field of this number. */
  fileExtending(message: string, number: number): readonly Uint8Array[] | undefined
  /** Numbers of the fields that extend a message; undefined when there is no such message. */
  extensionsOf(message: string): readonly number[] | undefined
}

const setFile = new URL('./descriptors.binpb', import.meta.url)

let loading: Promise<Descriptors> | undefined

/** Reads them at the first call: most processes are never asked. */
export function loadDescriptors(): Promise<Descriptors> {
  loading ??= readFile(setFile).then(descriptorsOf)
  return loading
}

function descriptorsOf(bytes: Uint8Array): Descriptors {
  const files = new Map<string, FileDescriptorProto>()
  const declaring = new Map<string, string>()
  const extending = new Map<string, Map<number, string>>()
  for (const file of fromBinary(FileDescriptorSetSchema, bytes).file) {
    // Several sets in one: what they share comes several times.
    if (files.has(file.name)) continue
    files.set(file.name, file)
    for (const symbol of symbolsOf(file)) declaring.set(symbol, file.name)
    for (const { extendee, number } of extensionsIn(file)) {
      const message = extendee.replace(/^\./, '')
      const numbers = extending.get(message) ?? new Map<number, string>()
      extending.set(message, numbers.set(number, file.name))
    }
  }
  const withImports = (name: string, found = new Map<string, Uint8Array>()): Map<string, Uint8Array> => {
    const file = files.get(name)
    if (file === undefined || found.has(name)) return found
    found.set(name, toBinary(FileDescriptorProtoSchema, file))
    for (const dependency of file.dependency) withImports(dependency, found)
    return found
  }
  const encoded = (name: string | undefined): readonly Uint8Array[] | undefined =>
    name === undefined || !files.has(name) ? undefined : [...withImports(name).values()]
  return {
    file: encoded,
    fileDeclaring: (symbol) => encoded(declaring.get(symbol)),
    fileExtending: (message, number) => encoded(extending.get(message)?.get(number)),
    extensionsOf: (message) => {
      const numbers = extending.get(message)
      if (numbers !== undefined) return [...numbers.keys()]
      return declaring.has(message) ? [] : undefined
    },
  }
}

function* symbolsOf(file: FileDescriptorProto): Generator<string> {
  const scope = file.package === '' ? '' : `${file.package}.`
  for (const service of file.service) {
    yield scope + service.name
    for (const method of service.method) yield `${scope}${service.name}.${method.name}`
  }
  for (const message of file.messageType) yield* symbolsOfMessage(message, scope)
  for (const declared of file.enumType) yield* symbolsOfEnum(declared, scope)
  for (const extension of file.extension) yield scope + extension.name
}

function* symbolsOfMessage(message: DescriptorProto, scope: string): Generator<string> {
  const name = scope + message.name
  yield name
  for (const field of message.field) yield `${name}.${field.name}`
  for (const oneof of message.oneofDecl) yield `${name}.${oneof.name}`
  for (const extension of message.extension) yield `${name}.${extension.name}`
  for (const nested of message.nestedType) yield* symbolsOfMessage(nested, `${name}.`)
  for (const declared of message.enumType) yield* symbolsOfEnum(declared, `${name}.`)
}

/** Values of an enum are declared beside it, as in C++. */
function* symbolsOfEnum(declared: EnumDescriptorProto, scope: string): Generator<string> {
  yield scope + declared.name
  for (const value of declared.value) yield scope + value.name
}

function* extensionsIn(file: {
  readonly extension: FileDescriptorProto['extension']
  readonly messageType?: readonly DescriptorProto[]
  readonly nestedType?: readonly DescriptorProto[]
}): Generator<{ readonly extendee: string; readonly number: number }> {
  yield* file.extension
  for (const message of file.messageType ?? file.nestedType ?? []) yield* extensionsIn(message)
}
