/**
 * What the variables of a dashboard choose, in PromQL. Every selector has those of a release: several of them, in different namespaces and
 * clusters, may be read by one Prometheus. `.*`, which "all" stands for, is also a label that is not there.
 */

/** The labels that tell releases apart; `job` is theirs by the chart's ServiceMonitor. */
export const releaseLabels = 'cluster, namespace, job'
const ofReleaseMatchers = 'cluster=~"$cluster",namespace=~"$namespace",job=~"$job"'

export const ofRelease = `{${ofReleaseMatchers}}`
export const ofTopology = narrowed(ofRelease, 'topology=~"$topology"')
export const ofTask = narrowed(ofTopology, 'task=~"$task"')
export const ofInstance = narrowed(ofRelease, 'instance=~"$instance"')
export const ofTopologyAndInstance = narrowed(ofTopology, 'instance=~"$instance"')

/** A selector with more matchers. */
export function narrowed(selector: string, matchers: string): string {
  return `${selector.slice(0, -1)},${matchers}}`
}

/** What to group by, so that releases are not mixed. */
export function by(...labels: readonly string[]): string {
  return `by (${[releaseLabels, ...labels].join(', ')})`
}

/** How much a counter grows in a second. */
export function rate(metric: string, selector: string): string {
  return `rate(${metric}${selector}[$__rate_interval])`
}

/** How much it has grown. */
export function increase(metric: string, selector: string, range: string): string {
  return `increase(${metric}${selector}[${range}])`
}

/** A quantile of a histogram, by labels. */
export function quantile(
  share: number,
  histogram: string,
  selector: string,
  ...labels: readonly string[]
): string {
  return `histogram_quantile(${share}, sum ${by(...labels, 'le')} (${rate(`${histogram}_bucket`, selector)}))`
}
