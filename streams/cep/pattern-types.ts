/** The types that flow through a pattern: which stages it has so far, and so which fields its matches have. */
import type { PatternDefinition } from './pattern-definition.ts'

/** Stage names, each with whether every match has events of it. */
export type Stages = Readonly<Record<string, 'always' | 'maybe'>>

type Flat<T> = { readonly [Key in keyof T]: T[Key] }

export type With<S extends Stages, Added extends Stages> = Flat<S & Added>
/** The same stages, of which some may take nothing. */
export type Maybe<S extends Stages, Names> = {
  readonly [Name in keyof S]: Name extends Names ? 'maybe' : S[Name]
}

/** The events of a match by the names of the pattern's stages. A stage that took none has an empty list. */
export type Match<E, S extends Stages> = {
  readonly [Name in keyof S]: S[Name] extends 'always' ? readonly [E, ...E[]] : readonly E[]
}

/** What a run has taken so far; any stage may have taken nothing yet. */
export type PartialMatch<E, S extends Stages> = { readonly [Name in keyof S]: readonly E[] }

/** A pattern over events of type E, as matchers and groups take it. */
export interface PatternOf<E, S extends Stages> {
  readonly definition: PatternDefinition<E>
  /** Never set; carries the type. */
  readonly fields?: S
}
