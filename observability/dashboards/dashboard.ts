/**
 * Grafana dashboards as values: rows of panels, each with a question that it answers. Made into Grafana's JSON without anything that
 * differs from one time to the next, so that generated files can be compared.
 */
import { ofRelease, ofTopology } from './selectors.ts'

/** Units by the names that Grafana has for them. */
export type Unit =
  | 'short'
  | 's'
  | 'bytes'
  | 'Bps'
  | 'percentunit'
  | 'reqps'
  | 'recps'
  | 'rowsps'
  | 'wps'
  | 'ops'

export interface Query {
  /** PromQL; may use $cluster, $namespace, $job, what its dashboard has to choose by, and $__rate_interval. */
  readonly expr: string
  /** What a line is called, such as `{{topology}}`. */
  readonly legend: string
}

export interface Panel {
  readonly kind: 'timeseries' | 'stat'
  readonly title: string
  /** What it shows, and what to do when it looks bad. */
  readonly description: string
  readonly unit: Unit
  readonly queries: readonly Query[]
  /** Of 24. */
  readonly width: number
  /** From here on it is orange, and red. */
  readonly limits?: readonly [number, number]
}

export interface Row {
  readonly title: string
  readonly panels: readonly Panel[]
}

/** A variable to choose by; its values are those of a label. */
export type Choice = 'topology' | 'task' | 'instance'

/** Those that every dashboard has, from the outermost on. */
export const releaseChoices = ['cluster', 'namespace', 'job'] as const
type Variable = (typeof releaseChoices)[number] | Choice

export interface Dashboard {
  /** Of its file and its address. */
  readonly name: string
  readonly title: string
  readonly description: string
  readonly choices: readonly Choice[]
  readonly rows: readonly Row[]
}

const datasource = { type: 'prometheus', uid: `$${'{datasource}'}` }
/** Where the values are from; each is asked for within what is chosen before it. */
const variableQueries: Readonly<Record<Variable, string>> = {
  cluster: 'label_values(streams_build_info, cluster)',
  namespace: 'label_values(streams_build_info{cluster=~"$cluster"}, namespace)',
  job: 'label_values(streams_build_info{cluster=~"$cluster",namespace=~"$namespace"}, job)',
  topology: `label_values(streams_topology_running${ofRelease}, topology)`,
  task: `label_values(streams_records_in_total${ofTopology}, task)`,
  instance: `label_values(streams_build_info${ofRelease}, instance)`,
}
const variableTitles: Partial<Record<Variable, string>> = { job: 'release' }
/** Every metric of the product has them, and those of other programs have others: "all" are those that were found. */
const alwaysThere: readonly Variable[] = ['job', 'instance']
const panelHeight = 8

/** As Grafana stores it. */
export function grafanaJson(dashboard: Dashboard) {
  return {
    uid: `order-streams-${dashboard.name}`,
    title: `Order streams / ${dashboard.title}`,
    description: dashboard.description,
    tags: ['order-streams'],
    schemaVersion: 39,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh: '10s',
    time: { from: 'now-1h', to: 'now' },
    links: [
      {
        title: 'Order streams',
        type: 'dashboards',
        tags: ['order-streams'],
        asDropdown: true,
        includeVars: true,
        keepTime: true,
      },
    ],
    templating: {
      list: [
        { name: 'datasource', type: 'datasource', query: 'prometheus', label: 'Data source' },
        ...[...releaseChoices, ...dashboard.choices].map(variable),
      ],
    },
    panels: panelsOf(dashboard.rows),
  }
}

function variable(name: Variable) {
  return {
    name,
    type: 'query',
    label: variableTitles[name] ?? name,
    datasource,
    query: { query: variableQueries[name], refId: name },
    definition: variableQueries[name],
    refresh: 2,
    sort: 1,
    multi: true,
    includeAll: true,
    ...(alwaysThere.includes(name) ? {} : { allValue: '.*' }),
    current: { text: 'All', value: '$__all' },
  }
}

function panelsOf(rows: readonly Row[]) {
  let y = 0
  let id = 0
  return rows.flatMap((row) => {
    const header = {
      id: ++id,
      type: 'row',
      title: row.title,
      collapsed: false,
      panels: [],
      gridPos: { x: 0, y, w: 24, h: 1 },
    }
    y += 1
    let x = 0
    const panels = row.panels.map((panel) => {
      if (x + panel.width > 24) {
        x = 0
        y += panelHeight
      }
      const placed = panelJson(panel, ++id, { x, y, w: panel.width, h: panelHeight })
      x += panel.width
      return placed
    })
    y += panelHeight
    return [header, ...panels]
  })
}

function panelJson(panel: Panel, id: number, gridPos: Readonly<Record<'x' | 'y' | 'w' | 'h', number>>) {
  const [orange, red] = panel.limits ?? []
  return {
    id,
    type: panel.kind,
    title: panel.title,
    description: panel.description,
    datasource,
    gridPos,
    targets: panel.queries.map(({ expr, legend }, index) => ({
      refId: String.fromCharCode(65 + index),
      datasource,
      expr,
      legendFormat: legend,
    })),
    fieldConfig: {
      defaults: {
        unit: panel.unit,
        min: 0,
        thresholds: {
          mode: 'absolute',
          steps: [
            { color: 'green', value: null },
            ...(orange === undefined ? [] : [{ color: 'orange', value: orange }]),
            ...(red === undefined ? [] : [{ color: 'red', value: red }]),
          ],
        },
      },
      overrides: [],
    },
    options:
      panel.kind === 'timeseries'
        ? { legend: { displayMode: 'table', placement: 'bottom', calcs: ['lastNotNull', 'max'] } }
        : { reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false }, colorMode: 'background' },
  }
}

/** Lines over time. */
export function lines(title: string, unit: Unit, description: string, ...queries: readonly Query[]): Panel {
  return { kind: 'timeseries', title, unit, description, queries, width: 12 }
}

/** One figure that is green, orange or red. */
export function figure(
  title: string,
  unit: Unit,
  description: string,
  expr: string,
  limits: readonly [number, number],
): Panel {
  return { kind: 'stat', title, unit, description, queries: [{ expr, legend: '' }], width: 4, limits }
}

/** @param legend is followed by the namespace, where there is one */
export function query(expr: string, legend: string): Query {
  return { expr, legend: `${legend} {{namespace}}` }
}
