/** What the variables of a dashboard choose, in PromQL. */

export const ofTopology = '{topology=~"$topology"}'
export const ofTask = '{topology=~"$topology",task=~"$task"}'
export const ofInstance = '{instance=~"$instance"}'

/** How much a counter grows in a second. */
export function rate(metric: string, selector: string): string {
  return `rate(${metric}${selector}[$__rate_interval])`
}
