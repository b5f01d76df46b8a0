import { describe, expect, it } from 'vitest'
import type { TopologyPlan, Verdict } from '../streams/index.ts'
import { planSummary, planText } from './plan-text.ts'

const planOf = (...verdicts: readonly Verdict[]): TopologyPlan[] => [
  {
    topology: 'cleanse',
    items: verdicts.map((verdict) => ({
      kind: 'topology',
      name: 'cleanse',
      verdict,
      text: 'as it is',
      remedy: verdict === 'keep' ? null : 'mend it',
    })),
  },
]

describe('the text of a plan', () => {
  it('should say how to stop what must be stopped first, and where it is said what to do about what is lost', () => {
    const text = planText(planOf('keep', 'stop-first', 'lost', 'orphan'), false)
    expect(text).toMatch(/\(stop-first\): mend it; on Kubernetes scale its StatefulSet to 0.*upgrades\.md/)
    expect(text).toMatch(/\(lost\): mend it; docs\/operations\/disasters\.md.*plan\.allow/)
    expect(text).toMatch(/\(orphan\): mend it$/m)
  })

  it('should have nothing to show where all goes on', () => {
    expect(planText(planOf('keep'), false)).toBe('')
    expect(planText(planOf('keep'), true)).toContain('as it is')
  })

  it('should tell safe from allowed', () => {
    expect(planSummary(planOf('keep'), ['orphan'])).toContain('1 keep; safe')
    expect(planSummary(planOf('orphan'), ['orphan'])).toContain('1 orphan; allowed')
    expect(planSummary(planOf('orphan', 'lost'), ['orphan'])).toContain('look at it first')
    expect(planSummary(planOf('incompatible'), ['orphan'])).toContain('unsafe')
  })
})
