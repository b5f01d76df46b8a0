/** The events along a run, by stage. */
import type { TakenEvents } from './condition.ts'
import type { TakenNode } from './match-state.ts'

/** All events of a match or of a run. */
export function eventsOf<E>(node: TakenNode<E>, stages: readonly string[]): Record<string, E[]> {
  const lists = stages.map((): E[] => [])
  for (let at: TakenNode<E> | undefined = node; at !== undefined; at = at.previous) {
    lists[at.stage]!.push(at.event.value)
  }
  const events: Record<string, E[]> = {}
  for (let stage = 0; stage < stages.length; stage++) events[stages[stage]!] = lists[stage]!.reverse()
  return events
}

export type TakenView<E> = (node: TakenNode<E> | undefined) => TakenEvents<E>

/** Views for conditions, which mostly ask for one stage: a list is made when it is asked for. */
export function takenView<E>(stages: readonly string[]): TakenView<E> {
  class View {
    readonly #node: TakenNode<E> | undefined

    constructor(node: TakenNode<E> | undefined) {
      this.#node = node
    }

    static of(view: View, stage: number): readonly E[] {
      const events: E[] = []
      for (let at = view.#node; at !== undefined; at = at.previous) {
        if (at.stage === stage) events.push(at.event.value)
      }
      return events.reverse()
    }
  }
  stages.forEach((name, stage) => {
    Object.defineProperty(View.prototype, name, {
      get(this: View) {
        return View.of(this, stage)
      },
    })
  })
  // The properties were just defined.
  return (node) => new View(node) as object as TakenEvents<E>
}
