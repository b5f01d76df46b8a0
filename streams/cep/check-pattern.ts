/** What can be said against a pattern only once it is whole. What a single call gets wrong, `Pattern` refuses at once. */
import { isAbsence, type PatternDefinition, type Stage } from './pattern-definition.ts'
import { patternError } from './pattern-error.ts'

/** @throws PATTERN_INVALID naming the stage, what is wrong with it, and what to do */
export function checkPattern(definition: PatternDefinition<never>): void {
  const names = new Set<string>()
  checkStages(definition.stages, names)
  checkSkip(definition)
  const last = definition.stages.at(-1)!
  if (last.kind === 'single' && last.contiguity === 'notFollowedBy') {
    if (definition.withinMs === undefined && last.withinPreviousMs === undefined) {
      throw patternError(
        `stage "${last.name}"`,
        'a last notFollowedBy is never decided without a window',
        'add within(…), or another stage behind it',
      )
    }
  }
}

function checkStages(stages: readonly Stage<never>[], names: Set<string>): void {
  for (const stage of stages) {
    if (stage.kind === 'single') checkName(stage.name, names)
    else checkGroup(stage.stages, stage.repeat.kind === 'loop', names)
  }
}

function checkName(name: string, names: Set<string>): void {
  if (name === '' || name === '__proto__') {
    throw patternError(`stage "${name}"`, 'a match cannot have a field of that name', 'choose another name')
  }
  if (names.has(name)) {
    throw patternError(
      `stage "${name}"`,
      'two stages have this name, and a match has one field a name',
      'name each stage differently, absent ones and those in groups included',
    )
  }
  names.add(name)
}

function checkGroup(stages: readonly Stage<never>[], loops: boolean, names: Set<string>): void {
  const last = stages.at(-1)!
  if (last.contiguity === 'notFollowedBy') {
    throw patternError(
      `a group that ends in notFollowedBy("${last.kind === 'single' ? last.name : ''}")`,
      'what follows the group does not see it',
      'move the notFollowedBy behind the group, or add a stage behind it inside',
    )
  }
  if (loops && stages.every((stage) => stage.optional || isAbsence(stage))) {
    throw patternError(
      'a repeated group of which every stage is optional',
      'a round of it may take nothing, for ever',
      'make one of its stages mandatory',
    )
  }
  checkStages(stages, names)
}

function checkSkip({ skip, stages }: PatternDefinition<never>): void {
  if (!('stage' in skip)) return
  if (stages.some((stage) => stage.kind === 'single' && stage.name === skip.stage)) return
  throw patternError(
    `${skip.strategy}("${skip.stage}")`,
    'the pattern has no such stage outside of its groups',
    'name a stage that stands at the top of the pattern',
  )
}
