/** Keys and values of stores as JSON, for people to read: bytes as base64, numbers that JSON does not have as text. */

export function plainJson(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  if (Array.isArray(value)) return value.map(plainJson)
  if (value instanceof Map) return [...value].map(([key, held]) => [plainJson(key), plainJson(held)])
  if (typeof value !== 'object' || value === null) return value ?? null
  return Object.fromEntries(Object.entries(value).map(([name, held]) => [name, plainJson(held)]))
}
