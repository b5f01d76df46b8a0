import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CheapestFlow } from './cheapest-flow.ts'

/** Every way to give each task to a member or, where that is too dear, to nobody. */
function cheapestByTrying(costs: readonly (readonly (number | null)[])[], room: number, step: number) {
  let best = { units: 0, cost: 0 }
  const loads = costs[0]!.map(() => 0)
  const visit = (task: number, units: number, cost: number): void => {
    if (task === costs.length) {
      if (units > best.units || (units === best.units && cost < best.cost)) best = { units, cost }
      return
    }
    visit(task + 1, units, cost)
    for (const [member, own] of costs[task]!.entries()) {
      if (own === null || loads[member] === room) continue
      loads[member]!++
      visit(task + 1, units + 1, cost + own + step * (loads[member]! - 1))
      loads[member]!--
    }
  }
  visit(0, 0, 0)
  return best
}

describe('CheapestFlow', () => {
  it('should send as much as any other flow, for as little', () => {
    const costs = fc
      .integer({ min: 1, max: 3 })
      .chain((members) =>
        fc.array(
          fc.array(fc.option(fc.nat({ max: 9 }), { freq: 4 }), { minLength: members, maxLength: members }),
          { minLength: 1, maxLength: 5 },
        ),
      )
    fc.assert(
      fc.property(costs, fc.integer({ min: 1, max: 3 }), fc.nat({ max: 4 }), (costs, room, step) => {
        const flow = new CheapestFlow()
        const source = flow.addNode()
        const sink = flow.addNode()
        const members = costs[0]!.map(() => flow.addNode())
        const seats = members.map((member) => flow.addEdge(member, sink, room, 0, step))
        const sent = costs.flatMap((row) => {
          const task = flow.addNode()
          flow.addEdge(source, task, 1, 0)
          return row.flatMap((cost, member) =>
            cost === null ? [] : [{ cost, edge: flow.addEdge(task, members[member]!, 1, cost) }],
          )
        })
        flow.run(source, sink)
        const loads = seats.map((edge) => flow.unitsOn(edge))
        const units = loads.reduce((sum, load) => sum + load, 0)
        const paid = sent.reduce((sum, { cost, edge }) => sum + cost * flow.unitsOn(edge), 0)
        const forSteps = loads.reduce((sum, load) => sum + (step * load * (load - 1)) / 2, 0)
        expect({ units, cost: paid + forSteps }).toEqual(cheapestByTrying(costs, room, step))
      }),
      { numRuns: 200 },
    )
  })

  it('should send several units over one edge', () => {
    const flow = new CheapestFlow()
    const [source, middle, sink] = [flow.addNode(), flow.addNode(), flow.addNode()]
    flow.addEdge(source, middle, 7, 0)
    const cheap = flow.addEdge(middle, sink, 3, 1)
    const dear = flow.addEdge(middle, sink, 9, 2)
    flow.run(source, sink)
    expect([flow.unitsOn(cheap), flow.unitsOn(dear)]).toEqual([3, 4])
  })
})
