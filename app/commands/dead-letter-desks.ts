/** The letters that a command works on: the desks of all topologies, and which of their letters are meant. */
import { suggestion } from '../../control/did-you-mean.ts'
import {
  DeadLetterDesk,
  type FullLetter,
  type LetterFilter,
  type LetterKind,
  letterNamed,
  type RecordPlace,
} from '../../streams/index.ts'
import { UsageError } from '../failure.ts'
import { orderTopologies, topologyNames } from '../order-topologies.ts'
import { type Platform, withPlatform } from '../platform.ts'
import { makesWhatIsMissing } from '../prepare.ts'
import { orderRejections } from '../rejections.ts'
import { type ConfigOptions, placeConfigOf, wholeNumber } from './command-context.ts'

export interface KindOptions extends ConfigOptions {
  readonly rejections?: boolean
}

export interface FilterOptions extends KindOptions {
  readonly topology?: string
  readonly code?: string
  readonly operator?: string
  readonly topic?: string
}

/** A letter with the number that it has in the list of all of its kind. */
export interface NumberedLetter {
  readonly number: number
  readonly state: 'PENDING' | 'REPLAYED' | 'DISCARDED'
  readonly full: FullLetter
  readonly desk: DeadLetterDesk
}

/** @param work what is to be done: whoever only looks registers nothing in a cluster */
export async function withDesks<T>(
  options: ConfigOptions,
  work: 'look' | 'change',
  use: (desks: readonly DeadLetterDesk[]) => Promise<T>,
): Promise<T> {
  const config = placeConfigOf(options)
  return withPlatform(config, { parts: ['registry'], mode: 'existing' }, async (platform: Platform) => {
    const { log, clock, logger } = platform
    const registry = await platform.openRegistry({
      registers: work === 'change' && makesWhatIsMissing(config),
    })
    return use(
      orderTopologies(topologyNames, config).map((topology) => {
        const rejections = topology.name === orderRejections.topology ? { rejections: orderRejections } : {}
        return new DeadLetterDesk({ log, clock, logger, registry, topology, ...rejections })
      }),
    )
  })
}

/** All of them, the oldest first, so that a number stays the same while new ones come. */
export async function numbered(
  desks: readonly DeadLetterDesk[],
  kind: LetterKind,
): Promise<NumberedLetter[]> {
  const letters: Omit<NumberedLetter, 'number'>[] = []
  for (const desk of desks) {
    if (kind === 'rejections' && desk.topology.name !== orderRejections.topology) continue
    for await (const { status, ...full } of desk.all(kind, {}))
      letters.push({ full, state: status?.state ?? 'PENDING', desk })
  }
  // Sorting is stable: those of one moment stay in the order of their topology, partition and offset.
  return letters
    .sort((a, b) => a.full.letter.failedTimeMs - b.full.letter.failedTimeMs)
    .map((letter, index) => ({ number: index + 1, ...letter }))
}

/** @throws UsageError for a number or a name that there is not */
export async function wanted(
  desks: readonly DeadLetterDesk[],
  text: string,
  options: KindOptions,
): Promise<{ readonly desk: DeadLetterDesk; readonly place: RecordPlace }> {
  const place = letterNamed(text)
  if (place !== undefined) {
    const desk = desks.find((one) => one.kindOf(place.topic) !== undefined)
    if (desk === undefined) throw new UsageError(`${place.topic} is no topic of dead letters`)
    return { desk, place }
  }
  const number = wholeNumber('the number', 1)(text)
  const letters = await numbered(desks, kindOf(options))
  const letter = letters[number - 1]
  if (letter === undefined) {
    const range = letters.length === 0 ? 'there are none' : `they have the numbers 1 to ${letters.length}`
    throw new UsageError(`there is no dead letter ${number}: ${range}`)
  }
  return { desk: letter.desk, place: letter.full.letter.place }
}

export function deskOf(
  desks: readonly DeadLetterDesk[],
  { topology, rejections }: FilterOptions,
): DeadLetterDesk {
  if (topology === undefined)
    throw new UsageError('name a dead letter by its number, or a topology with --topology for all of it')
  checkTopology(topology)
  if (rejections === true && topology !== orderRejections.topology)
    throw new UsageError(`${topology} rejects nothing: only ${orderRejections.topology} does`)
  return desks.find((desk) => desk.topology.name === topology)!
}

export function checkTopology(name: string): void {
  if (!topologyNames.includes(name))
    throw new UsageError(`there is no topology "${name}": ${suggestion(name, topologyNames)}`)
}

export function refuseFilter({ topology, code, operator, topic }: FilterOptions): void {
  if ([topology, code, operator, topic].some((one) => one !== undefined))
    throw new UsageError('one dead letter is named, and others are asked for by options: leave one out')
}

export function filterOf({ code, operator, topic }: FilterOptions): LetterFilter {
  return {
    ...(code === undefined ? {} : { code }),
    ...(operator === undefined ? {} : { operator }),
    ...(topic === undefined ? {} : { topic }),
  }
}

export function kindOf({ rejections }: KindOptions): LetterKind {
  return rejections === true ? 'rejections' : 'dead-letters'
}
