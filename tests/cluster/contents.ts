/**
 * What lies in the topics and tables, brought into one form in which what is and what should be can be compared: a text for
 * each record or row, by place and by key. Within a key the order counts.
 */

/** By key the texts, in their order; those without a key in the order of the alphabet. */
type Place = ReadonlyMap<string, readonly string[]>

/** By the name of a topic, or of a table with the word before it. */
export type Contents = ReadonlyMap<string, Place>

/** Collects contents. */
export class Places {
  private readonly places = new Map<string, Map<string, string[]>>()
  private readonly copies = new Map<string, number>()

  /** Answers a name for the item by which no other of its place goes, though it may be equal to others. */
  add(place: string, key: string | null, item: Readonly<Record<string, unknown>>): string {
    const byKey = this.places.get(place) ?? new Map<string, string[]>()
    this.places.set(place, byKey)
    const text = textOf(item)
    const group = key ?? 'no key'
    const texts = byKey.get(group)
    if (texts === undefined) byKey.set(group, [text])
    else texts.push(text)
    const identity = `${place} ${group} ${text}`
    const copy = (this.copies.get(identity) ?? 0) + 1
    this.copies.set(identity, copy)
    return `${group} ${text} #${copy}`
  }

  contents(): Contents {
    for (const byKey of this.places.values()) byKey.get('no key')?.sort()
    return this.places
  }
}

/** JSON with its fields in the order of their names, at any depth. */
function textOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(textOf).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const fields = Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, field]) => `${JSON.stringify(name)}:${textOf(field)}`)
  return `{${fields.join(',')}}`
}

const nothing: Place = new Map()
const mostShown = 5
const mostCharacters = 400

/** What differs, a sentence each, the first few of each place. */
export function differences(expected: Contents, actual: Contents): string[] {
  const places = new Set([...expected.keys(), ...actual.keys()])
  return [...places].flatMap((place) => {
    const found = differencesAt(expected.get(place) ?? nothing, actual.get(place) ?? nothing)
    const rest = found.length - mostShown
    const shown = found.slice(0, mostShown).map((text) => `${place}: ${text}`)
    return rest > 0 ? [...shown, `${place}: and ${rest} more`] : shown
  })
}

function differencesAt(expected: Place, actual: Place): string[] {
  const found: string[] = []
  for (const key of new Set([...expected.keys(), ...actual.keys()])) {
    const [wanted, there] = [expected.get(key) ?? [], actual.get(key) ?? []]
    const surplus = new Map<string, number>()
    for (const text of there) surplus.set(text, (surplus.get(text) ?? 0) + 1)
    for (const text of wanted) surplus.set(text, (surplus.get(text) ?? 0) - 1)
    const sentences: string[] = []
    for (const [text, count] of surplus) {
      const shown = `${key}: ${text.slice(0, mostCharacters)}`
      if (count < 0) sentences.push(`${-count} missing: ${shown}`)
      if (count > 0) sentences.push(`${count} too many: ${shown}`)
    }
    if (sentences.length === 0 && wanted.some((text, index) => text !== there[index]))
      sentences.push(`the records of ${key} are in another order`)
    found.push(...sentences)
  }
  return found
}
