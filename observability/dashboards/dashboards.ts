/** The dashboards: is it healthy, where is it slow, what is late. */
import { control } from './control.ts'
import type { Dashboard } from './dashboard.ts'
import { overview } from './overview.ts'
import { sinks } from './sinks.ts'
import { state } from './state.ts'
import { task } from './task.ts'
import { topology } from './topology.ts'

export const dashboards: readonly Dashboard[] = [overview, topology, task, state, sinks, control]
