/** Finds what is wrong with a value that does not fit its schema, and where. */
import { type AvroType, type AvroUnion, describeType } from './avro-schema.ts'

/** What is wrong with the value, such as `OrderProcessed.lines[2].quantity: "3" is not an int`; null when it fits. */
export function misfit(type: AvroType, value: unknown, path: string): string | null {
  switch (type.kind) {
    case 'null':
      return value === null ? null : wrong(type, value, path)
    case 'boolean':
    case 'string':
      return typeof value === type.kind ? null : wrong(type, value, path)
    case 'int':
      return value === (Number(value) | 0) ? null : wrong(type, value, path)
    case 'long':
      return longMisfit(type, value, path)
    case 'float':
    case 'double':
      return typeof value === 'number' ? null : wrong(type, value, path)
    case 'bytes':
      return value instanceof Uint8Array ? null : wrong(type, value, path)
    case 'fixed':
      return value instanceof Uint8Array && value.length === type.sizeBytes ? null : wrong(type, value, path)
    case 'enum':
      return type.symbols.some((symbol) => symbol === value) ? null : wrong(type, value, path)
    case 'array':
      if (!Array.isArray(value)) return wrong(type, value, path)
      return first(value.entries(), ([index, item]) => misfit(type.items, item, `${path}[${index}]`))
    case 'map':
      if (!isObject(value)) return wrong(type, value, path)
      return first(Object.entries(value), ([key, item]) =>
        misfit(type.values, item, `${path}[${JSON.stringify(key)}]`),
      )
    case 'record':
      if (!isObject(value)) return wrong(type, value, path)
      return first(type.fields, (field) => misfit(field.type, value[field.name], `${path}.${field.name}`))
    case 'union':
      return unionMisfit(type, value, path)
  }
}

/** The first branch that takes the value, or -1. */
export function branchOf(union: AvroUnion, value: unknown): number {
  const { branches } = union
  for (let index = 0; index < branches.length; index++) if (fits(branches[index]!, value)) return index
  return -1
}

/** Whether `misfit` would find nothing. It is asked of every value of a union, so it makes no text. */
function fits(type: AvroType, value: unknown): boolean {
  switch (type.kind) {
    case 'string':
      return typeof value === 'string'
    case 'long':
      return Number.isSafeInteger(value)
    case 'enum':
      return type.symbols.some((symbol) => symbol === value)
    case 'record':
      return isObject(value) && type.fields.every((field) => fits(field.type, value[field.name]))
    case 'union':
      return branchOf(type, value) >= 0
    default:
      return misfit(type, value, '') === null
  }
}

function longMisfit(type: AvroType, value: unknown, path: string): string | null {
  if (Number.isSafeInteger(value)) return null
  if (!Number.isInteger(value)) return wrong(type, value, path)
  return `${path}: ${value} is not a long that a number holds exactly (at most 2^53 - 1 either way)`
}

/** Of `null or T` the problem inside T is told, which says more than that neither fits. */
function unionMisfit(union: AvroUnion, value: unknown, path: string): string | null {
  if (branchOf(union, value) >= 0) return null
  const others = union.branches.filter((branch) => branch.kind !== 'null')
  if (others.length !== 1 || !isStructured(value)) return wrong(union, value, path)
  return misfit(others[0]!, value, path)
}

function wrong(type: AvroType, value: unknown, path: string): string {
  if (value === undefined) return `${path}: missing, should be ${withArticle(type)}`
  return `${path}: ${shown(value)} is not ${withArticle(type)}`
}

function withArticle(type: AvroType): string {
  const name = describeType(type)
  if (type.kind === 'null' || type.kind === 'bytes' || type.kind === 'union') return name
  return /^[aeiou]/i.test(name) ? `an ${name}` : `a ${name}`
}

function shown(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.length} bytes`
  if (typeof value === 'function') return 'a function'
  if (typeof value !== 'string' && !isStructured(value)) return String(value)
  const text = jsonOf(value)
  return text.length <= 100 ? text : `${text.slice(0, 100)}…`
}

function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value)
  } catch {
    return 'an object'
  }
}

function isStructured(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return isStructured(value) && !Array.isArray(value) && !(value instanceof Uint8Array)
}

function first<T>(items: Iterable<T>, look: (item: T) => string | null): string | null {
  for (const item of items) {
    const found = look(item)
    if (found !== null) return found
  }
  return null
}
