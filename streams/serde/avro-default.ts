/** Default values of Avro fields, which are written in JSON in a form of their own. */
import type { AvroType } from './avro-schema.ts'

/**
 * The value that a default given as JSON stands for: bytes are written as text of the characters 0 to 255, and a
 * union's default is of its first branch. @throws TypeError when it is not of the type
 */
export function defaultValue(type: AvroType, json: unknown): unknown {
  switch (type.kind) {
    case 'null':
      return checked(json === null, json)
    case 'boolean':
    case 'string':
      return checked(typeof json === type.kind, json)
    case 'int':
      return checked(json === (Number(json) | 0), json)
    case 'long':
      return checked(Number.isSafeInteger(json), json)
    case 'float':
    case 'double':
      return checked(typeof json === 'number', json)
    case 'bytes':
      return bytesOf(json)
    case 'fixed': {
      const bytes = bytesOf(json)
      return checked(bytes.length === type.sizeBytes, bytes)
    }
    case 'enum':
      return checked(type.symbols.includes(String(json)), json)
    case 'union':
      return defaultValue(type.branches[0]!, json)
    case 'array':
      checked(Array.isArray(json), json)
      return (json as unknown[]).map((item) => defaultValue(type.items, item))
    case 'map':
      return Object.fromEntries(
        Object.entries(objectOf(json)).map(([key, value]) => [key, defaultValue(type.values, value)]),
      )
    case 'record': {
      const object = objectOf(json)
      return Object.fromEntries(
        type.fields.map((field) => {
          const given = Object.hasOwn(object, field.name) ? object[field.name] : field.default
          return [field.name, defaultValue(field.type, given)]
        }),
      )
    }
  }
}

function bytesOf(json: unknown): Buffer {
  const text = String(checked(typeof json === 'string', json))
  for (let i = 0; i < text.length; i++) checked(text.charCodeAt(i) < 256, json)
  return Buffer.from(text, 'latin1')
}

function objectOf(json: unknown): Readonly<Record<string, unknown>> {
  checked(typeof json === 'object' && json !== null && !Array.isArray(json), json)
  return json as Record<string, unknown>
}

function checked<V>(holds: boolean, value: V): V {
  if (!holds) throw new TypeError('not of the type')
  return value
}
