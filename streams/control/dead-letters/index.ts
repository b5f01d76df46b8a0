/** Dead letters and rejections, for what lies above the engine. */
export {
  DeadLetterDesk,
  type DeadLetterDeskOptions,
  type DiscardOutcome,
  defaultAttemptsMax,
  type LetterKind,
  type ReplayOutcome,
  type StatedLetter,
} from './dead-letter-desk.ts'
export {
  type FullLetter,
  type Letter,
  type LetterFilter,
  nameOf as letterName,
  placeNamed as letterNamed,
  type RecordContent,
  type RecordPlace,
} from './letter.ts'
export { type SettleStep, settleSteps } from './letter-settler.ts'
export { type Rejection, type RejectionTopic, rejectionTopic } from './letter-topic.ts'
export type { PageCursor } from './newest-first.ts'
export { RecordValues } from './record-values.ts'
export type { ReplaySummary } from './replay-all.ts'
