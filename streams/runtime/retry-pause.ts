/** The pause before another attempt: twice as long each time, up to a bound. */
import type { RuntimeSettings } from './settings.ts'

/** @param attempt counts from 1 */
export function retryPauseMs(
  { taskRetryInitialMs, taskRetryMaxMs }: Pick<RuntimeSettings, 'taskRetryInitialMs' | 'taskRetryMaxMs'>,
  attempt: number,
): number {
  return Math.min(taskRetryMaxMs, taskRetryInitialMs * 2 ** (attempt - 1))
}
