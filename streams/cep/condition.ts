/**
 * Conditions as data: trees over the tests that users wrote. A test of the event alone has the same answer for all runs, so it
 * is called once per event; a test that also looks at what a run has taken is called for each run, and only where the
 * others leave it open. For that a condition is judged in three values: no, yes, and "depends on the run".
 */

/** What a run has taken so far, by stage; stages that took nothing have an empty list. */
export type TakenEvents<E> = Readonly<Record<string, readonly E[]>>

export interface EventTest<E> {
  readonly kind: 'event'
  readonly test: (event: E) => boolean
  /** Numbers the tests of a pattern, for what is known of the current event. */
  readonly slot: number
}

export type Condition<E> =
  | { readonly kind: 'always' }
  | { readonly kind: 'never' }
  | EventTest<E>
  | { readonly kind: 'run'; readonly test: (event: E, taken: TakenEvents<E>) => boolean }
  | { readonly kind: 'not'; readonly of: Condition<E> }
  | { readonly kind: 'and' | 'or'; readonly left: Condition<E>; readonly right: Condition<E> }

export const always: Condition<unknown> = { kind: 'always' }
export const never: Condition<unknown> = { kind: 'never' }

export function not<E>(of: Condition<E>): Condition<E> {
  if (of.kind === 'always') return never
  if (of.kind === 'never') return always
  return of.kind === 'not' ? of.of : { kind: 'not', of }
}

export function and<E>(left: Condition<E>, right: Condition<E>): Condition<E> {
  if (left.kind === 'always' || right.kind === 'never' || left === right) return right
  if (right.kind === 'always' || left.kind === 'never') return left
  return { kind: 'and', left, right }
}

export function or<E>(left: Condition<E>, right: Condition<E>): Condition<E> {
  if (left.kind === 'never' || right.kind === 'always' || left === right) return right
  if (right.kind === 'never' || left.kind === 'always') return left
  return { kind: 'or', left, right }
}

/** Numbers the event tests of conditions, each test once wherever it stands. */
export class EventTests<E> {
  private readonly numbered = new Map<EventTest<E>, EventTest<E>>()

  get count(): number {
    return this.numbered.size
  }

  number(condition: Condition<E>): Condition<E> {
    switch (condition.kind) {
      case 'event': {
        const known = this.numbered.get(condition)
        if (known !== undefined) return known
        const numbered = { ...condition, slot: this.numbered.size }
        this.numbered.set(condition, numbered)
        return numbered
      }
      case 'not':
        return { kind: 'not', of: this.number(condition.of) }
      case 'and':
      case 'or':
        return {
          kind: condition.kind,
          left: this.number(condition.left),
          right: this.number(condition.right),
        }
      default:
        return condition
    }
  }
}

export type Verdict = 'no' | 'yes' | 'depends'

/** Judges conditions for one event at a time. */
export class Judge<E> {
  /** Tests called so far. */
  asked = 0
  /** By slot: 1 for no, 2 for yes, 0 for not asked yet. */
  private readonly known: Uint8Array
  private event: E | undefined

  constructor(eventTests: number) {
    this.known = new Uint8Array(eventTests)
  }

  begin(event: E): void {
    this.event = event
    this.known.fill(0)
  }

  /** What can be said without looking at a run. */
  ofEvent(condition: Condition<E>): Verdict {
    switch (condition.kind) {
      case 'always':
        return 'yes'
      case 'never':
        return 'no'
      case 'event':
        return this.passes(condition) ? 'yes' : 'no'
      case 'run':
        return 'depends'
      case 'not': {
        const verdict = this.ofEvent(condition.of)
        return verdict === 'depends' ? verdict : verdict === 'yes' ? 'no' : 'yes'
      }
      default: {
        const decides = condition.kind === 'and' ? 'no' : 'yes'
        const left = this.ofEvent(condition.left)
        if (left === decides) return left
        const right = this.ofEvent(condition.right)
        return right === decides || left !== 'depends' ? right : left
      }
    }
  }

  ofRun(condition: Condition<E>, taken: TakenEvents<E>): boolean {
    switch (condition.kind) {
      case 'always':
        return true
      case 'never':
        return false
      case 'event':
        return this.passes(condition)
      case 'run':
        this.asked++
        // Set by `begin`: E may include undefined, so there is nothing to check it against.
        return condition.test(this.event as E, taken)
      case 'not':
        return !this.ofRun(condition.of, taken)
      case 'and':
        return this.ofRun(condition.left, taken) && this.ofRun(condition.right, taken)
      case 'or':
        return this.ofRun(condition.left, taken) || this.ofRun(condition.right, taken)
    }
  }

  private passes({ slot, test }: EventTest<E>): boolean {
    const known = this.known[slot]!
    if (known !== 0) return known === 2
    this.asked++
    const passes = test(this.event as E)
    this.known[slot] = passes ? 2 : 1
    return passes
  }
}
